"""Upsampling on the grid of strided convolutions."""

import pytest
import torch
import torch.nn.functional as F

from groupnet_det.modeling.heads.segmentation.upsampling import upsample_aligned


def test_values_by_hand():
    coarse = torch.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
    rows = [[0, 1, 2, 3, 4, 4, 4, 4]]
    expected = torch.tensor(rows) + torch.tensor([0, 2, 4, 6, 8, 8, 8, 8])[:, None]
    assert torch.equal(upsample_aligned(coarse, 4)[0, 0], expected.float())
    assert torch.equal(upsample_aligned(coarse, 4, (5, 7))[0, 0], expected.float()[:5, :7])


def test_factor_one_changes_nothing():
    coarse = torch.randn(2, 3, 4, 5)
    assert upsample_aligned(coarse, 1).equal(coarse)
    assert upsample_aligned(coarse, 1, (3, 5)).equal(coarse[:, :, :3])


@pytest.mark.parametrize("factor", [2, 8, 32])
@pytest.mark.parametrize("size", [(33, 65), (96, 64), (1, 7)], ids=str)
def test_each_pixel_by_a_loop(factor, size):
    height, width = size
    shape = (-(-height // factor), -(-width // factor))
    coarse = torch.randn(1, 1, *shape, dtype=torch.float64)
    fine = upsample_aligned(coarse, factor, size)[0, 0]
    for y in range(0, height, 3):
        for x in range(0, width, 3):
            expected = value_at(coarse[0, 0], y / factor, x / factor)
            assert fine[y, x].item() == pytest.approx(expected, abs=1e-12)


def value_at(grid, y, x):
    """Bilinear; after the last value the grid goes on with it."""
    top, left = int(y), int(x)
    total = 0.0
    for row, of_row in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, of_column in ((left, 1 - (x - left)), (left + 1, x - left)):
            value = grid[min(row, grid.shape[0] - 1), min(column, grid.shape[1] - 1)]
            total += of_row * of_column * value.item()
    return total


@pytest.mark.parametrize("size", [(96, 64), (97, 65), (33, 71)], ids=str)
def test_a_strided_network_takes_its_values_from_there(size):
    """A step in the image, seen through stem-like layers that average, comes back in its place."""
    image = torch.zeros(1, 1, *size)
    image[..., 32:] = 1.0
    x = image
    for kernel in (7, 3, 3):
        weight = torch.zeros(1, 1, kernel, kernel)
        weight[0, 0, kernel // 2, kernel // 2] = 1  # reads the middle
        x = F.conv2d(x, weight, stride=2, padding=kernel // 2)
    fine = upsample_aligned(x, 8, size)
    assert torch.equal(fine[..., 32:], image[..., 32:])
    assert torch.equal(fine[..., :25], image[..., :25])
