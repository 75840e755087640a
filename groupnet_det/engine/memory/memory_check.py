"""Refusal of a training whose iterations need more memory than is free, before the first one."""

import json
import logging
import math
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from torch import nn

from groupnet_det.data.checks.training_sizes import Records, largest_batch
from groupnet_det.errors import TrainingError

from .free_memory import free_bytes

logger = logging.getLogger(__name__)

GIB = 2**30
# Bounds that no network of ours comes near: bytes for each pixel and for each region of an image
# and base, and for each weight with its gradient, copies and optimizer's state.
PIXEL_BYTES, REGION_BYTES, WEIGHT_BYTES = 8192, 2**20, 40
FAR_BELOW = 2  # a bound that fits so many times into what is free needs no measurement
# Short side up to which full size is measured with one and two images, and the share of larger ones
# that is, whose memory is then scaled by their area.
SMALL_SIDE, SMALL_SHARE = 256, 0.4
LEAST_PIXELS = 160 * 160  # of all images of the first measured step
UNSURE = 1.5  # scaled memory is right within this factor
# Key of the images' size, where it is not INPUT.MIN_SIZE_TRAIN.
SIZE_KEYS = {
    "ImageClassifier": "INPUT.CLASSIFICATION.TRAIN_CROP",
    "SemanticSegmentor": "INPUT.SEMANTIC.CROP",
}
REGIONS = ("GeneralizedRCNN", "PanopticFPN")
MODULE = "groupnet_det.engine.memory.memory_probe"
# What libraries say where memory is refused.
REFUSED = ("Thread creation failed", "bad_alloc", "MemoryError", "Cannot allocate memory")


def check_memory(cfg: CfgNode, model: nn.Module, records: Records, *, num_jobs: int = 1) -> None:
    """Compare the memory of an iteration with what is free, once for each machine.

    It is measured in a process of its own on few images and scaled to the batch, unless a bound
    says that it is far below. ``SOLVER.CHECK_MEMORY`` turns it off.

    Args:
        cfg: Config of the training.
        model: The result of `build_without_weights`.
        records: Records of ``DATASETS.TRAIN``.
        num_jobs: Such trainings at a time on this machine.

    Raises:
        TrainingError: It is too much; the message names the keys to lower.
    """
    if not cfg.SOLVER.CHECK_MEMORY:
        return
    size = largest_batch(cfg, records)
    share = max(1, cfg.SOLVER.IMS_PER_BATCH // comm.get_world_size())
    on_gpu = cfg.MODEL.DEVICE.startswith("cuda")
    free = None if on_gpu else free_bytes()
    if free is not None:  # the processes of a machine share it
        free //= comm.get_local_size() * num_jobs
        if FAR_BELOW * _bound(cfg, model, size, share) < free:
            return
    elif not on_gpu:
        logger.warning("this system does not say how much memory is free, so it is not checked")
        return
    _compare(cfg, size, share, free)


def _bound(cfg: CfgNode, model: nn.Module, size: tuple[int, int], share: int) -> int:
    """An upper bound of the bytes of an iteration."""
    bases = _bases(cfg)
    regions = cfg.MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE if _has_regions(cfg) else 0
    image = bases * (size[0] * size[1] * PIXEL_BYTES + regions * REGION_BYTES)
    return share * image + WEIGHT_BYTES * sum(p.numel() for p in model.parameters())


def _bases(cfg: CfgNode) -> int:
    """Binary convolutions instead of one."""
    options = cfg.MODEL.GROUPNET
    is_abc = options.WEIGHT == "abc" or "abc_net" in (options.METHOD, *options.PARTS.values())
    terms = options.ABC_WEIGHT_BASES * options.ABC_ACTIVATION_BASES if is_abc else 1
    own = (*options.PART_BASES.values(), *options.STAGE_BASES)
    return max(options.NUM_BASES, *own, terms)


def _compare(cfg: CfgNode, size: tuple[int, int], share: int, free: int | None) -> None:
    small, ratio = _small(size)
    found = _probe(cfg, small, None, share, free)
    if found is None:
        return
    image = math.ceil(ratio * found["small"])
    left = found["free"] if free is None else free
    need = _need(found, image, share)
    if ratio > 1 and (_has_regions(cfg) or left / UNSURE < need < left * UNSURE):
        found = _probe(cfg, small, size, share, free)
        if found is None:
            return
        image, need = found["full"], _need(found, found["full"], share)
    message = f"an iteration needs about {need / GIB:.1f} GiB of memory"
    if need <= left:
        logger.info(f"{message}, and {left / GIB:.1f} GiB are free")
        return
    fitting = max(0, (left - (need - share * image)) // max(image, 1)) * comm.get_world_size()
    raise TrainingError(
        f"{message}, {image / GIB:.2f} of them for each of the {share} images of "
        f"{size[0]} x {size[1]} pixels, but {left / GIB:.1f} GiB are free; {_remedy(cfg, fitting)}"
    )


def _need(found: Mapping[str, Any], image: int, share: int) -> int:
    """Bytes of an iteration; several processes keep gradients twice, to exchange them."""
    copies = found["gradients"] if comm.get_world_size() > 1 else 0
    return int(found["fixed"] + copies + share * image)


def _remedy(cfg: CfgNode, fitting: int) -> str:
    number = f" (at most {fitting} fit)" if fitting else ""
    size = SIZE_KEYS.get(cfg.MODEL.META_ARCHITECTURE, "INPUT.MIN_SIZE_TRAIN")
    return (
        f"lower SOLVER.IMS_PER_BATCH{number}, {size} or MODEL.GROUPNET.NUM_BASES; "
        "SOLVER.CHECK_MEMORY False trains all the same"
    )


def _probe(
    cfg: CfgNode, small: tuple[int, int], full: tuple[int, int] | None, share: int, free: int | None
) -> dict[str, Any] | None:
    """Run `memory_probe`; None, with a warning, if it finds nothing.

    Raises:
        TrainingError: One image alone is too much.
    """
    count = _images_to_measure(cfg, small, share)
    request = {
        "config": cfg.dump(),
        "threads": torch.get_num_threads(),
        "limit": free,
        "small": _batch(count, small),
        "full": full and _batch(count, full),
        "num_objects": _num_objects(cfg),
        "num_devices": comm.get_local_size() if free is None else 0,
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", MODULE],
        input=json.dumps(request),
        capture_output=True,
        text=True,
    )
    found = _result(done)
    if found.get("refused"):
        raise TrainingError(
            f"a training step on {count} image(s) of {(full or small)[0]} x {(full or small)[1]} "
            f"pixels alone needs more memory than is free; {_remedy(cfg, 0)}"
        )
    if "failed" in found:
        logger.warning(f"the memory of an iteration could not be measured: {found['failed']}")
        return None
    return found


def _images_to_measure(cfg: CfgNode, size: tuple[int, int], share: int) -> int:
    """One; two where BatchNorm needs them; more of small images, which alone are lost beside what
    an allocator rounds up and keeps."""
    least = 2 if cfg.MODEL.META_ARCHITECTURE in SIZE_KEYS else 1
    return min(share, max(least, math.ceil(LEAST_PIXELS / (size[0] * size[1]))))


def _result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    # Ended by a signal: the kernel's, for want of memory, or that of an allocation that failed.
    if done.returncode < 0 or any(words in done.stderr for words in REFUSED):
        return {"refused": True}
    try:
        found = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        found = {"failed": (done.stderr.strip().splitlines() or ["no result"])[-1]}
    return dict(found)


def _batch(num_images: int, size: tuple[int, int]) -> dict[str, int]:
    return {"num_images": num_images, "height": size[0], "width": size[1]}


def _small(size: tuple[int, int]) -> tuple[tuple[int, int], float]:
    """A size that is measured in little time, and how many times its area the full one has."""
    if min(size) <= SMALL_SIDE:
        return size, 1.0
    height, width = (round(SMALL_SHARE * side) for side in size)
    return (height, width), size[0] * size[1] / (height * width)


def _has_regions(cfg: CfgNode) -> bool:
    return cfg.MODEL.META_ARCHITECTURE in REGIONS


def _num_objects(cfg: CfgNode) -> int:
    """The greatest number of regions that are trained as objects, for which masks are computed."""
    options = cfg.MODEL.ROI_HEADS
    if not _has_regions(cfg):
        return 6
    return max(1, round(options.BATCH_SIZE_PER_IMAGE * options.POSITIVE_FRACTION))
