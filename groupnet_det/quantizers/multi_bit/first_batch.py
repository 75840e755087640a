"""Quantizer state that the first batch initializes."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class FirstBatchState(nn.Module):
    """Mix-in for quantizers whose state the first training batch initializes.

    Attributes:
        initialized: True after that; in the state dict, so that a loaded state is kept.
    """

    initialized: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("initialized", torch.tensor(False))
        self._known_initialized = False
        self.register_load_state_dict_post_hook(_read_flag_again)

    def is_initialized(self) -> bool:
        # Reading the flag waits for the GPU, so it is not read again once it is true.
        if not self._known_initialized:
            self._known_initialized = bool(self.initialized)
        return self._known_initialized

    def initialize(self, state: Tensor, start: Tensor) -> None:
        """Set `state` to `start` in training, unless the batch is empty or has a NaN."""
        if self.training and bool(start.isfinite().all()):
            with torch.no_grad():
                state.copy_(start)
                self.initialized.fill_(True)


def _read_flag_again(module: nn.Module, incompatible_keys: Any) -> None:
    module._known_initialized = False  # type: ignore[assignment]


def sum_over_processes(value: Tensor) -> Tensor:
    """The sum of `value` over all processes of a distributed training.

    So batch statistics are those of the full batch, and the state stays equal in all processes.
    """
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        value = value.clone()
        dist.all_reduce(value)
    return value


def mean_magnitude(rows: Tensor) -> Tensor:
    """``mean |x|`` of each row of (G, n), as (G,), over all processes; positive.

    At least in float32. NaN if there is no value at all.
    """
    total = rows.abs().sum(dim=1, dtype=torch.promote_types(rows.dtype, torch.float32))
    count = torch.full_like(total, rows.shape[1])
    total, count = sum_over_processes(torch.stack([total, count]))
    return (total / count).clamp(min=torch.finfo(total.dtype).tiny)
