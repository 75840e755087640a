"""A trained network whose full-precision convolutions are rounded as those of a packed file with 8
bits."""

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.info import ByteRange

from .byte_layers import rounded_input, rounded_weight
from .calibration import input_of


def with_rounded_convs(model: nn.Module, info: Mapping[str, Any]) -> nn.Module:
    """A copy with rounded weights, and inputs that are rounded in front of each convolution.

    Args:
        model: The model that the file was made from, on the CPU.
        info: The packed file's ``info``; nothing is rounded if it has no ``int8_convs``.

    Raises:
        PackedFileError: ``int8_convs`` names a layer that the model does not have.
    """
    rounded = copy.deepcopy(model)
    for name, of in (info.get("int8_convs") or {}).items():
        try:
            conv: Any = rounded.get_submodule(name)
        except AttributeError as error:
            raise PackedFileError(f"info.int8_convs.{name} is not a layer of the model") from error
        conv.weight.data = rounded_weight(conv.weight)
        input_of(conv).register_forward_pre_hook(partial(_round, ByteRange(**of)))
    return rounded


def _round(of: ByteRange, _: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (rounded_input(inputs[0], of), *inputs[1:])
