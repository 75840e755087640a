"""Steps of the reference that put values elsewhere: against torch, plain loops, values by hand."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from groupnet_det.modeling.heads.segmentation.upsampling import upsample_aligned
from groupnet_det.packed.steps.parts import Pool
from groupnet_det.runtime.reference.interpreter import run_reference
from groupnet_det.runtime.reference.layouts import (
    interpolated,
    max_pooled,
    nearest,
    resized,
    spread,
)
from tests.packed.programs import example_images, example_packed_files
from tests.packed.reference_values import nchw, nhwc, plain_map, same, traced

from .test_exact_fma import exact_fma

EXAMPLES = dict(example_packed_files())
INF, NAN = math.inf, math.nan


def named(start):
    return [pytest.param(p, id=name) for name, p in EXAMPLES.items() if name.startswith(start)]


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def float32(value):
    return torch.tensor(value, dtype=torch.float32).item()


def lerp(a, b, t):
    return exact_fma(float32(b - a), t, a)  # float64 holds more than the difference needs


def resized_value(x, factor, row, column):
    """One value of the result, as the documentation writes it; `x` is (H, W)."""
    i, j = row // factor, column // factor
    below, right = min(i + 1, x.shape[0] - 1), min(j + 1, x.shape[1] - 1)
    s, t = float32(row % factor / factor), float32(column % factor / factor)
    v = [[x[a, b].item() for b in (j, right)] for a in (i, below)]
    return lerp(lerp(*v[0], t), lerp(*v[1], t), s)


@pytest.mark.parametrize("factor", [1, 2, 3, 5, 8])
def test_resizing_by_a_loop(factor):
    x = noise(2, 3, 4, 2) * torch.tensor([1.0, 1e20])
    height, width = 3 * factor, 4 * factor - (factor > 2)
    result = resized(x, factor, height, width)
    assert result.shape == (2, height, width, 2)
    for image, row, column, channel in itertools.product(
        (0, 1), range(height), range(width), (0, 1)
    ):
        expected = resized_value(x[image, :, :, channel], factor, row, column)
        assert result[image, row, column, channel].item() == expected


@pytest.mark.parametrize("factor", [1, 2, 4, 7, 32])
def test_resizing_is_that_of_the_heads(factor):
    x = noise(2, 5, 6, 3)
    size = (5 * factor - factor // 2, 6 * factor)
    expected = upsample_aligned(x.permute(0, 3, 1, 2).double(), factor, size)
    torch.testing.assert_close(
        resized(x, factor, *size), nhwc(expected).float(), rtol=1e-6, atol=1e-6
    )


def test_resizing_by_hand():
    x = torch.tensor([[0.0, 4.0], [8.0, -4.0]])[None, :, :, None]
    expected = [[0, 2, 4, 4], [4, 2, 0, 0], [8, 2, -4, -4], [8, 2, -4, -4]]
    assert resized(x, 2, 4, 4)[0, :, :, 0].tolist() == expected
    assert resized(x, 2, 3, 1)[0, :, :, 0].tolist() == [[0], [4], [8]]


def test_resizing_of_infinity_and_negative_zero():
    # inf - inf is NaN, also where it is multiplied by 0; 0 * 0 + -0 is +0.
    x = torch.tensor([INF, 1.0, -0.0])[None, None, :, None]
    row = resized(x, 1, 1, 3)[0, 0, :, 0]
    assert row.isnan().tolist() == [True, False, False]
    assert row[1] == 1
    assert math.copysign(1, row[2].item()) == 1


def interpolated_value(x, factor, row, column):
    """One value of the result, as the documentation writes it; `x` is (H, W)."""
    y, z = (max(2 * place + 1 - factor, 0) for place in (row, column))
    i, j = y // (2 * factor), z // (2 * factor)
    below, right = min(i + 1, x.shape[0] - 1), min(j + 1, x.shape[1] - 1)
    s, t = (float32(place % (2 * factor) / (2 * factor)) for place in (y, z))
    v = [[x[a, b].item() for b in (j, right)] for a in (i, below)]
    return lerp(lerp(*v[0], t), lerp(*v[1], t), s)


@pytest.mark.parametrize("factor", [1, 2, 3, 5, 8])
def test_interpolation_by_a_loop(factor):
    x = noise(2, 3, 4, 2) * torch.tensor([1.0, 1e20])
    height, width = 3 * factor, 4 * factor - (factor > 2)
    result = interpolated(x, factor, height, width)
    assert result.shape == (2, height, width, 2)
    for image, row, column, channel in itertools.product(
        (0, 1), range(height), range(width), (0, 1)
    ):
        expected = interpolated_value(x[image, :, :, channel], factor, row, column)
        assert result[image, row, column, channel].item() == expected


@pytest.mark.parametrize("factor", [1, 2, 4, 7, 32])
def test_interpolation_is_that_of_torch(factor):
    x = noise(2, 5, 6, 3)
    expected = F.interpolate(nchw(x).double(), scale_factor=factor, mode="bilinear")
    height, width = 5 * factor - factor // 2, 6 * factor
    torch.testing.assert_close(
        interpolated(x, factor, height, width),
        nhwc(expected[:, :, :height]).float(),
        rtol=1e-6,
        atol=1e-6,
    )


def test_interpolation_by_hand():
    x = torch.tensor([[0.0, 4.0]])[None, :, :, None]
    assert interpolated(x, 2, 2, 4)[0, :, :, 0].tolist() == [[0, 1, 3, 4]] * 2
    assert interpolated(x, 2, 1, 3)[0, :, :, 0].tolist() == [[0, 1, 3]]


@pytest.mark.parametrize("packed", named("interpolate-"))
def test_interpolate_steps(packed):
    images = example_images(packed)
    step = packed.program.steps[-1]
    result = run_reference(packed, images)["out"]
    small = traced(packed, images)[1, step.input]
    height, width = images.shape[1:3] if step.like is not None else (16, 20)  # multiples of 4
    assert result.shape == (2, height, width, small.shape[3])
    expected = F.interpolate(nchw(small), scale_factor=step.factor, mode="bilinear")
    expected = nhwc(expected[:, :, :height, :width]).float()
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("packed", named("resize-"))
def test_resize_steps(packed):
    images = example_images(packed)
    step = packed.program.steps[-1]
    result = run_reference(packed, images)["out"]
    small = traced(packed, images)[1, step.input]
    size = images.shape[1:3] if step.like is not None else (16, 20)  # multiples of 4
    assert result.shape == (2, *size, small.shape[3])
    expected = upsample_aligned(nchw(small), step.factor, size)
    torch.testing.assert_close(result, nhwc(expected).float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("packed", named("max-pool-"))
def test_max_pool_steps(packed):
    maps = traced(packed)
    step = packed.program.steps[1]
    room = step.pool.padding
    x = F.pad(nchw(maps[0, step.input]), [room] * 4, value=-INF)
    expected = F.max_pool2d(x, step.pool.kernel, step.pool.stride)
    assert torch.equal(maps[1, step.output], nhwc(expected).float())


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1.0, NAN, 2.0], 2.0),
        ([NAN, 1.0, 2.0], NAN),
        ([-INF, NAN, -INF], -INF),
        ([-0.0, 0.0, -1.0], -0.0),
        ([0.0, -0.0, -1.0], 0.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("padding", [0, 2])
def test_max_pooling_of_nan_and_zeros(row, expected, padding):
    x = torch.tensor(row)[None, None, :, None]
    if padding:
        (value,) = max_pooled(x, Pool(kernel=5, stride=3, padding=2)).flatten().tolist()
    else:
        columns = x.reshape(1, 3, 1, 1).expand(1, 3, 3, 1)  # the first row decides, too
        (value,) = max_pooled(columns, Pool(kernel=3, stride=1, padding=0)).flatten().tolist()
    assert same(torch.tensor(value), torch.tensor(expected))


@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_max_pooling_by_a_loop(kernel):
    x = noise(1, 5, 6, 2).round()  # many equal ones
    pool = Pool(kernel=kernel, stride=2, padding=kernel - 1)
    result = max_pooled(x, pool)
    for row, column in itertools.product(range(result.shape[1]), range(result.shape[2])):
        top, left = 2 * row - pool.padding, 2 * column - pool.padding
        window = x[0, max(top, 0) : top + kernel, max(left, 0) : left + kernel]
        assert torch.equal(result[0, row, column], window.amax((0, 1)))


@pytest.mark.parametrize("packed", named("depth-to-space-"))
def test_depth_to_space_is_pixel_shuffle_with_other_channels(packed):
    maps = traced(packed)
    step = packed.program.steps[1]
    x = maps[0, step.input]
    area = step.factor**2
    order = torch.arange(x.shape[3]).view(area, -1).T.flatten()  # c f f + f i + j
    expected = F.pixel_shuffle(nchw(x)[:, order], step.factor)
    assert torch.equal(maps[1, step.output], nhwc(expected).float())


def test_depth_to_space_by_hand():
    x = torch.arange(24.0).view(1, 1, 2, 12)  # two pixels of four groups of three channels
    expected = [
        [[0, 1, 2], [3, 4, 5], [12, 13, 14], [15, 16, 17]],
        [[6, 7, 8], [9, 10, 11], [18, 19, 20], [21, 22, 23]],
    ]
    assert spread(x, 2)[0].tolist() == expected


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
def test_residuals_of_other_sizes_are_the_nearest(factor):
    x = noise(2, 3, 4, 5)
    upsampled = F.interpolate(nchw(x), scale_factor=factor, mode="nearest")
    for less in range(factor):
        height, width = 3 * factor - less, 4 * factor - less
        expected = nhwc(upsampled)[:, :height, :width].float()
        assert torch.equal(nearest(x, factor, height, width), expected)


@pytest.mark.parametrize("packed", named("residual-"))
def test_residuals(packed):
    images = example_images(packed)
    maps = traced(packed)
    index = len(packed.program.steps) - 1
    step = packed.program.steps[index]
    (residual,) = {b.residual for b in step.branches} - {None}
    coarse = next(v for (_, buffer), v in maps.items() if buffer == residual)
    factor = step.branches[0].residual_factor
    values = []
    for branch in step.branches:
        value = of_one_term(packed, branch.terms[0], maps)
        if branch.residual is not None:
            if factor:
                wide = F.interpolate(nchw(coarse), scale_factor=factor, mode="nearest").float()
                added = nhwc(wide)[:, : images.shape[1], : images.shape[2]]
            else:
                added = coarse.expand_as(value)
            value = value + added
        values.append(plain_map(value, branch.final, packed.tensors))
    total = values[0]
    for value in values[1:]:
        total = total + value
    if step.join:
        total = total * torch.tensor(1 / len(values))
    assert same(total, run_reference(packed, images)["out"])


def of_one_term(packed, term, maps):
    """The value of a term of bits, by torch's convolution."""
    x = 1 - 2.0 * maps[0, term.input].permute(0, 3, 1, 2)
    bits = packed.tensors[term.weight]
    channels = packed.program.buffers[term.input].channels
    unpacked = torch.stack([(bits >> k) & 1 for k in range(8)], -1).flatten(3)[..., :channels]
    weight = 1 - 2.0 * unpacked.permute(0, 3, 1, 2)
    padded = F.pad(x, [term.padding] * 4, value=1.0)
    value = nhwc(F.conv2d(padded, weight)).contiguous()
    return plain_map(value, term.map, packed.tensors)


def test_the_nasty_layouts_are_nasty():
    packed = EXAMPLES["nasty-layouts"]
    outputs = run_reference(packed, example_images(packed))
    for name in ("resized", "by_centers", "whole", "spread", "out"):
        value = outputs[name]
        assert 0 < value.isnan().sum() < 0.7 * value.numel(), name
        # With a factor of 1, infinity meets a share of 0, and that is NaN.
        assert value.isinf().any() == (name in ("resized", "by_centers", "out")), name
