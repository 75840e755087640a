"""Rows of the front: what a trained network reaches on an engine, and how long that takes it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """A network on an engine, scored on ``DATASETS.TEST``.

    Attributes:
        method: Name in the list of methods.
        engine: A key of `ENGINES`.
        seed, learning_rate, iterations: Seed, learning rate and iterations of the training.
        metric, score: What counts, such as ``classification/top1``.
        num_bytes: Size of the engine's file in bytes.
        calibration_images: Number of images that calibrated 8 bits; 0 for other engines.
        date: Day of the measurement.
    """

    method: str
    engine: str
    seed: int
    learning_rate: float
    iterations: int
    metric: str
    score: float
    num_bytes: int
    calibration_images: int
    date: str

    @property
    def key(self) -> tuple[str, str, int, float, int]:
        return self.method, self.engine, self.seed, self.learning_rate, self.iterations


@dataclass(frozen=True, kw_only=True)
class TimeRow:
    """The time of a network on an engine, for one image; all rows of a file are of one run.

    Attributes:
        method, engine: See `ScoreRow`.
        least_ms, median_ms: Over the rounds.
    """

    method: str
    engine: str
    least_ms: float
    median_ms: float


@dataclass(frozen=True, kw_only=True)
class Point:
    """A network on an engine: its score over the seeds against its time.

    Attributes:
        method, engine: See `ScoreRow`.
        num_seeds: Seeds that `score` is the mean of, with `deviation`, which is 0 for one seed.
        milliseconds: The least; nothing where it was not measured.
        on_front: Whether no other point is as fast and as good, and better in one of both.
    """

    method: str
    engine: str
    metric: str
    num_seeds: int
    score: float
    deviation: float
    num_bytes: int
    milliseconds: float | None
    on_front: bool = False


def make_points(scores: Iterable[ScoreRow], times: Iterable[TimeRow]) -> list[Point]:
    """A point for each network and engine that is scored, in the order of the first rows."""
    took = {(row.method, row.engine): row.least_ms for row in times}
    by_network: dict[tuple[str, str], list[ScoreRow]] = {}
    for row in scores:
        by_network.setdefault((row.method, row.engine), []).append(row)
    points = [_point(rows, took.get(key)) for key, rows in by_network.items()]
    return mark_front(points)


def _point(rows: Sequence[ScoreRow], milliseconds: float | None) -> Point:
    values = [row.score for row in rows]
    return Point(
        method=rows[0].method,
        engine=rows[0].engine,
        metric=rows[0].metric,
        num_seeds=len(rows),
        score=mean(values),
        deviation=stdev(values) if len(values) > 1 else 0.0,
        num_bytes=rows[0].num_bytes,
        milliseconds=milliseconds,
    )


def mark_front(points: Sequence[Point]) -> list[Point]:
    """`points` with `Point.on_front` set, the Pareto front of score and time."""
    return [
        Point(**{**asdict(point), "on_front": not any(_beats(other, point) for other in points)})
        for point in points
    ]


def _beats(other: Point, point: Point) -> bool:
    if other.milliseconds is None:
        return False
    if point.milliseconds is None:
        return True
    ours, theirs = (point.milliseconds, -point.score), (other.milliseconds, -other.score)
    return theirs != ours and all(t <= o for t, o in zip(theirs, ours, strict=True))
