"""Training of a slimmable network, which runs with several numbers of bases."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.engine import HookBase
from torch import Tensor, nn

from groupnet_det.config import own_node, parse_slimmable_bases
from groupnet_det.engine.distillation.self_distillation import SelfDistillation
from groupnet_det.engine.records.recorded_scores import BASES_PREFIX
from groupnet_det.errors import ConfigError
from groupnet_det.layers.slimmable import make_slimmable, num_bases, run_bases, slimmable_choices

Losses = dict[str, Tensor]
DRAW = 7  # sets these random numbers apart from others of the same seed and iteration


class SlimmableTraining(HookBase):
    """Draw the smaller number K' of bases that each iteration also runs, see `SmallerRuns`.

    It is a function of the seed and the iteration, the same in all processes, so a resumed training
    goes on rightly.
    """

    def __init__(self, runs: "SmallerRuns", *, seed: int) -> None:
        """
        Args:
            runs: Of the model.
            seed: Of the training.
        """
        self.runs = runs
        self.seed = seed

    def draw(self, iteration: int) -> int:
        """The number of an iteration."""
        generator = np.random.default_rng([self.seed, iteration, DRAW])
        return self.runs.smaller[generator.integers(len(self.runs.smaller))]

    def before_step(self) -> None:
        self.runs.drawn = self.draw(self.trainer.iter)


class SmallerRuns:
    """Make a model in training run each batch with all K bases, then with a smaller number.

    Each loss is the mean over both runs, of which the second also learns from the first
    (`SelfDistillation`): the sandwich rule of Yu and Huang (arXiv 1903.05134) with one number
    between. Without gradients, as for precise statistics, all numbers run.

    It works by a hook on the model, whatever it is; `make_slimmable` gives its norms their copies.

    Attributes:
        smaller: The numbers of bases but for K.
        drawn: The one that runs; the greatest until a training begins.
    """

    def __init__(
        self, model: nn.Module, choices: Sequence[int], *, distillation: float = 1.0
    ) -> None:
        """
        Args:
            model: Returns losses by name in training; its K is the greatest of the choices.
            choices: Numbers of bases.
            distillation: Weight of what fewer bases learn from all of them; 0 leaves it out.

        Raises:
            ConfigError: The model has another number of bases.
        """
        *self.smaller, self._greatest = sorted(choices)
        if num_bases(model) != self._greatest:
            raise ConfigError(
                f"MODEL.GROUPNET.SLIMMABLE_BASES is {list(choices)}, but the network has "
                f"{num_bases(model)} bases; for its training, set MODEL.GROUPNET.NUM_BASES to "
                f"{self._greatest} and METHOD to one that has bases, such as group_net"
            )
        self.drawn = max(self.smaller)
        self._distillation = distillation
        self._predictions = SelfDistillation(model) if distillation else None
        self._runs_smaller = False
        make_slimmable(model, choices)
        model.register_forward_hook(self._add_smaller)

    def _add_smaller(self, model: nn.Module, inputs: Any, losses: Losses) -> Losses | None:
        if self._runs_smaller or not model.training:
            return None
        runs, self._runs_smaller = [losses], True
        try:
            for number in [self.drawn] if torch.is_grad_enabled() else self.smaller:
                run_bases(model, number)
                runs.append({**model(*inputs), **self._learned()})
        finally:
            run_bases(model, self._greatest)
            self._runs_smaller = False
            if self._predictions:
                self._predictions.start()
        return _mean(runs)

    def _learned(self) -> Losses:
        found = self._predictions.losses() if self._predictions else {}
        return {name: self._distillation * loss for name, loss in found.items()}


def _mean(runs: Sequence[Losses]) -> Losses:
    """The sum of each loss by the number of runs, also where it is not of all."""
    total: Losses = {}
    for run in runs:
        for name, loss in run.items():
            total[name] = total[name] + loss if name in total else loss
    return {name: loss / len(runs) for name, loss in total.items()}


def test_each(model: nn.Module, test: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The scores of a model; those of a slimmable one with K' bases are under ``bases_<K'>``.

    All of its bases come last, so that the files that a test writes are theirs.
    """
    choices = slimmable_choices(model)
    if not choices:
        return test()
    *smaller, greatest = choices
    scores = {}
    try:
        for number in smaller:
            run_bases(model, number)
            scores[f"{BASES_PREFIX}{number}"] = test()
    finally:
        run_bases(model, greatest)
    return {**test(), **scores}


def build_slimmable_training(cfg: CfgNode, model: nn.Module) -> Iterable[SlimmableTraining]:
    """The hook of ``MODEL.GROUPNET.SLIMMABLE_BASES``, attached to `model`; or none.

    Raises:
        ConfigError: The keys do not fit together, or not to the model.
    """
    choices = parse_slimmable_bases(cfg)
    if not choices:
        return []
    weight = own_node(cfg, "MODEL.DISTILLATION").SLIMMABLE_WEIGHT
    if not 0 <= weight < math.inf:
        raise ConfigError(
            f"MODEL.DISTILLATION.SLIMMABLE_WEIGHT is {weight}; valid: 0 and more, 0 for no "
            "distillation"
        )
    return [SlimmableTraining(SmallerRuns(model, choices, distillation=weight), seed=cfg.SEED)]
