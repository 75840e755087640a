"""A trained network on an image of its data set: packed, in full precision, and as trained."""

import datetime
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode

from groupnet_det.data.loaders import build_test_loader
from groupnet_det.deploy.export import load_trained
from groupnet_det.engine.packed_model import build_packed_model
from groupnet_det.engine.test_time_augmentation import wrap_for_testing
from groupnet_det.runtime.predictor import PackedPredictor

from .facts import processor
from .float_twin import FloatTwin
from .timing import Schedule, alternate, burst_of, median_ratio, ratio_of_least
from .torch_sides import in_inference_mode

PACKED, FLOAT, SIMULATION = "packed", "float", "simulation"


def time_trained(
    cfg: CfgNode, packed_file: Path, *, schedule: Schedule, threads: int
) -> dict[str, Any]:
    """Seconds from the pixels of the first image of ``DATASETS.TEST`` to the answer, of three
    networks that take turns: the packed file on the compiled engine, the float32 twin (the same
    network in full precision with one branch, random weights, channels-last layout), and the
    trained network as PyTorch evaluates it.

    Args:
        cfg: Its data sets are registered; ``MODEL.WEIGHTS`` is what the file was made from.
        packed_file: To be timed.
        schedule: How long.
        threads: Of all three.

    Returns:
        What JSON can hold: see `summary`.

    Raises:
        UserError: A file cannot be used, or the engine is absent.
    """
    torch.set_num_threads(threads)
    packed = build_packed_model(cfg, str(packed_file))
    trained, _ = load_trained(cfg)
    batch = first_batch(cfg)
    bursts = {
        PACKED: burst_of(in_inference_mode(packed, batch)),
        FLOAT: burst_of(_float_twin(packed.predictor, batch[0])),
        SIMULATION: burst_of(in_inference_mode(wrap_for_testing(cfg, trained.eval()), batch)),
    }
    seconds = alternate(bursts, schedule)
    network: Any = packed.predictor.network
    return {
        "image": list(batch[0]["image"].shape[1:]),
        "threads": threads,
        **summary(seconds),
        "isa": str(network.engine.isa()),
        "device": processor(),
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
    }


def summary(seconds: Mapping[str, list[float]]) -> dict[str, Any]:
    """``milliseconds`` of each side, ``least`` and ``median`` over the rounds; and
    ``times_packed``, how many times longer than the packed file a side takes, by the least of each
    and by the median of the rounds' ratios."""
    base = seconds[PACKED]
    others = {name: values for name, values in seconds.items() if name != PACKED}
    return {
        "rounds": len(base),
        "milliseconds": {
            name: {
                "least": round(1000 * min(values), 3),
                "median": round(1000 * statistics.median(values), 3),
            }
            for name, values in seconds.items()
        },
        "times_packed": {
            name: {
                "least": round(ratio_of_least(values, base), 2),
                "median": round(median_ratio(values, base), 2),
            }
            for name, values in others.items()
        },
    }


def first_batch(cfg: CfgNode) -> list[dict[str, Any]]:
    """The first image of ``DATASETS.TEST[0]`` as evaluation gives it to a network."""
    plain = cfg.clone()
    plain.defrost()
    plain.DATALOADER.NUM_WORKERS = 0
    return next(iter(build_test_loader(plain, plain.DATASETS.TEST[0])))[:1]


def _float_twin(predictor: PackedPredictor, item: Mapping[str, Any]) -> Callable[[], object]:
    """A run of the twin on the image, in which it finds as many objects as the packed network."""
    twin = FloatTwin(predictor.info)
    pixels = item["image"].permute(1, 2, 0)[None].contiguous()
    wanted = item.get("height", pixels.shape[1]), item.get("width", pixels.shape[2])
    twin.match_answer(pixels, wanted, predictor.predict_pixels(pixels, wanted))
    return lambda: twin(pixels, wanted)
