"""End a training whose metric has ceased to rise."""

import logging
import math
from typing import Any

from detectron2.config import CfgNode
from detectron2.engine import HookBase
from detectron2.utils import comm

from groupnet_det.config import own_node
from groupnet_det.errors import ConfigError

logger = logging.getLogger(__name__)


class TrainingStoppedError(BaseException):
    """Training ends here, and nothing is wrong: Detectron2 logs every `Exception` as a failure."""


class EarlyStopping(HookBase):
    """Stop when `patience` evaluations in a row gave no better metric than the best one.

    What it has seen is part of the checkpoint: a training that is resumed stops where an
    uninterrupted one does, and one that was stopped does not go on. All processes stop together.

    Attributes:
        best: The best value so far.
        waited: Evaluations since then.
    """

    def __init__(
        self, *, metric: str, patience: int, eval_period: int, first_iteration: int = 0
    ) -> None:
        """
        Args:
            metric: Its name in metrics.json; more is better.
            patience: Evaluations, at least 1.
            eval_period: Iterations between them.
            first_iteration: What is evaluated before does not count.

        Raises:
            ConfigError: `patience` is below 1, or nothing is ever evaluated.
        """
        if patience < 1 or eval_period < 1:
            raise ConfigError(
                f"SOLVER.EARLY_STOPPING.PATIENCE is {patience} and TEST.EVAL_PERIOD {eval_period}; "
                "early stopping needs both to be at least 1"
            )
        self.metric = metric
        self.patience = patience
        self.eval_period = eval_period
        self.first_iteration = first_iteration
        self.best: float | None = None
        self.waited = 0

    @property
    def stopped(self) -> bool:
        """Whether patience is at its end."""
        return self.waited >= self.patience

    def before_step(self) -> None:
        """Stops here, and not where it is decided, so that other hooks end their step.

        Raises:
            TrainingStoppedError: Patience is at its end.
        """
        if self.stopped:
            # The step is not made. Hooks that run after the training go by this number, and would
            # evaluate once more where the training stops just before its last iteration.
            self.trainer.iter -= 1
            raise TrainingStoppedError

    def after_step(self) -> None:
        done = self.trainer.iter + 1
        last = done == self.trainer.max_iter  # it is evaluated after the training
        if done % self.eval_period or last or done <= self.first_iteration:
            return
        self._judge()
        # Scores are known to the main process alone.
        self.best, self.waited = comm.all_gather((self.best, self.waited))[0]

    def _judge(self) -> None:
        if not comm.is_main_process():
            return
        value, iteration = self.trainer.storage.latest().get(self.metric, (None, -1))
        if value is None or iteration != self.trainer.iter:
            logger.warning(
                f"evaluation gave no metric {self.metric!r}, so early stopping is without effect; "
                "set SOLVER.EARLY_STOPPING.METRIC to one of metrics.json"
            )
        elif self.best is None or value > self.best:
            if not math.isnan(value):
                self.best, self.waited = value, 0
        else:
            self.waited += 1
            logger.info(
                f"{self.metric} {value:.3f} is not above the best, {self.best:.3f}: "
                f"{self.waited} of {self.patience} evaluations that training waits for a better one"
            )

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.waited = state["best"], state["waited"]


def build_early_stopping(cfg: CfgNode, *, first_iteration: int) -> list[EarlyStopping]:
    """The hook, or none, as ``SOLVER.EARLY_STOPPING`` wants it.

    Raises:
        ConfigError: It cannot work.
    """
    options = own_node(cfg, "SOLVER.EARLY_STOPPING")
    if options.PATIENCE == 0:
        return []
    metric = options.METRIC or cfg.SOLVER.BEST_METRIC
    if not metric or not cfg.DATASETS.TEST:
        raise ConfigError(
            "SOLVER.EARLY_STOPPING.PATIENCE is set, but there is "
            + ("no data set in DATASETS.TEST" if metric else "no SOLVER.EARLY_STOPPING.METRIC")
        )
    return [
        EarlyStopping(
            metric=metric,
            patience=options.PATIENCE,
            eval_period=cfg.TEST.EVAL_PERIOD,
            first_iteration=first_iteration,
        )
    ]
