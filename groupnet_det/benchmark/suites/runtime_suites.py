"""Suites of measurements by name, and the measuring of one item."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from groupnet_det.benchmark.engines.registry import (
    NOTES,
    ONNXRUNTIME_INT8,
    OPENVINO_INT8,
    TORCH,
    MakeSide,
    choose_sides,
    prepare,
)
from groupnet_det.benchmark.measure.table import OURS, Row, rows_of
from groupnet_det.benchmark.measure.timing import Schedule, alternate
from groupnet_det.benchmark.measure.workload import (
    BESIDE,
    LAYER_SHAPES,
    AnyWork,
    LayerWork,
    ModelWork,
    NetworkWork,
)

MOST_BASES = 8
SIZES = (128, 224, 256, 384, 512, 768, 1024)
BATCHES = (1, 2, 4, 8)
# Of the curves, which would take long with all.
SCALING_SIDES = (OURS, TORCH, ONNXRUNTIME_INT8, OPENVINO_INT8)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user may choose.

    Attributes:
        num_bases: K, several.
        threads: Of all sides.
        size, batch, width: Of networks; `width` of binary ones alone, for tests.
        shapes: Of layers: channels, height, width.
        sides: Names; all where there is none.
    """

    num_bases: Sequence[int] = (1, 4)
    threads: int = 2
    size: int = 224
    batch: int = 1
    width: float = 1.0
    shapes: Sequence[tuple[int, int, int]] = LAYER_SHAPES
    sides: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Item:
    """One work, whose sides take turns.

    Attributes:
        what: Name of the rows; "" for that of the work.
        sides: Names; all that can do the work where there is none.
    """

    work: AnyWork
    threads: int
    what: str = ""
    sides: Sequence[str] = ()


def layers(options: Options) -> list[Item]:
    """All shapes, alone and fused, for each K."""
    return [
        Item(work=work, threads=options.threads, sides=options.sides)
        for work in _layer_works(options)
    ]


def threads(options: Options) -> list[Item]:
    """Our layers with one thread and more."""
    return [
        Item(work=work, threads=number, what=f"{work.what}, threads", sides=(OURS,))
        for work in _layer_works(options)
        for number in range(1, options.threads + 1)
    ]


def networks(options: Options, part: str = "network") -> list[Item]:
    """A whole network, or its body, for each K."""
    return [
        Item(work=_network(options, k, part=part), threads=options.threads, sides=options.sides)
        for k in options.num_bases
    ]


def bodies(options: Options) -> list[Item]:
    return networks(options, "body")


def neighbours(options: Options) -> list[Item]:
    """The network with operations of PyTorch for neighbours, for each K."""
    return networks(options, BESIDE)


def scaling(options: Options) -> list[Item]:
    """Curves over K, size, threads and images, each from the same point."""
    points: list[tuple[str, NetworkWork, int]] = [
        ("scaling bases", _network(options, k), options.threads) for k in range(1, MOST_BASES + 1)
    ]
    for k in options.num_bases:
        base = _network(options, k)
        sizes = [replace(base, size=size) for size in SIZES]
        batches = [replace(base, batch=batch) for batch in BATCHES]
        points += [("scaling size", work, options.threads) for work in sizes]
        points += [("scaling threads", base, n) for n in range(1, options.threads + 1)]
        points += [("scaling batch", work, options.threads) for work in batches]
    sides = options.sides or SCALING_SIDES
    return [Item(what=w, work=work, threads=n, sides=sides) for w, work, n in points]


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
        Item(work=work, threads=options.threads, sides=options.sides)
        for work in model_works(options)
    ]


def model_works(options: Options) -> list[ModelWork]:
    """What `models` measures."""
    return [
        ModelWork(
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


PLANS: dict[str, Callable[[Options], list[Item]]] = {
    "layers": layers,
    "threads": threads,
    "network": networks,
    "body": bodies,
    "neighbours": neighbours,
    "scaling": scaling,
    "models": models,
}


def _layer_works(options: Options) -> list[LayerWork]:
    return [
        LayerWork(kind=kind, channels=channels, height=height, width=width, num_bases=num_bases)
        for kind in ("alone", "fused")
        for num_bases in options.num_bases
        for channels, height, width in options.shapes
    ]


def _network(options: Options, num_bases: int, part: str = "network") -> NetworkWork:
    return NetworkWork(
        part=part,
        num_bases=num_bases,
        size=options.size,
        batch=options.batch,
        width=options.width,
    )


def measure(
    item: Item,
    schedule: Schedule,
    choose: Callable[[AnyWork, Iterable[str]], dict[str, MakeSide]] = choose_sides,
) -> list[Row]:
    """Make the sides of an item, let them take turns, and return their rows.

    Raises:
        ConfigError: `item` names a side that there is not.
    """
    torch.set_num_threads(item.threads)
    bursts, absent = prepare(choose(item.work, item.sides), item.work, item.threads)
    seconds = alternate(bursts, schedule)
    rows = rows_of(item.work, item.threads, seconds, absent, NOTES)
    return [replace(row, what=item.what or row.what) for row in rows]
