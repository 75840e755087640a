"""Targets of the engine, and how far the measured rows reach them."""

from collections.abc import Sequence
from dataclasses import dataclass

from groupnet_det.benchmark.engines.engine_registry import (
    LIMIT,
    ONNXRUNTIME_INT8,
    OPENVINO_BINARY,
    SIGNED_SIMULATION,
    STEPS,
    TORCH,
)
from groupnet_det.benchmark.measure.table import OURS, Row

BODY_AVX2 = "body, AVX2"
PACKED_FILE = "packed file"
FIRST_RESULT = "file to first result"
NOT_MEASURED = "not measured"


@dataclass(frozen=True, kw_only=True)
class SpeedTarget:
    """A ratio to an engine to be reached, or a value of ours not to be exceeded.

    Attributes:
        title: For the reader.
        what, num_bases, engine: The rows that count; with `OURS`, by their value, not their ratio.
        value, moonshot: To be reached by each of the rows; of values, not to be exceeded.
        unit: Unit of the figures.
        workload: Workload of the rows that count; all of them if it is empty.
    """

    title: str
    what: str
    num_bases: int
    engine: str
    value: float
    moonshot: float | None = None
    unit: str = "x"
    workload: str = ""


def _pair(
    title: str, what: str, engine: str, *targets: tuple[int, float, float]
) -> list[SpeedTarget]:
    return [
        SpeedTarget(
            title=title, what=what, num_bases=k, engine=engine, value=target, moonshot=moonshot
        )
        for k, target, moonshot in targets
    ]


def _models(workload: str, *targets: tuple[int, float, float | None]) -> list[SpeedTarget]:
    return [
        SpeedTarget(
            title=f"{workload}, against torch",
            what="model",
            workload=workload,
            num_bases=k,
            engine=TORCH,
            value=target,
            moonshot=moonshot,
        )
        for k, target, moonshot in targets
    ]


NETWORK = "ResNet-18, end to end, against "
# On AVX-512 VPOPCNTDQ, 2 threads, batch 1.
TARGETS: list[SpeedTarget] = [
    *_pair("3x3 conv alone, share of the limit", "layer alone", LIMIT, (1, 0.8, 0.9)),
    *_pair("fused conv against torch", "layer fused", TORCH, (1, 10, 14), (4, 2.8, 4)),
    *_pair("fused conv against OpenVINO binary", "layer fused", OPENVINO_BINARY, (1, 1.5, 3)),
    *_pair(NETWORK + "torch", "network", TORCH, (1, 8, 14), (4, 3.5, 5)),
    *_pair(NETWORK + "ONNX Runtime int8", "network", ONNXRUNTIME_INT8, (1, 1.8, 3), (4, 0.8, 1.1)),
    *_pair(NETWORK + "the simulation", "network", SIGNED_SIMULATION, (1, 9, 15), (4, 12, 18)),
    *_pair("ResNet-18, share of time inside the engine", "network", STEPS, (1, 0.95, 0.98)),
    *_models("RetinaNet R18@480x640, 3 classes, float predictors", (1, 6, 9), (4, 2.6, 3.5)),
    *_models("RetinaNet R18@480x640, 80 classes, float predictors", (1, 3.5, 7), (4, 2, None)),
    *_models("RetinaNet R18@480x640, 80 classes, int8 predictors", (1, 5.5, 7), (4, 2.4, None)),
    *_models("Faster R-CNN R18@480x640, 80 classes, float predictors", (1, 4, 7)),
    *_models("DeepLabV3 R18, BPAC@480x480, 21 classes, float predictors", (1, 5, 7), (4, 2.6, 3.5)),
    *_pair("ResNet-18 body, AVX2, against torch", BODY_AVX2, TORCH, (1, 3, 5)),
    SpeedTarget(
        title="packed file", what=PACKED_FILE, num_bases=4, engine=OURS, value=8.5, unit="MB"
    ),
    SpeedTarget(
        title="file to first result",
        what=FIRST_RESULT,
        num_bases=4,
        engine=OURS,
        value=0.3,
        unit="s",
    ),
]


def targets_table(rows: Sequence[Row]) -> list[dict[str, object]]:
    """A line for each target, with what the worst and the best of its rows reach: by the least of
    all rounds, and by the median of the rounds' ratios."""
    return [_line(target, [row for row in rows if _counts(target, row)]) for target in TARGETS]


def _counts(target: SpeedTarget, row: Row) -> bool:
    return (
        (row.what, row.num_bases, row.engine) == (target.what, target.num_bases, target.engine)
        and row.batch == 1
        and target.workload in ("", row.workload)
    )


def _line(target: SpeedTarget, rows: Sequence[Row]) -> dict[str, object]:
    at_most = target.engine == OURS
    least = [row.least if at_most else row.x_least for row in rows]
    median = [row.median if at_most else row.x_median for row in rows]
    reached = [value for value in least if value is not None]
    worst = (max if at_most else min)(reached, default=None)
    met = None if worst is None else (worst <= target.value if at_most else worst >= target.value)
    return {
        "what": target.title,
        "K": target.num_bases,
        "target": f"{'<=' if at_most else '>='} {target.value:g} {target.unit}",
        "moonshot": "" if target.moonshot is None else f"{target.moonshot:g}",
        "reached, least": _range(reached),
        "reached, median": _range([value for value in median if value is not None]),
        "met": {None: NOT_MEASURED, True: "yes", False: "no"}[met],
    }


def _range(values: Sequence[float]) -> str:
    if not values:
        return "-"
    low, high = min(values), max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
