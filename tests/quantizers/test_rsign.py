import pytest
import torch

from groupnet_det.quantizers import RSignActivation, sign_polynomial


def make_rsign(*thresholds, **options):
    quantizer = RSignActivation(len(thresholds), **options).double()
    with torch.no_grad():
        quantizer.thresholds.copy_(torch.tensor(thresholds))
    return quantizer


def test_threshold_of_each_channel_by_hand():
    x = torch.tensor([[0.5, -0.5, 0.2], [0.5, -0.5, 0.2]], dtype=torch.float64).view(1, 2, 1, 3)
    signs = make_rsign(0.5, -1.0)(x)  # 0.5 is the threshold itself: +1
    assert signs.view(2, 3).tolist() == [[1, -1, -1], [1, 1, 1]]


def test_starts_as_sign():
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(RSignActivation(3)(x), sign_polynomial(x))


def test_gradients_by_hand():
    quantizer = make_rsign(0.25, -0.5)
    x = torch.tensor([[0.5, 0.25], [0.0, 3.0]], dtype=torch.float64).view(1, 2, 1, 2)
    x.requires_grad_()
    quantizer(x).sum().backward()
    # 2 - 2 |x - a|: distances 0.25, 0 and 0.5, 3.5.
    assert x.grad.flatten().tolist() == [1.5, 2.0, 1.0, 0.0]
    assert quantizer.thresholds.grad.tolist() == [-3.5, -1.0]


def test_gradient_estimator_is_a_choice():
    quantizer = make_rsign(0.0, gradient="identity")
    x = torch.full((1, 1, 1, 1), 9.0, dtype=torch.float64, requires_grad=True)
    quantizer(x).backward()
    assert (x.grad.item(), quantizer.thresholds.grad.item()) == (1, -1)


@pytest.mark.parametrize("slope", [1.0, 5.0])
def test_finite_slope_makes_it_tanh(slope):
    quantizer = make_rsign(0.3, -0.2)
    quantizer.slope = slope
    x = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    expected = torch.tanh(slope * (x - quantizer.thresholds.view(1, 2, 1, 1)))
    assert torch.equal(quantizer(x), expected)
    assert torch.equal(quantizer.shifted(x), expected - 1)
    assert list(quantizer.state_dict()) == ["thresholds"]
    assert torch.autograd.gradcheck(quantizer, x)
