"""Back to the pixels from the grid of a strided network."""

import torch.nn.functional as F
from torch import Tensor


def upsample_aligned(coarse: Tensor, factor: int, size: tuple[int, int] | None = None) -> Tensor:
    """Bilinear; the value at (i, j) of the map stands at (factor i, factor j) of the result.

    There the padded convolutions and pooling of odd size, of which ResNets are made, take it from.
    So any size of image is met exactly, without padding it first. After the last value the map
    goes on with it.

    Args:
        coarse: (N, C, H, W).
        factor: Stride of the map in pixels of the result.
        size: Height and width of the result, at most factor H and factor W; all of these if
            missing.

    Returns:
        (N, C, *size).
    """
    height, width = (factor * side for side in coarse.shape[-2:])
    if factor > 1:
        padded = F.pad(coarse, (0, 1, 0, 1), mode="replicate")
        # With aligned corners, pixel p of factor n + 1 is taken from p / factor of n + 1 values.
        coarse = F.interpolate(
            padded, size=(height + 1, width + 1), mode="bilinear", align_corners=True
        )
    height, width = size or (height, width)
    return coarse[..., :height, :width]
