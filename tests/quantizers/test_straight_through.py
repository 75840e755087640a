import torch

from groupnet_det.quantizers import pass_through, pass_through_clipped


def test_value_goes_forward_and_gradient_to_the_source():
    source = torch.randn(5, requires_grad=True)
    value = torch.randn(5, requires_grad=True)
    upstream = torch.randn(5)
    y = pass_through(source, value)
    assert torch.equal(y, value)
    y.backward(upstream)
    assert torch.equal(source.grad, upstream)
    assert value.grad is None


def test_clipped_gradient_includes_the_limits():
    source = torch.tensor([-1.1, -1.0, 0.0, 2.0, 2.1, float("nan")], requires_grad=True)
    value = torch.randn(6)
    y = pass_through_clipped(source, value, low=-1, high=torch.tensor(2.0))
    assert torch.equal(y, value)
    y.sum().backward()
    assert source.grad.tolist() == [0, 1, 1, 1, 0, 0]
