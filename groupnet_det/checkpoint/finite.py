"""Search for NaN and infinity in a checkpoint."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from groupnet_det.errors import CheckpointError


class NotFiniteError(CheckpointError):
    """A tensor of a checkpoint is not finite."""


def check_finite(members: Any, *, before: str, after: str = "") -> None:
    """
    Args:
        members: Tensors, in dicts, lists and tuples at any depth.
        before, after: Text of the error around "<name> is not finite".

    Raises:
        NotFiniteError: A tensor contains NaN or an infinite value.
    """
    for name, tensor in _tensors(members):
        if not bool(torch.isfinite(tensor).all()):
            raise NotFiniteError(f"{before} {name} is not finite{after}")


def _tensors(members: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Dense float tensors with their dotted names, in the order of the members."""
    waiting = [("", members)]  # no recursion, because a file may be nested deeply
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, torch.Tensor):
            if value.dtype.is_floating_point and value.layout == torch.strided:
                # isfinite does not support 8-bit floats.
                yield name, value.detach().float() if value.element_size() == 1 else value.detach()
        else:
            waiting += [(f"{name}.{key}".lstrip("."), member) for key, member in _members(value)]


def _members(value: Any) -> list[tuple[Any, Any]]:
    """Names and members of a collection in reverse order; empty for other values."""
    if isinstance(value, Mapping):
        return [*value.items()][::-1]
    return [*enumerate(value)][::-1] if isinstance(value, (list, tuple)) else []
