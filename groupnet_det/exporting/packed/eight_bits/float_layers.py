"""Computation, in a packed network, of convolutions that were trained in full precision."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.folding import Chain
from groupnet_det.packed.info import ByteRange

from .byte_layers import check_sums, quantize_weight

FLAG = "--float-convs"


@dataclass(frozen=True, kw_only=True)
class Operands:
    """The operands of a term, and the map that follows its sum.

    Attributes:
        input: The buffer that it reads.
        weight: (C_out, kH, kW, C_in), float32 or int8.
    """

    input: int
    weight: Tensor
    chain: Chain


class FloatConvs(Protocol):
    """A way to compute these convolutions."""

    def within(self, path: str) -> "FloatConvs":
        """The same for names below the module `path`."""
        ...

    def reason(self, trained: str) -> str:
        """The reason, for ``info``, why a layer in full precision by `trained` has no bits."""
        ...

    def operands(self, name: str, feature: FeatureMap, weight: Tensor, chain: Chain) -> Operands:
        """The operands of the convolution `name`, or of a part of its channels.

        Args:
            weight: (C_out, kH, kW, C_in) floats.
            chain: What follows its sum.
        """
        ...

    def info(self) -> dict[str, Any]:
        """Members of the file's ``info`` about the convolutions that were exported."""
        ...


class Float32Convs:
    """Computes them in float32, as they were trained."""

    def within(self, path: str) -> "Float32Convs":
        return self

    def reason(self, trained: str) -> str:
        return trained

    def operands(self, name: str, feature: FeatureMap, weight: Tensor, chain: Chain) -> Operands:
        return Operands(input=feature.as_float(), weight=weight, chain=chain)

    def info(self) -> dict[str, Any]:
        return {}


class Int8Convs:
    """Computes them with 8 bits."""

    def __init__(self, ranges: Mapping[str, ByteRange]) -> None:
        """
        Args:
            ranges: Ranges of the inputs by the path of the convolution, see `calibrate_convs`.
        """
        self._ranges = ranges
        self._used: dict[str, ByteRange] = {}
        self._prefix = ""

    def within(self, path: str) -> "Int8Convs":
        below = copy.copy(self)  # which shares what is used
        below._prefix = f"{self._prefix}{path}."
        return below

    def reason(self, trained: str) -> str:
        return f"8 bits, as {FLAG} int8 asks for"

    def operands(self, name: str, feature: FeatureMap, weight: Tensor, chain: Chain) -> Operands:
        """
        Raises:
            ConfigError: The calibration has not seen this layer, or its sums may overflow.
        """
        path = self._prefix + name
        if path not in self._ranges:
            raise ConfigError(f"{FLAG} int8: none of the sample images has come to {path}")
        of = self._used[path] = self._ranges[path]
        integers, scales = quantize_weight(weight)
        check_sums(integers, path, FLAG)
        return Operands(
            input=feature.as_bytes(of.scale, of.zero),
            weight=integers,
            chain=chain.after_scale(scales / of.scale),
        )

    def info(self) -> dict[str, Any]:
        return {
            "int8_convs": {
                name: {"scale": of.scale, "zero": of.zero} for name, of in self._used.items()
            }
        }
