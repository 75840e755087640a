"""Hooks of our trainer."""

from typing import Any

import numpy as np
from detectron2.engine import HookBase, hooks
from detectron2.utils import comm
from detectron2.utils.env import seed_all_rng


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
