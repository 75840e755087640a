"""Hooks of our trainer."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.engine import HookBase, hooks
from detectron2.utils import comm
from detectron2.utils.env import seed_all_rng
from detectron2.utils.events import EventStorage
from fvcore.nn.precise_bn import get_bn_modules
from torch import Tensor, nn
from torch.utils.data import DataLoader

from groupnet_det.analysis.bit_flips import PREFIX, BitFlips
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.quantizers import SignWeight

logger = logging.getLogger(__name__)


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
            arguments: Arguments of Detectron2's class.
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
            model: The model whose convolutions are recorded.
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


class PreciseBN(HookBase):
    """Set the running statistics of BN to true averages over some training batches, with the
    weights as they are, before each evaluation and at the end: ``TEST.PRECISE_BN``.

    With n_i values of a channel, mean m_i and biased variance v_i in pass i of all passes through a
    layer: ``mean = sum n_i m_i / sum n_i``, ``var = sum n_i (v_i + m_i^2) / sum n_i - mean^2``
    (Wu and Johnson, arXiv 2105.07576, section 3).

    It stands instead of Detectron2's hook, which refuses layers that run several times in a step,
    such as the downsampling that gated branches share; whose batches depend on where a training was
    resumed; and which moves other averages, such as the loss normalizer of RetinaNet.
    """

    def __init__(
        self, model: nn.Module, loader: DataLoader, *, period: int, num_batches: int
    ) -> None:
        """
        Args:
            model: The model whose layers in training mode are measured.
            loader: A training loader of its own, in the order of a `TrainingBatchStream`.
            period: Iterations, or 0 for the end alone.
            num_batches: To average over; the batches of the next time are those that follow.
        """
        self.model = model
        self.loader = loader
        self.period = period
        self.num_batches = num_batches

    def after_step(self) -> None:
        done = self.trainer.iter + 1
        if done == self.trainer.max_iter or (self.period > 0 and done % self.period == 0):
            self.update()

    def update(self) -> None:
        """Look at the batches of this iteration."""
        times_before = self.trainer.iter // self.period if self.period > 0 else 0
        self.loader.batch_sampler.start_batch = times_before * self.num_batches  # type: ignore[union-attr]
        number = len(get_bn_modules(self.model))
        logger.info(f"{self.num_batches} batches for precise statistics of {number} BN layers")
        set_precise_statistics(self.model, islice(self.loader, self.num_batches))


def set_precise_statistics(model: nn.Module, batches: Iterable[Any]) -> None:
    """Set the running statistics of a model's BN to averages over batches; see `PreciseBN`.

    Args:
        model: In training mode.
        batches: Of a training loader.
    """
    averages = [_Average(norm) for norm in get_bn_modules(model)]
    with EventStorage(), torch.no_grad(), _kept_buffers(model):
        for batch in batches:
            model(batch)
    for average in averages:
        average.finish()


def build_precise_bn(
    cfg: CfgNode, model: nn.Module, build_loader: Callable[[CfgNode], DataLoader]
) -> list[HookBase]:
    """The hook, where ``TEST.PRECISE_BN`` asks for one and there are such layers.

    Args:
        cfg: Config of the training.
        model: To be trained.
        build_loader: Makes a loader of training batches.
    """
    options = cfg.TEST.PRECISE_BN
    if not (options.ENABLED and get_bn_modules(model)):
        return []
    cfg = cfg.clone()
    cfg.defrost()
    cfg.DATALOADER.NUM_WORKERS = 0  # for the few batches of now and then
    loader = build_loader(cfg)
    return [PreciseBN(model, loader, period=cfg.TEST.EVAL_PERIOD, num_batches=options.NUM_ITER)]


class _Average:
    """Mean of the statistics of each pass through a norm, which keeps none itself."""

    def __init__(self, norm: Any) -> None:
        self.norm, self.momentum = norm, norm.momentum
        self.count = 0
        # In double precision: a variance is a small difference of squares.
        zeros = torch.zeros_like(norm.running_mean, dtype=torch.float64)
        self.mean, self.square = zeros, zeros.clone()
        norm.momentum = 1.0  # what is running is that of the last pass
        self.handle = norm.register_forward_hook(self._add)

    def _add(self, norm: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        count = inputs[0].numel() // inputs[0].shape[1]
        if count < 2:
            return  # it has no variance, and nothing is running
        mean, variance = norm.running_mean.double(), norm.running_var * ((count - 1) / count)
        self.count += count
        share = count / self.count
        self.mean += (mean - self.mean) * share
        self.square += (variance + mean.square() - self.square) * share

    def finish(self) -> None:
        self.handle.remove()
        self.norm.momentum = self.momentum
        if self.count:
            self.norm.running_mean.copy_(self.mean)
            self.norm.running_var.copy_((self.square - self.mean.square()).clamp_(min=0))


@contextmanager
def _kept_buffers(model: nn.Module) -> Iterator[None]:
    """All buffers are afterwards what they were."""
    before = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)
