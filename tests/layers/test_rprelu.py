import torch

from groupnet_det.layers import RPReLU


def test_starts_as_prelu():
    x = torch.tensor([-2.0, 0.0, 3.0]).view(1, 3, 1, 1)
    assert RPReLU(3)(x).flatten().tolist() == [-0.5, 0, 3]


def test_shifts_and_slope_of_each_channel_by_hand():
    layer = RPReLU(2)
    with torch.no_grad():
        layer.shift_in.copy_(torch.tensor([1.0, -1.0]))
        layer.slope.copy_(torch.tensor([0.5, 2.0]))
        layer.shift_out.copy_(torch.tensor([10.0, 20.0]))
    x = torch.tensor([[3.0, 1.0, -1.0], [3.0, -1.0, -2.0]]).view(1, 2, 1, 3)
    assert layer(x).view(2, 3).tolist() == [[12, 10, 9], [24, 20, 18]]


def test_gradients_are_those_of_the_function():
    layer = RPReLU(2).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    parameters = dict(layer.named_parameters())

    def function(x, *values):
        return torch.func.functional_call(layer, dict(zip(parameters, values, strict=True)), x)

    assert torch.autograd.gradcheck(function, (x, *parameters.values()))


def test_runs_under_autocast_in_the_dtype_of_the_input():
    layer = RPReLU(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(torch.randn(1, 2, 3, 3, dtype=torch.bfloat16))
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert layer.slope.grad.isfinite().all()
