"""Suites of measurements by name, and the measuring of one item."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from groupnet_det.benchmark.engines.engine_registry import (
    NOTES,
    ONNXRUNTIME_INT8,
    OPENVINO_INT8,
    TORCH,
    MakeEngine,
    choose_engines,
    prepare,
)
from groupnet_det.benchmark.measure.table import OURS, Row, table_rows
from groupnet_det.benchmark.measure.timing import Schedule, alternate
from groupnet_det.benchmark.measure.workload import (
    BESIDE,
    DOWNSAMPLING,
    LAYER_SHAPES,
    AnyWorkload,
    LayerWorkload,
    ModelWorkload,
    NetworkWorkload,
)

MOST_BASES = 8
SIZES = (128, 224, 256, 384, 512, 768, 1024)
BATCHES = (1, 2, 4, 8)
# Engines in the curves, which would take long with all.
SCALING_ENGINES = (OURS, TORCH, ONNXRUNTIME_INT8, OPENVINO_INT8)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options that the user may choose.

    Attributes:
        num_bases: K, several.
        threads: Threads of all engines.
        size, batch, width: Image size, batch size and width of networks; tests set `width`.
        shapes: Shapes of the input of layers: channels, height, width.
        engines: Names; all where there is none.
    """

    num_bases: Sequence[int] = (1, 4)
    threads: int = 2
    size: int = 224
    batch: int = 1
    width: float = 1.0
    shapes: Sequence[tuple[int, int, int]] = LAYER_SHAPES
    engines: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Item:
    """One workload, whose engines take turns.

    Attributes:
        what: Name of the rows; "" for that of the workload.
        engines: Names; all that can do the workload where there is none.
    """

    workload: AnyWorkload
    threads: int
    what: str = ""
    engines: Sequence[str] = ()


def layers(options: Options) -> list[Item]:
    """All shapes, alone and fused, for each K."""
    return [
        Item(workload=workload, threads=options.threads, engines=options.engines)
        for workload in _layer_workloads(options)
    ]


def threads(options: Options) -> list[Item]:
    """Our layers with one thread and more."""
    return [
        Item(workload=workload, threads=number, what=f"{workload.what}, threads", engines=(OURS,))
        for workload in _layer_workloads(options)
        for number in range(1, options.threads + 1)
    ]


def networks(options: Options, part: str = "network") -> list[Item]:
    """A whole network, or its body, for each K."""
    return [
        Item(
            workload=_network(options, k, part=part),
            threads=options.threads,
            engines=options.engines,
        )
        for k in options.num_bases
    ]


def bodies(options: Options) -> list[Item]:
    return networks(options, "body")


def neighbours(options: Options) -> list[Item]:
    """The network with operations of PyTorch for neighbours, for each K."""
    return networks(options, BESIDE)


def downsampling(options: Options) -> list[Item]:
    """The network with binary, float32 and int8 downsampling convolutions, for each K."""
    return networks(options, DOWNSAMPLING)


def scaling(options: Options) -> list[Item]:
    """Curves over K, size, threads and images, each from the same point."""
    points: list[tuple[str, NetworkWorkload, int]] = [
        ("scaling bases", _network(options, k), options.threads) for k in range(1, MOST_BASES + 1)
    ]
    for k in options.num_bases:
        base = _network(options, k)
        sizes = [replace(base, size=size) for size in SIZES]
        batches = [replace(base, batch=batch) for batch in BATCHES]
        points += [("scaling size", workload, options.threads) for workload in sizes]
        points += [("scaling threads", base, n) for n in range(1, options.threads + 1)]
        points += [("scaling batch", workload, options.threads) for workload in batches]
    engines = options.engines or SCALING_ENGINES
    return [
        Item(what=w, workload=workload, threads=n, engines=engines) for w, workload, n in points
    ]


# Model, height, width, classes, predictors.
MODELS = (
    ("RetinaNet R18", 480, 640, 3, "float"),
    ("RetinaNet R18", 480, 640, 80, "float"),
    ("RetinaNet R18", 480, 640, 80, "int8"),
    ("Faster R-CNN R18", 480, 640, 80, "float"),
    ("DeepLabV3 R18, BPAC", 480, 480, 21, "float"),
)


def models(options: Options) -> list[Item]:
    """Detectors and a segmenter for each K, from an image to the prediction."""
    return [
        Item(workload=workload, threads=options.threads, engines=options.engines)
        for workload in model_workloads(options)
    ]


def model_workloads(options: Options) -> list[ModelWorkload]:
    """Workloads of the suite `models`."""
    return [
        ModelWorkload(
            model=model,
            num_bases=k,
            height=height,
            width=width,
            num_classes=num_classes,
            predictors=predictors,
        )
        for model, height, width, num_classes, predictors in MODELS
        for k in options.num_bases
    ]


SUITES: dict[str, Callable[[Options], list[Item]]] = {
    "layers": layers,
    "threads": threads,
    "network": networks,
    "body": bodies,
    "neighbours": neighbours,
    "downsampling": downsampling,
    "scaling": scaling,
    "models": models,
}


def _layer_workloads(options: Options) -> list[LayerWorkload]:
    return [
        LayerWorkload(kind=kind, channels=channels, height=height, width=width, num_bases=num_bases)
        for kind in ("alone", "fused")
        for num_bases in options.num_bases
        for channels, height, width in options.shapes
    ]


def _network(options: Options, num_bases: int, part: str = "network") -> NetworkWorkload:
    return NetworkWorkload(
        part=part,
        num_bases=num_bases,
        size=options.size,
        batch=options.batch,
        width=options.width,
    )


def measure_item(
    item: Item,
    schedule: Schedule,
    choose: Callable[[AnyWorkload, Iterable[str]], dict[str, MakeEngine]] = choose_engines,
) -> list[Row]:
    """Make the engines of an item, let them take turns, and return their rows.

    Raises:
        ConfigError: `item` names an engine that there is not.
    """
    torch.set_num_threads(item.threads)
    bursts, unavailable = prepare(choose(item.workload, item.engines), item.workload, item.threads)
    seconds = alternate(bursts, schedule)
    rows = table_rows(item.workload, item.threads, seconds, unavailable, NOTES)
    return [replace(row, what=item.what or row.what) for row in rows]
