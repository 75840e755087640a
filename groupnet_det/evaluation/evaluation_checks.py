"""Checks before training that the data sets of a config can be evaluated as configured."""

import importlib.util
import logging

from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog

from groupnet_det.config import own_node
from groupnet_det.data.catalog import class_names_of, stuff_names_of
from groupnet_det.data.datasets.cityscapes_masks import require_cityscapesscripts
from groupnet_det.errors import ConfigError, lookup

from .evaluators import EVALUATORS

logger = logging.getLogger(__name__)

AP = ("AP", "AP50", "AP75", "APs", "APm", "APl")
# Metrics by the first part of results: names of metrics, and prefixes of metrics per class.
METRICS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bbox": (AP, ("AP-", "AP50-")),
    "segm": (AP, ("AP-",)),
    "keypoints": (AP, ()),
    "sem_seg": (("mIoU", "fwIoU", "mACC", "pACC"), ("IoU-", "ACC-", "BoundaryIoU-")),
    "cityscapes": (("IoU", "iIoU", "IoU_sup", "iIoU_sup"), ()),
    "panoptic_seg": (
        tuple(f"{q}{of}" for of in ("", "_th", "_st") for q in ("PQ", "SQ", "RQ")),
        (),
    ),
    "classification": (("top1", "top5", "cross_entropy"), ()),
}
# First parts by the data set's ``evaluator_type``; some depend on the config.
PARTS: dict[str, tuple[str, ...]] = {
    "coco": ("bbox", "segm", "keypoints"),
    "pascal_voc": ("bbox",),
    "classification": ("classification",),
    "coco_panoptic_seg": ("bbox", "segm", "sem_seg", "panoptic_seg"),
    "sem_seg": ("sem_seg",),
    "cityscapes_sem_seg": ("sem_seg", "cityscapes"),
}


def check_evaluation(cfg: CfgNode, *, training: bool) -> None:
    """Check that each data set of ``DATASETS.TEST`` has an evaluator with its packages, and that
    an evaluation computes the metrics of the best checkpoint and early stopping.

    Args:
        cfg: Its data sets are loaded, so that their classes are known.
        training: Whether a training follows.

    Raises:
        ConfigError: An evaluator or a metric does not exist.
        DataError: A package is missing.
    """
    for name in cfg.DATASETS.TEST:
        kind = MetadataCatalog.get(name).get("evaluator_type", "coco")
        lookup(EVALUATORS, kind, f"evaluator type of data set {name!r}")
        if kind == "cityscapes_sem_seg" and own_node(cfg, "TEST.SEMANTIC").OFFICIAL_CITYSCAPES:
            require_cityscapesscripts("TEST.SEMANTIC.OFFICIAL_CITYSCAPES")
        if _has_panoptic_gt(name) and not importlib.util.find_spec("panopticapi"):
            logger.warning(
                f"data set {name}: without the package panopticapi, panoptic quality (PQ) is not "
                "computed; boxes, masks and mIoU of stuff are"
            )
    if training and cfg.DATASETS.TEST:
        _check_metric(cfg, "SOLVER.BEST_METRIC", cfg.SOLVER.BEST_METRIC)
        if own_node(cfg, "SOLVER.EARLY_STOPPING").PATIENCE > 0:
            metric = own_node(cfg, "SOLVER.EARLY_STOPPING").METRIC
            _check_metric(cfg, "SOLVER.EARLY_STOPPING.METRIC", metric)


def _check_metric(cfg: CfgNode, key: str, metric: str) -> None:
    several = len(cfg.DATASETS.TEST) > 1
    prefixes = [(name, f"{name}/" if several else "") for name in cfg.DATASETS.TEST]
    valid = [prefix + found for name, prefix in prefixes for found in metrics_of(cfg, name)]
    of_classes = {
        prefix + found for name, prefix in prefixes for found in class_metrics_of(cfg, name)
    }
    if metric and metric not in valid and metric not in of_classes:
        raise ConfigError(
            f"{key} is {metric!r}, which the evaluation on {', '.join(cfg.DATASETS.TEST)} does not "
            f"compute; valid: {', '.join(map(repr, valid))}, those of a class, and '' for none"
        )


def metrics_of(cfg: CfgNode, name: str) -> list[str]:
    """Names of a data set's metrics for all classes together, as in metrics.json."""
    return [f"{part}/{metric}" for part in _parts(cfg, name) for metric in METRICS[part][0]]


def class_metrics_of(cfg: CfgNode, name: str) -> list[str]:
    """Names of a data set's metrics per class, as in metrics.json."""
    stuff = stuff_names_of(name)
    return [
        f"{part}/{beginning}{label}"
        for part in _parts(cfg, name)
        for beginning in METRICS[part][1]
        for label in (stuff if part == "sem_seg" and stuff else class_names_of(name)) or ()
    ]


def _parts(cfg: CfgNode, name: str) -> list[str]:
    wanted = {
        "segm": cfg.MODEL.MASK_ON,
        "keypoints": cfg.MODEL.KEYPOINT_ON,
        "cityscapes": own_node(cfg, "TEST.SEMANTIC").OFFICIAL_CITYSCAPES,
        "panoptic_seg": _has_panoptic_gt(name) and importlib.util.find_spec("panopticapi"),
    }
    kind = MetadataCatalog.get(name).get("evaluator_type", "coco")
    return [part for part in PARTS[kind] if wanted.get(part, True)]


def _has_panoptic_gt(name: str) -> bool:
    metadata = MetadataCatalog.get(name)
    is_panoptic = metadata.get("evaluator_type") == "coco_panoptic_seg"
    return is_panoptic and "panoptic_json" in metadata.as_dict()
