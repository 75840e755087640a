import numpy as np
import pytest
import torch

from groupnet_det.quantizers import round_clipped


@pytest.mark.parametrize(
    ("x", "expected", "slope"),
    [
        *[(-0.1, 0, 0), (0, 0, 1), (0.5, 0, 1), (0.5001, 1, 1), (1, 1, 1), (1.1, 1, 0)],
        (float("nan"), 0, 0),
    ],
)
def test_value_and_gradient_by_hand(x, expected, slope):
    value = torch.tensor([x], dtype=torch.float64, requires_grad=True)
    y = round_clipped(value)
    y.backward()
    assert (y.item(), value.grad.item()) == (expected, slope)


def test_golden(test_data):
    golden = np.load(test_data / "reference/golden/ops.npz")
    x = torch.from_numpy(golden["dorefa_x"]).requires_grad_()
    y = round_clipped(x)
    assert torch.equal(y, torch.from_numpy(golden["dorefa_y"]))
    # The upstream gradient is 1, 2, ..., and the reference passes it everywhere; ours is clipped.
    passed = torch.from_numpy(golden["dorefa_gin"])
    y.backward(torch.arange(1.0, len(x) + 1))
    assert torch.equal(x.grad, torch.where((x >= 0) & (x <= 1), passed, 0.0))
