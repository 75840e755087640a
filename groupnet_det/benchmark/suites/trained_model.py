"""A trained network on an image of its data set: packed, in full precision, and as trained."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from torch import Tensor

from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.data.loading.loaders import build_test_loader
from groupnet_det.evaluation.test_time_augmentation import wrap_for_testing
from groupnet_det.exporting.packed.trained import load_trained
from groupnet_det.inference.packed_model import build_packed_model
from groupnet_det.machine import processor

from .against_float import runs_of, speed_summary, time_in_turns
from .float_baseline import FloatBaseline

SIMULATION = "simulation"


def time_trained(
    cfg: CfgNode, packed_file: Path, *, schedule: Schedule, threads: int
) -> dict[str, Any]:
    """Seconds from the pixels of the first image of ``DATASETS.TEST`` to the prediction, of three
    networks that take turns: the packed file on the compiled engine, the float32 baseline (the same
    network in full precision with one branch, random weights, channels-last layout), and the
    trained network as PyTorch evaluates it.

    Args:
        cfg: Its data sets are registered; ``MODEL.WEIGHTS`` is what the file was made from.
        packed_file: To be timed.
        schedule: How long.
        threads: Threads of all three networks.

    Returns:
        What JSON can hold: see `speed_summary`.

    Raises:
        UserError: A file cannot be used, or the engine is missing.
    """
    torch.set_num_threads(threads)
    packed = build_packed_model(cfg, str(packed_file))
    trained, _ = load_trained(cfg)
    batch = first_batch(cfg)
    predictor = packed.predictor
    images, size = prepared_image(batch[0])
    runs = runs_of(predictor, FloatBaseline(predictor.info), images, size)
    simulation = wrap_for_testing(cfg, trained.eval())
    seconds = time_in_turns({**runs, SIMULATION: lambda: simulation(batch)}, schedule)
    network: Any = predictor.network
    return {
        "image": list(batch[0]["image"].shape[1:]),
        "threads": threads,
        **speed_summary(seconds),
        "isa": str(network.engine.isa()),
        "barriers": int(network.engine.num_barriers(*images.shape[:3])),
        "device": processor(),
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
    }


def first_batch(cfg: CfgNode) -> list[dict[str, Any]]:
    """The first image of ``DATASETS.TEST[0]`` as evaluation gives it to a network."""
    plain = cfg.clone()
    plain.defrost()
    plain.DATALOADER.NUM_WORKERS = 0
    return next(iter(build_test_loader(plain, plain.DATASETS.TEST[0])))[:1]


def prepared_image(item: Mapping[str, Any]) -> tuple[Tensor, tuple[int, int]]:
    """The image of a dict of the loader, as `PackedPredictor.prepare` returns it."""
    pixels = item["image"].permute(1, 2, 0)[None].contiguous()
    return pixels, (item.get("height", pixels.shape[1]), item.get("width", pixels.shape[2]))
