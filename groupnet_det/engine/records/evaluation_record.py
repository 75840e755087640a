"""Record of evaluations, so that none is lost when a training is interrupted."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detectron2.engine import HookBase, hooks
from detectron2.utils.events import EventWriter

from .output_names import CHECKPOINT

logger = logging.getLogger(__name__)

WINDOW = 20  # iterations, over which Detectron2's writers take the median of losses


class EvaluationRecord(HookBase):
    """Write down what an evaluation gave: its row of metrics.json, and the checkpoint once more.

    Detectron2 writes a checkpoint before its iteration is evaluated, so that a failing evaluation
    loses nothing. Such a checkpoint notes that the evaluation is owed, and a training that is
    resumed from it makes the evaluation first, with all that lives on its scores. The checkpoint
    that is written afterwards knows the scores.
    """

    def __init__(
        self,
        scoring: Sequence[HookBase],
        *,
        eval_period: int,
        writers: Sequence[EventWriter] = (),
        checkpointer: hooks.PeriodicCheckpointer | None = None,
    ) -> None:
        """
        Args:
            scoring: The evaluation, and the hooks that use its scores, in their order.
            eval_period: Iterations between evaluations, or 0.
            writers: Writers of the metrics; the main process alone has them.
            checkpointer: Checkpointer of the training; the main process alone has it.
        """
        self.scoring = scoring
        self.eval_period = eval_period
        self.writers = writers
        self.checkpointer = checkpointer
        self.evaluated = -1  # the last iteration that was
        self.owed = False

    def before_train(self) -> None:
        """Make up for what is owed, as at the end of the iteration that was the last."""
        last = self.trainer.start_iter - 1
        if not (self.owed and self._is_due(last)):
            return
        logger.info(f"the evaluation after iteration {last} was interrupted and is made up for")
        self.trainer.iter = self.trainer.storage.iter = last
        for hook in self.scoring:
            hook.after_step()
        self.after_step()

    def after_step(self) -> None:
        if not self._is_due(self.trainer.iter):
            return
        self.evaluated = self.trainer.iter
        for writer in self.writers:
            writer.write()
        if self.checkpointer:
            self.checkpointer.step(self.trainer.iter)

    def after_train(self) -> None:
        """The last checkpoint, from which a longer training may go on, gets to know the best
        score."""
        complete = self.trainer.iter == self.trainer.max_iter
        if self.checkpointer and complete and any(hook.state_dict() for hook in self.scoring):
            self.trainer.iter -= 1  # the last that was made
            self.checkpointer.save(Path(CHECKPOINT).stem, iteration=self.trainer.iter)
            self.trainer.iter += 1

    def _is_due(self, iteration: int) -> bool:
        """Whether it is evaluated within the training; the last is evaluated after it."""
        return self._is_multiple(iteration) and iteration + 1 < self.trainer.max_iter

    def _is_multiple(self, iteration: int) -> bool:
        return self.eval_period > 0 and (iteration + 1) % self.eval_period == 0

    def state_dict(self) -> dict[str, Any]:
        """The evaluation at the end of a training is not one within it: a training that is made
        longer makes that one too."""
        iteration = self.trainer.iter
        owed = self._is_multiple(iteration) and iteration != self.evaluated
        return {"evaluated": self.evaluated, "owed": owed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.evaluated, self.owed = state["evaluated"], state["owed"]


class RecentMetrics(HookBase):
    """Keep the metrics of the last steps in the checkpoint.

    metrics.json has medians over some iterations; those of a resumed training are then the same as
    of one that was not interrupted. To be placed after the hooks that measure a step, and before
    the checkpoint and the evaluation, whose scores have a row already.
    """

    def __init__(self) -> None:
        self.series: dict[str, dict[str, Any]] = {}

    def before_train(self) -> None:
        for name, series in self.series.items():
            for value, iteration in series["values"]:
                smooth = bool(series["smooth"])
                self.trainer.storage.put_scalar(
                    name, value, smoothing_hint=smooth, cur_iter=iteration
                )

    def after_step(self) -> None:
        storage, now = self.trainer.storage, self.trainer.iter
        smooth = storage.smoothing_hints()
        self.series = {
            name: {"smooth": smooth[name], "values": storage.history(name).values()[-WINDOW:]}
            for name, (_, iteration) in storage.latest().items()
            if iteration == now
        }

    def state_dict(self) -> dict[str, Any]:
        return self.series

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.series = state
