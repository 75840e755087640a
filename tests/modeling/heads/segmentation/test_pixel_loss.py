"""The loss over pixels, also over those of several processes."""

import math

import pytest
import torch

from groupnet_det.modeling.heads.segmentation import pixel_loss
from groupnet_det.modeling.heads.segmentation.pixel_loss import pixel_cross_entropy


def test_mean_over_labelled_pixels_by_a_loop():
    logits = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    targets = torch.randint(0, 3, (2, 4, 5))
    targets[0, :2] = 255
    losses = []
    for n in range(2):
        for y in range(4):
            for x in range(5):
                if targets[n, y, x] != 255:
                    column = logits[n, :, y, x].exp()
                    losses.append(-math.log(column[targets[n, y, x]] / column.sum()))
    loss = pixel_cross_entropy(logits, targets, ignore_value=255)
    assert loss.item() == pytest.approx(sum(losses) / len(losses))


def test_no_labelled_pixel_gives_zero_and_no_nan():
    logits = torch.randn(1, 3, 4, 5, requires_grad=True)
    loss = pixel_cross_entropy(logits, torch.full((1, 4, 5), 7), ignore_value=7)
    loss.backward()
    assert loss == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize(("share", "kept"), [(0.5, 5), (0.01, 1)])
def test_share_of_the_hardest_pixels(share, kept):
    logits = torch.randn(1, 3, 3, 4)
    targets = torch.randint(0, 3, (1, 3, 4))
    targets[0, 0, :2] = 255  # 10 pixels are left
    losses = -logits.log_softmax(dim=1)
    own = [losses[0, targets[0, y, x], y, x] for y in range(3) for x in range(4) if (y, x) > (0, 1)]
    expected = sum(sorted(own, reverse=True)[:kept]) / kept
    loss = pixel_cross_entropy(logits, targets, ignore_value=255, hard_share=share)
    torch.testing.assert_close(loss, expected)


def test_half_precision_is_summed_in_float():
    logits = torch.randn(1, 3, 64, 64)
    targets = torch.randint(0, 3, (1, 64, 64))
    half = pixel_cross_entropy(logits.bfloat16(), targets, ignore_value=255)
    assert half.dtype == torch.float32
    torch.testing.assert_close(
        half, pixel_cross_entropy(logits, targets, ignore_value=255), atol=0.01, rtol=0
    )


def test_two_processes_average_to_one(monkeypatch):
    """Unlike numbers of labelled pixels: the mean of the two losses is that of one process."""
    logits = torch.randn(2, 3, 4, 5)
    targets = torch.randint(0, 3, (2, 4, 5))
    targets[1, 1:] = 255
    whole = pixel_cross_entropy(logits, targets, ignore_value=255)

    monkeypatch.setattr(pixel_loss.comm, "get_world_size", lambda: 2)
    total = (targets != 255).sum()
    monkeypatch.setattr(pixel_loss.dist, "all_reduce", lambda count: count.copy_(total))
    parts = [
        pixel_cross_entropy(logits[n : n + 1], targets[n : n + 1], ignore_value=255) for n in (0, 1)
    ]
    torch.testing.assert_close(sum(parts) / 2, whole)
