"""The float stem in integers: pixels are bytes, and weights of 16 bits are enough.

Normalization, ``(x - mean) / std``, goes into the weights, and BN into the map after. The image
gets one more channel of 255, whose weights take the mean off; outside of the image all is 0, as in
the training model, whose padding is 0 *after* the normalization.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.folding import Affine, MapValues, norm_affine
from groupnet_det.exporting.packed.builder.program_builder import ProgramBuilder
from groupnet_det.exporting.packed.builder.step_builders import SourceBuilder
from groupnet_det.modeling.backbones.stems import SignedStem, StandardStem
from groupnet_det.packed.steps.parts import Pool

MAX_WEIGHT = 2**15 - 1
MAX_PIXEL = 255
MAX_SUM = (2**31 - 1) // MAX_PIXEL


@dataclass(frozen=True, kw_only=True)
class IntegerWeight:
    """``weight / scale`` is what stands for the float weights.

    Attributes:
        weight: int16 (C_out, kH, kW, C + 1).
        scale: float64 (C_out,).
        error: The greatest possible error of a sum, relative to the
            greatest possible sum.
    """

    weight: Tensor
    scale: Tensor
    error: float


def normalized_weight(weight: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Weights for pixels, and for the channel of 255.

    Args:
        weight: (C_out, C, kH, kW), for normalized images.
        mean, std: (C,), of pixels.

    Returns:
        float64 (C_out, kH, kW, C + 1).
    """
    scaled = weight.detach().double() / std.double().view(1, -1, 1, 1)
    of_mean = -(scaled * mean.double().view(1, -1, 1, 1)).sum(dim=1, keepdim=True) / MAX_PIXEL
    return torch.cat([scaled, of_mean], dim=1).permute(0, 2, 3, 1)


def to_integers(weight: Tensor) -> IntegerWeight:
    """Round float64 weights (C_out, kH, kW, C) to 16 bits, each output channel at its own scale.

    The scale is as large as 16 bits, and sums of 32, allow.
    """
    rows = weight.flatten(1)
    tiny = torch.finfo(torch.float32).tiny  # all weights may be 0
    largest = rows.abs().amax(dim=1).clamp(min=tiny)
    total = rows.abs().sum(dim=1).clamp(min=tiny)
    # Rounding adds at most 1 to each weight of a sum.
    scale = torch.minimum((MAX_WEIGHT - 1) / largest, (MAX_SUM - rows.shape[1]) / total)
    exact = weight * scale.view(-1, 1, 1, 1)
    rounded = round_keeping_sums(exact.permute(0, 3, 1, 2).flatten(2))
    rounded = rounded.view(len(weight), -1, *weight.shape[1:3]).permute(0, 2, 3, 1)
    error = (rounded - exact).abs().flatten(1).sum(dim=1) / (scale * total)
    return IntegerWeight(
        weight=rounded.to(torch.int16).contiguous(), scale=scale, error=float(error.max())
    )


def round_keeping_sums(values: Tensor) -> Tensor:
    """Round to whole numbers, so that the sum over the last dimension is off by at most a half.

    Neighbouring pixels are much alike: what rounding adds up to over the kernel matters most.
    To fix the sum, the numbers that were rounded the furthest go the other way.
    """
    rounded = values.round()
    error = rounded - values
    excess = error.sum(dim=-1, keepdim=True).round()
    rank = (error * excess.sign()).argsort(dim=-1, descending=True).argsort(dim=-1)
    return rounded - excess.sign() * (rank < excess.abs())


def channel_signs(stem: SignedStem | StandardStem) -> Tensor:
    """float64 (C_out,), by which the weights are turned.

    Pooling comes first here, after BN in a `StandardStem`; it commutes with a map that rises, and
    the ReLU does.
    """
    scale = norm_affine(stem.bn1).scale
    if isinstance(stem, SignedStem):
        return torch.ones_like(scale)
    return torch.where(scale < 0, -1.0, 1.0).double()


def export_stem(
    builder: ProgramBuilder, stem: nn.Module, name: str, mean: Tensor, std: Tensor
) -> tuple[SourceBuilder, float]:
    """Append the stem.

    Args:
        stem: A `SignedStem` or `StandardStem`.
        name: Its path.
        mean, std: Mean and standard deviation of the pixels, (C,).

    Returns:
        The step, and `IntegerWeight.error`.

    Raises:
        ConfigError: Another kind of stem.
    """
    if not isinstance(stem, SignedStem | StandardStem):
        raise ConfigError(f"{name}: a stem of the type {type(stem).__name__} is unknown")
    affine = norm_affine(stem.bn1)
    weight = normalized_weight(stem.conv1.weight, mean, std)
    act = "none"
    if isinstance(stem, StandardStem):
        weight = weight * channel_signs(stem).view(-1, 1, 1, 1)
        affine = Affine(scale=affine.scale.abs(), shift=affine.shift)
        act = "relu"
    integers = to_integers(weight)
    values = MapValues(
        scale1=(affine.scale / integers.scale).float(), shift1=affine.shift.float(), act=act
    )
    step = builder.stem(
        name,
        channels=len(integers.weight),
        weight=builder.tensor(f"{name}.weight", integers.weight),
        stride=stem.conv1.stride[0],
        padding=_side(stem.conv1.padding),
        pool=Pool(
            kernel=_side(stem.maxpool.kernel_size),
            stride=_side(stem.maxpool.stride),
            padding=_side(stem.maxpool.padding),
        ),
        map=builder.map(name, values),
    )
    return step, integers.error


def _side(size: Any) -> int:
    """The side of a square size, which Detectron2 and PyTorch give as a number or twice."""
    return int(size) if isinstance(size, int) else int(size[0])
