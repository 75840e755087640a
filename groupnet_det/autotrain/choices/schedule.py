"""Iterations of the stages of a training, by the time or the epochs that are given."""

import math
from dataclasses import dataclass

EVALUATION = 0.1  # share of the time that evaluations and checkpoints get
MOST_EPOCHS = 300
ENOUGH_ITERATIONS, ENOUGH_EPOCHS = 1000, 4  # by which a wider network or a larger batch is taken
WARMUP_SHARE, MOST_WARMUP = 0.05, 100


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The time or the epochs that a training may take.

    Attributes:
        seconds: For all stages; None where epochs decide.
        epochs: Over all stages; None where the time decides.
    """

    seconds: float | None = None
    epochs: float | None = None


@dataclass(frozen=True, kw_only=True)
class ScheduleChoice:
    """
    Attributes:
        tanh: Iterations of the first stage, 0 without one.
        binary: Iterations of the binary network.
        epochs: Epochs of both stages together.
        seconds: Time that both stages are expected to take, without evaluations.
    """

    tanh: int
    binary: int
    epochs: float
    seconds: float

    @property
    def iterations(self) -> int:
        """Iterations of both stages."""
        return self.tanh + self.binary

    @property
    def is_enough(self) -> bool:
        """Whether less work an iteration would gain nothing."""
        learns = self.iterations >= ENOUGH_ITERATIONS and self.epochs >= ENOUGH_EPOCHS
        return learns or self.epochs > MOST_EPOCHS - 1


def make_schedule(
    budget: Budget,
    *,
    num_images: int,
    batch: int,
    tanh_share: float,
    tanh_seconds: float,
    binary_seconds: float,
) -> ScheduleChoice:
    """Iterations that fill the budget, and no more than `MOST_EPOCHS`.

    Args:
        tanh_share: Share of the first stage in the iterations.
        tanh_seconds, binary_seconds: Time of an iteration of each stage.
    """
    mean = tanh_share * tanh_seconds + (1 - tanh_share) * binary_seconds
    epochs = MOST_EPOCHS if budget.epochs is None else budget.epochs
    total = epochs * num_images / batch
    if budget.seconds is not None:
        total = min(total, (1 - EVALUATION) * budget.seconds / mean)
    tanh = math.floor(tanh_share * total)
    binary = max(1, math.floor(total) - tanh)
    return ScheduleChoice(
        tanh=tanh,
        binary=binary,
        epochs=(tanh + binary) * batch / num_images,
        seconds=tanh * tanh_seconds + binary * binary_seconds,
    )


def warmup_iterations(iterations: int) -> int:
    """A twentieth, and at most `MOST_WARMUP`."""
    return min(MOST_WARMUP, math.floor(WARMUP_SHARE * iterations))
