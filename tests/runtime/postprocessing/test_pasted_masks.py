"""Pasted masks against Detectron2's."""

import torch
from detectron2.layers import paste_masks_in_image

from groupnet_det.runtime.postprocessing.pasted_masks import paste_masks


def test_as_detectron2():
    generator = torch.Generator().manual_seed(0)
    masks = torch.rand(12, 14, 14, generator=generator)
    corner = 30 * torch.rand(12, 2, generator=generator) - 5
    boxes = torch.cat([corner, corner + 1 + 25 * torch.rand(12, 2, generator=generator)], dim=1)
    expected = paste_masks_in_image(masks, boxes, (40, 32), threshold=0.5)
    found = paste_masks(masks, boxes, (40, 32), threshold=0.5)
    assert found.any()
    assert not found.all()
    assert (found != expected).float().mean() < 1e-4  # values that are 0.5 but for rounding


def test_whole_pixels_by_hand():
    mask = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    boxes = torch.tensor([[1.0, 0.0, 3.0, 2.0]])
    found = paste_masks(mask, boxes, (3, 4), threshold=0.5)
    assert found[0].int().tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_none():
    found = paste_masks(torch.zeros(0, 28, 28), torch.zeros(0, 4), (3, 4), threshold=0.5)
    assert found.shape == (0, 3, 4)


def test_a_box_outside_of_the_image():
    found = paste_masks(
        torch.ones(1, 2, 2), torch.tensor([[9.0, 9.0, 12.0, 12.0]]), (3, 4), threshold=0.5
    )
    assert not found.any()
