"""Folds what follows a convolution's sum into the affine map of a term.

The sum v of signs goes through ``before``, the nonlinearity, ``after``: each of the two an affine
map per channel, composed in float64 and rounded to float32 once.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from groupnet_det.errors import ConfigError
from groupnet_det.layers.rprelu import RPReLU


@dataclass(frozen=True, kw_only=True)
class Affine:
    """``v * scale + shift`` for each channel, float64 (C,)."""

    scale: Tensor
    shift: Tensor

    @classmethod
    def identity(cls, channels: int) -> "Affine":
        ones = torch.ones(channels, dtype=torch.float64)
        return cls(scale=ones, shift=torch.zeros_like(ones))

    def then(self, scale: Tensor | float, shift: Tensor | float = 0.0) -> "Affine":
        """This, then another one."""
        return Affine(scale=self.scale * scale, shift=self.shift * scale + shift)

    def part(self, channels: Tensor) -> "Affine":
        return Affine(scale=self.scale[channels], shift=self.shift[channels])


@dataclass(frozen=True, kw_only=True)
class MapValues:
    """The tensors of a `Map`, float32 (C,); None where there is nothing to do."""

    scale1: Tensor | None = None
    shift1: Tensor | None = None
    act: str = "none"
    slope: Tensor | None = None
    scale2: Tensor | None = None
    shift2: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Chain:
    """``after(act(before(v)))``.

    Attributes:
        slope: Slopes of ``prelu``, float64 (C,).
    """

    before: Affine
    act: str = "none"
    slope: Tensor | None = None
    after: Affine

    @classmethod
    def identity(cls, channels: int) -> "Chain":
        return cls(before=Affine.identity(channels), after=Affine.identity(channels))

    def then_affine(self, scale: Tensor | float, shift: Tensor | float = 0.0) -> "Chain":
        if self.act == "none":
            before = self.before.then(scale, shift)
            return Chain(before=before, after=self.after)
        after = self.after.then(scale, shift)
        return Chain(before=self.before, act=self.act, slope=self.slope, after=after)

    def then_norm(self, norm: Any) -> "Chain":
        affine = norm_affine(norm)
        return self.then_affine(affine.scale, affine.shift)

    def then_act(self, act: nn.Module) -> "Chain":
        """
        Raises:
            ConfigError: No map can hold this nonlinearity.
        """
        if isinstance(act, nn.Identity):
            return self
        if isinstance(act, nn.ReLU):
            return Chain(before=self.before, act="relu", after=self.after)
        if isinstance(act, RPReLU):
            shift_in, slope, shift_out = (
                p.detach().double() for p in (act.shift_in, act.slope, act.shift_out)
            )
            before, after = self.before.then(1.0, -shift_in), self.after.then(1.0, shift_out)
            return Chain(before=before, act="prelu", slope=slope, after=after)
        raise ConfigError(f"the nonlinearity {type(act).__name__} cannot be exported")

    def after_scale(self, scale: Tensor) -> "Chain":
        """This chain for sums that still lack a factor."""
        before = Affine(scale=self.before.scale * scale, shift=self.before.shift)
        return Chain(before=before, act=self.act, slope=self.slope, after=self.after)

    def without_shift(self) -> "Chain":
        """This chain, without a nonlinearity, for a further summand."""
        assert self.act == "none"
        before = Affine(scale=self.before.scale, shift=torch.zeros_like(self.before.shift))
        return Chain(before=before, after=self.after)

    def split(self) -> tuple["Chain", "Chain"]:
        """What stands before the nonlinearity, and the rest."""
        channels = len(self.before.scale)
        first = Chain(before=self.before, after=Affine.identity(channels))
        return first, replace(self, before=Affine.identity(channels))

    def part(self, channels: Tensor) -> "Chain":
        return Chain(
            before=self.before.part(channels),
            act=self.act,
            slope=None if self.slope is None else self.slope[channels],
            after=self.after.part(channels),
        )

    def values(self) -> MapValues:
        """The fewest tensors with the same effect."""
        before, after = self.before, self.after
        if self.act != "none" and not before.shift.any() and bool((before.scale >= 0).all()):
            # Both nonlinearities let a factor that is not negative pass.
            after = Affine(scale=before.scale * after.scale, shift=after.shift)
            before = Affine.identity(len(before.scale))
        return MapValues(
            scale1=_unless(before.scale, 1.0),
            shift1=_unless(before.shift, 0.0),
            act=self.act,
            slope=None if self.slope is None else self.slope.float(),
            scale2=_unless(after.scale, 1.0),
            shift2=_unless(after.shift, 0.0),
        )


def norm_affine(norm: Any) -> Affine:
    """A BatchNorm in evaluation, or a frozen one, as ``v * scale + shift``."""
    mean, variance, scale, shift = (
        t.detach().double() for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    scale = scale / torch.sqrt(variance + norm.eps)
    return Affine(scale=scale, shift=shift - mean * scale)


def _unless(value: Tensor, neutral: float) -> Tensor | None:
    rounded = value.float()
    return None if bool((rounded == neutral).all()) else rounded
