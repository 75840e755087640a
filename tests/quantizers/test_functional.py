import numpy as np
import pytest
import torch

from groupnet_det.quantizers import binarize_weight, round_clipped, sign_polynomial

NAN = float("nan")


@pytest.mark.parametrize(
    ("x", "expected"),
    [(0.0, 1), (-0.0, 1), (1e-30, 1), (-1e-30, -1), (3, 1), (-3, -1), (NAN, -1), (float("inf"), 1)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_sign_is_plus_one_from_zero_on_and_minus_one_for_nan(x, expected, dtype):
    assert sign_polynomial(torch.tensor([x], dtype=dtype)).item() == expected


@pytest.mark.parametrize(
    ("x", "slope"),  # 2 - 2 |x| inside (-1, 1)
    [(0.0, 2), (-0.0, 2), (0.5, 1), (-0.5, 1), (1, 0), (-1, 0), (1.5, 0), (-7, 0), (0.25, 1.5)],
)
@pytest.mark.parametrize("upstream", [1.0, -3.0])
def test_sign_gradient_is_the_polynomial(x, slope, upstream):
    value = torch.tensor([x], dtype=torch.float64, requires_grad=True)
    (upstream * sign_polynomial(value)).backward()
    assert value.grad.item() == upstream * slope


def test_shift_moves_values_and_leaves_the_gradient():
    x = torch.randn(50, dtype=torch.float64, requires_grad=True)
    plain, shifted = sign_polynomial(x), sign_polynomial(x, shift=-1.0)
    assert torch.equal(shifted, plain - 1)
    assert torch.equal(
        torch.autograd.grad(plain.sum(), x)[0], torch.autograd.grad(shifted.sum(), x)[0]
    )


@pytest.mark.parametrize(
    ("x", "expected", "slope"),
    [(-0.1, 0, 0), (0, 0, 1), (0.5, 0, 1), (0.5001, 1, 1), (1, 1, 1), (1.1, 1, 0), (NAN, 0, 0)],
)
def test_zero_one(x, expected, slope):
    value = torch.tensor([x], dtype=torch.float64, requires_grad=True)
    y = round_clipped(value)
    y.backward()
    assert (y.item(), value.grad.item()) == (expected, slope)


def test_weight_scale_is_the_mean_magnitude_by_hand():
    weight = torch.tensor([[1.0, -3.0], [0.0, 4.0]]).view(2, 2, 1, 1)
    signs = torch.tensor([[1.0, -1.0], [1.0, 1.0]]).view(2, 2, 1, 1)
    assert torch.equal(binarize_weight(weight), 2.0 * signs)  # (1 + 3 + 0 + 4) / 4
    each = torch.tensor([2.0, 2.0]).view(2, 1, 1, 1)  # both rows have mean 2
    assert torch.equal(binarize_weight(weight, per_channel=True), each * signs)


def test_groups_have_a_scale_each():
    bases = [torch.randn(3, 2, 3, 3), 5 * torch.randn(3, 2, 3, 3)]
    together = binarize_weight(torch.cat(bases), num_groups=2)
    assert torch.equal(together, torch.cat([binarize_weight(base) for base in bases]))


@pytest.mark.parametrize("per_channel", [False, True], ids=["layer", "channel"])
def test_weight_gradient_is_the_identity(per_channel):
    weight = torch.randn(3, 2, 3, 3, requires_grad=True)
    upstream = torch.randn_like(weight)
    binarize_weight(weight, per_channel=per_channel).backward(upstream)
    assert torch.equal(weight.grad, upstream)


def test_golden_activation(test_data):
    golden = np.load(test_data / "reference/golden/ops.npz")
    x = torch.from_numpy(golden["qa_x"])
    # The reference differs on purpose at 0 and NaN (sign 0) and in the gradient at exactly 1
    # (g squared).
    differs_backward = (x == 1) | x.isnan()
    expected = torch.where(x == 0, 1.0, torch.from_numpy(golden["qa_y"]))
    expected = torch.where(x.isnan(), -1.0, expected)
    assert torch.equal(sign_polynomial(x), expected)
    for index in range(3):
        value = x.clone().requires_grad_()
        sign_polynomial(value).backward(torch.full_like(x, float(golden[f"qa_g{index}_gout"])))
        expected = torch.from_numpy(golden[f"qa_g{index}"])
        expected = torch.where(differs_backward, torch.where(x == 1, 0.0, x), expected)
        torch.testing.assert_close(value.grad, expected, rtol=0, atol=1e-6, equal_nan=True)


def test_golden_weight(test_data):
    golden = np.load(test_data / "reference/golden/ops.npz")
    weight = torch.from_numpy(golden["qw_w"]).requires_grad_()
    expected = torch.from_numpy(golden["qw_q"])
    scale = expected.abs().max()
    expected = torch.where(weight == 0, scale, expected)  # sign(0) is 0 there
    binary = binarize_weight(weight)
    torch.testing.assert_close(binary, expected, rtol=1e-6, atol=0)
    binary.backward(torch.from_numpy(golden["qw_gout"]))
    assert torch.equal(weight.grad, torch.from_numpy(golden["qw_gin"]))


def test_golden_zero_one(test_data):
    golden = np.load(test_data / "reference/golden/ops.npz")
    x = torch.from_numpy(golden["dorefa_x"])
    assert torch.equal(round_clipped(x), torch.from_numpy(golden["dorefa_y"]))
