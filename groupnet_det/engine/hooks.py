"""Hooks of our trainer."""

from typing import Any

import numpy as np
import torch
from detectron2.engine import HookBase, hooks
from detectron2.utils import comm
from detectron2.utils.env import seed_all_rng
from torch import nn

from groupnet_det.analysis.bit_flips import PREFIX, BitFlips
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.quantizers import SignWeight


class SeedEachIteration(HookBase):
    """Make all randomness of a step a function of the seed, the iteration and the process.

    A resumed training then draws the same numbers as an uninterrupted one, with no random state to
    be saved, and evaluations in between change nothing.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def before_step(self) -> None:
        entropy = [self.seed, self.trainer.iter, comm.get_rank()]
        seed_all_rng(int(np.random.SeedSequence(entropy).generate_state(1)[0]))


class BestCheckpointer(hooks.BestCheckpointer):
    """Detectron2's, remembering the best metric across a resume, so that it is never overwritten
    by a worse one."""

    def __init__(self, *arguments: Any, first_iteration: int = 0) -> None:
        """
        Args:
            arguments: As Detectron2's.
            first_iteration: What is scored before is not what the checkpoint will be.
        """
        super().__init__(*arguments)
        self.first_iteration = first_iteration

    def _best_checking(self) -> None:
        if self.trainer.iter >= self.first_iteration:
            super()._best_checking()

    def state_dict(self) -> dict[str, Any]:
        return {"best_metric": self.best_metric, "best_iter": self.best_iter}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best_metric, self.best_iter = state["best_metric"], state["best_iter"]


class ClipLatentWeights(HookBase):
    """Keep the float weights behind signs within ``[-bound, bound]`` after each step.

    Beyond it a weight would only take longer to turn its sign. Source: Courbariaux et al.,
    BinaryConnect (arXiv 1511.00363), with a bound of 1.
    """

    def __init__(self, model: nn.Module, bound: float) -> None:
        """
        Args:
            model: Whose convolutions with a `SignWeight` are clipped.
            bound: Above 0.
        """
        self.bound = bound
        self.weights = [
            module.weight
            for module in model.modules()
            if isinstance(module, QuantizedConv2d)
            and isinstance(module.weight_quantizer, SignWeight)
        ]

    @torch.no_grad()
    def after_step(self) -> None:
        for weight in self.weights:
            weight.clamp_(-self.bound, self.bound)


class RecordBitFlips(HookBase):
    """Write to metrics.json which share of the binary weights changed its sign since the record
    before, `period` iterations ago: ``bit_flips/all`` and ``bit_flips/<part>``, in per cent.

    A resumed training has no record until it has made `period` iterations from a multiple of it.
    """

    def __init__(self, model: nn.Module, period: int) -> None:
        """
        Args:
            model: Whose convolutions are looked at.
            period: Iterations, of which Detectron2's writer keeps only those that it writes at:
                every 20th.
        """
        self.flips = BitFlips.of_model(model)
        self.period = period

    def before_train(self) -> None:
        if self.trainer.start_iter % self.period == 0:
            self.flips.remember()

    def after_step(self) -> None:
        if (self.trainer.iter + 1) % self.period:
            return
        for part, rate in self.flips.rates().items():
            self.trainer.storage.put_scalar(PREFIX + part, rate, smoothing_hint=False)
        self.flips.remember()
