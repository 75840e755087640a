"""The tensors of a packed file while it is being built."""

import hashlib
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import ConfigError


class TensorStore:
    """Tensors by name; equal ones are one.

    Attributes:
        tensors: So far.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._names: dict[tuple[Any, ...], str] = {}  # by content

    def keep(self, name: str, value: Tensor) -> str:
        """Keep a tensor.

        Args:
            name: For a new one; a number is added where it is taken.
            value: uint8, int8, int16, int32 or float32.

        Returns:
            The name of the tensor of the same type, shape and bytes.

        Raises:
            ConfigError: It holds NaN.
        """
        value = value.detach().contiguous()
        if bool(torch.isnan(value).any()):
            raise ConfigError(f"{name} is not a number: the training of MODEL.WEIGHTS has diverged")
        digest = hashlib.sha256(value.view(-1).view(torch.uint8).numpy().tobytes()).digest()
        key = (value.dtype, tuple(value.shape), digest)
        if key not in self._names:
            number, free = 1, name
            while free in self.tensors:
                number += 1
                free = f"{name}#{number}"
            self._names[key] = free
            self.tensors[free] = value
        return self._names[key]
