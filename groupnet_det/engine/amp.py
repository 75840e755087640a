"""A training step in mixed precision, on any device.

Detectron2's ``AMPTrainer`` is for CUDA and float16 alone.
"""

import time
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.engine import AMPTrainer, SimpleTrainer
from torch import nn
from torch.utils.data import DataLoader

from groupnet_det.errors import lookup

AMP_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class MixedPrecisionTrainer(AMPTrainer):
    """Runs the forward pass under ``torch.autocast``; parameters and optimizer are float32.

    float16 has few exponents, so the loss is scaled such that small gradients do not vanish. Where
    scaled gradients overflow, the step is left out and the scale halved. bfloat16 has the range of
    float32 and needs no scale.
    """

    def __init__(
        self,
        model: nn.Module,
        data_loader: DataLoader,
        optimizer: torch.optim.Optimizer,
        *,
        dtype: str,
    ) -> None:
        """
        Args:
            dtype: A key of `AMP_DTYPES`.

        Raises:
            ConfigError: Unknown `dtype`.
        """
        precision = lookup(AMP_DTYPES, dtype, "SOLVER.AMP.DTYPE")
        self.device_type = next(model.parameters()).device.type
        scaler = torch.amp.GradScaler(self.device_type, enabled=precision == torch.float16)
        super().__init__(model, data_loader, optimizer, grad_scaler=scaler, precision=precision)

    def run_step(self) -> None:
        start = time.perf_counter()
        data = next(self._data_loader_iter)
        data_time = time.perf_counter() - start

        self.optimizer.zero_grad()
        with torch.autocast(self.device_type, dtype=self.precision):
            losses = self.model(data)
        if isinstance(losses, torch.Tensor):
            losses = {"total_loss": losses}
        self.grad_scaler.scale(sum(losses.values())).backward()
        # Here, and not in the scaler's step: gradient clipping must see true gradients, and the
        # fused optimizers would unscale only after it.
        self.grad_scaler.unscale_(self.optimizer)
        self.after_backward()
        self._write_metrics(losses, data_time)
        self.grad_scaler.step(self.optimizer)
        self.grad_scaler.update()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """A checkpoint of another precision has no scale, and the scaler starts with its own."""
        SimpleTrainer.load_state_dict(self, state_dict)
        scale = state_dict.get("grad_scaler")
        if scale:
            self.grad_scaler.load_state_dict(scale)


def build_step(
    cfg: CfgNode,
    model: nn.Module,
    data_loader: DataLoader,
    optimizer: torch.optim.Optimizer,
) -> SimpleTrainer:
    """Build the trainer of single steps, in full or in mixed precision.

    Raises:
        ConfigError: Unknown ``SOLVER.AMP.DTYPE``.
    """
    if not cfg.SOLVER.AMP.ENABLED:
        return SimpleTrainer(model, data_loader, optimizer)
    return MixedPrecisionTrainer(model, data_loader, optimizer, dtype=cfg.SOLVER.AMP.DTYPE)
