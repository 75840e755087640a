"""Last layers with 8 bits."""

from collections import Counter
from contextlib import contextmanager
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.eight_bits.calibration import Site, calibrate
from groupnet_det.exporting.packed.layers.last_layers import Int8Predictors, quantize_weight
from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.runtime.backends.extension import is_built, open_network
from groupnet_det.runtime.reference.interpreter import run_reference, run_reference_part
from tests.exporting.models import export, make_model, raw_outputs
from tests.exporting.networks import random_images

KINDS = ("retinanet", "fcos", "mask_rcnn", "panoptic_fpn", "fcn8s", "deeplabv3", "deeplabv3plus")


@pytest.fixture(scope="module", params=KINDS)
def exported(request, root):
    torch.manual_seed(0)
    model = make_model(root, request.param, "MODEL.GROUPNET.NUM_BASES", 1)
    if request.param in ("mask_rcnn", "panoptic_fpn"):
        model.roi_heads.box_predictor.test_score_thresh = 0.0  # boxes for the mask head
    images = random_images(3, 64, 96).permute(0, 3, 1, 2)
    ranges = calibrate(model, [[{"image": image}] for image in images])
    return model, export(model, predictors=Int8Predictors(ranges)), ranges


def kinds_of_inputs(program):
    weights = [
        (program.buffers[term.input].kind, step.name)
        for step in program.steps
        if hasattr(step, "branches")
        for branch in step.branches
        for term in branch.terms
    ]
    return {name for kind, name in weights if kind == "bytes"}


@contextmanager
def rounded(model, ranges):
    """While it lasts, the layers of `ranges` see rounded inputs and have rounded weights."""
    calls = Counter()

    def round_input(name, module, inputs):
        of = ranges[Site(name=name, level=calls[name])]
        calls[name] += 1
        code = ((inputs[0] * of.scale).round() + of.zero).clamp(0, 255)
        return ((code - of.zero) / of.scale,)

    handles, weights = [], {}
    for name in {site.name for site in ranges}:
        module = model.get_submodule(name)
        weights[name] = module.weight.detach().clone()
        largest = weights[name].flatten(1).abs().amax(dim=1)
        step = (largest / 127).view(-1, *[1] * (module.weight.dim() - 1))
        module.weight.data = (weights[name] / step).round() * step
        handles.append(module.register_forward_pre_hook(partial(round_input, name)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for name, weight in weights.items():
            model.get_submodule(name).weight.data = weight


def test_outputs_are_those_of_rounded_layers(exported):
    model, packed, ranges = exported
    torch.manual_seed(1)  # a value near the middle between two of 8 bits may fall on either side
    images = random_images(2, 64, 96)
    actual = run_reference(packed, images)
    used = {e["name"] for e in packed.info["unpacked"] if e["reason"].startswith("8 bits")}
    with rounded(model, {site: r for site, r in ranges.items() if site.name in used}):
        expected = raw_outputs(model, packed, images)
    for name, x in expected.items():
        tolerance = 1e-4 * float(x.abs().max())
        torch.testing.assert_close(
            actual[name], x, rtol=0, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


@torch.no_grad()
def test_masks_are_near(exported):
    model, packed, _ = exported
    if "mask" not in packed.program.parts:
        assert packed.info["postprocessing"].get("mask") is None
        return
    features = torch.randn(2, 14, 14, packed.program.parts["mask"].input_channels)
    actual = run_reference_part(packed, "mask", features)["masks"]
    expected = model.roi_heads.mask_head.layers(features.permute(0, 3, 1, 2))
    error = (actual.permute(0, 3, 1, 2) - expected).abs()
    assert float(error.mean()) <= 0.03 * float(expected.abs().max())


def test_only_the_last_layers_read_bytes(exported):
    _, packed, _ = exported
    assert packed.info["predictors"] == "int8"
    programs = [packed.program, *packed.program.parts.values()]
    names = {name for program in programs for name in kinds_of_inputs(program)}
    reasons = {e["name"] for e in packed.info["unpacked"] if e["reason"].startswith("8 bits")}
    assert reasons
    assert all(any(name.startswith(layer) for layer in reasons) for name in names)
    assert all(any(name.startswith(layer) for name in names) for layer in reasons)


def test_written_and_read(exported, tmp_path):
    _, packed, _ = exported
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)
    assert read_packed(tmp_path / "model.gnp").program == packed.program


@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
def test_engine_gives_the_same_bits(exported, tmp_path):
    _, packed, _ = exported
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)
    images = random_images(1, 37, 52)
    actual = open_network(tmp_path / "model.gnp").run(images)
    for name, map_ in run_reference(packed, images).items():
        assert torch.equal(actual[name], map_), name


def test_a_layer_without_samples_is_refused(root):
    model = make_model(root, "fcn32s", "MODEL.GROUPNET.NUM_BASES", 1)
    with pytest.raises(ConfigError, match=r"sample images has come to sem_seg_head.predictors"):
        export(model, predictors=Int8Predictors({}))


def test_weights_have_a_scale_for_each_output():
    conv = nn.Conv2d(4, 3, 3)
    conv.weight.data[1] *= 100
    conv.weight.data[2] = 0
    weight, scales = quantize_weight(conv.weight)
    assert weight.dtype == torch.int8
    assert int(weight[:2].long().abs().flatten(1).amax(dim=1).min()) == 127
    assert not weight[2].any()
    restored = weight * scales.view(-1, 1, 1, 1)
    assert (
        float(((restored - conv.weight.detach()) / scales.view(-1, 1, 1, 1)).abs().max())
        <= 0.5 + 1e-6
    )
    x = torch.randn(1, 4, 8, 8)
    near = F.conv2d(x.double(), restored)
    torch.testing.assert_close(
        near[:, :1], conv(x).double()[:, :1] - conv.bias[0], rtol=0, atol=0.1
    )
