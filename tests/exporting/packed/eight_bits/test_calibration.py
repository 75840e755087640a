"""The scales of 8-bit layers."""

import pytest
import torch
from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.eight_bits.calibration import Site, calibrate, find_range


class Twice(nn.Module):
    """Calls one layer for two maps, and another after ``backbone``."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 1, 1))
        self.predictor = nn.Conv2d(1, 2, 1)

    def forward(self, batch):
        x = batch[0]["image"]
        self.backbone(x)
        self.predictor(x)
        return self.predictor(x * 2)


def test_range_of_positive_values():
    found = find_range(torch.linspace(0, 10, 1001))
    assert found.zero == 0
    assert 25.5 <= found.scale <= 26.5  # 255 / 10, at most a little clipped


def test_range_of_both_signs_holds_zero():
    values = torch.linspace(-2, 6, 1001)
    found = find_range(values)
    assert 0 < found.zero < 255
    assert abs(found.zero - 255 / 4) <= 1
    restored = ((values * found.scale).round() + found.zero).clamp(0, 255) - found.zero
    assert float((restored / found.scale - values).abs().max()) < 0.1


def test_rare_outliers_are_clipped():
    values = torch.cat([torch.linspace(0, 1, 100_000), torch.tensor([1.8])])
    assert find_range(values).scale > 1.1 * 255 / 1.8


def test_no_value_but_zero():
    assert find_range(torch.zeros(5)).scale == 1.0


def test_scales_are_numbers_of_float32():
    scale = find_range(torch.rand(100)).scale
    assert float(torch.tensor(scale, dtype=torch.float32)) == scale


def test_each_map_of_a_run_has_its_range():
    batches = [[{"image": torch.rand(1, 1, 8, 8)}] for _ in range(3)]
    ranges = calibrate(Twice().eval(), batches)
    assert set(ranges) == {Site(name="predictor", level=0), Site(name="predictor", level=1)}
    first, second = (ranges[Site(name="predictor", level=level)].scale for level in (0, 1))
    assert first == pytest.approx(2 * second, rel=0.05)


def test_no_images():
    with pytest.raises(ConfigError, match="needs sample images"):
        calibrate(Twice().eval(), [])
