"""Results of trained networks, made of what Detectron2's models return for an image."""

from collections.abc import Callable, Mapping
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import Metadata
from torch import Tensor

from groupnet_det.config.network import leaves
from groupnet_det.data.dataset_checks import NUM_CLASSES_KEYS, TASKS_BY_ARCHITECTURE
from groupnet_det.errors import ConfigError
from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.panoptic_segmentation import Combination, PanopticSegmentation
from groupnet_det.runtime.results.result import Result

ModelOutputs = Mapping[str, Any]


def combination_of(cfg: CfgNode) -> Combination:
    """The rules of ``MODEL.PANOPTIC_FPN.COMBINE`` that make segments of objects and labels."""
    options = cfg.MODEL.PANOPTIC_FPN.COMBINE
    return Combination(
        overlap_threshold=options.OVERLAP_THRESH,
        stuff_area_limit=options.STUFF_AREA_LIMIT,
        score_threshold=options.INSTANCES_CONFIDENCE_THRESH,
    )


def object_names(cfg: CfgNode, metadata: Metadata) -> list[str]:
    """Names of all classes of objects, numbers if `metadata` has no names; empty for a network that
    finds no objects."""
    architecture = cfg.MODEL.META_ARCHITECTURE
    if architecture in TASKS_BY_ARCHITECTURE:  # others than detection
        return []
    key = NUM_CLASSES_KEYS.get(architecture)
    number = dict(leaves(cfg))[key] if key else 0
    return list(_names(metadata, "thing_classes", number))


def result_of(outputs: ModelOutputs, metadata: Metadata, combination: Combination) -> Result:
    """
    Args:
        outputs: With ``panoptic_seg``, ``sem_seg``, ``instances`` or ``logits``; of several, the
            first in this order counts.
        metadata: Names and colours of classes; where names are missing, classes have their numbers.
        combination: How objects and labels are combined to panoptic segments.

    Raises:
        ConfigError: There is none of these.
    """
    for key, convert in _RESULTS.items():
        if key in outputs:
            return convert(outputs, metadata, combination)
    raise ConfigError(f"the network gives {list(outputs)}; known are {list(_RESULTS)}")


def _classification(outputs: ModelOutputs, metadata: Metadata, _: Combination) -> Classification:
    logits: Tensor = outputs["logits"].float().cpu()
    return Classification(logits, _names(metadata, "classes", len(logits)))


def _detections(outputs: ModelOutputs, metadata: Metadata, _: Combination) -> Detections:
    found = outputs["instances"].to("cpu")
    classes = found.pred_classes
    number = int(classes.max()) + 1 if len(classes) else 0
    return Detections(
        boxes=found.pred_boxes.tensor,
        scores=found.scores,
        classes=classes,
        class_names=_names(metadata, "thing_classes", number),
        image_size=found.image_size,
        masks=found.pred_masks if found.has("pred_masks") else None,
    )


def _label_map(outputs: ModelOutputs, metadata: Metadata, _: Combination) -> LabelMap:
    scores: Tensor = outputs["sem_seg"]
    colours = tuple(map(tuple, metadata.get("stuff_colors") or ()))
    return LabelMap(
        labels=scores.argmax(dim=0).cpu(),
        class_names=_names(metadata, "stuff_classes", len(scores)),
        class_colours=colours if len(colours) >= len(scores) else (),
    )


def _panoptic(
    outputs: ModelOutputs, metadata: Metadata, combination: Combination
) -> PanopticSegmentation:
    segment_map, infos = outputs["panoptic_seg"]
    return PanopticSegmentation(
        segment_map=segment_map.cpu(),
        segments_info=tuple(infos),
        detections=_detections(outputs, metadata, combination),
        label_map=_label_map(outputs, metadata, combination),
        combination=combination,
    )


def _names(metadata: Metadata, key: str, number: int) -> tuple[str, ...]:
    """Names of the classes; their numbers where none, or less than `number`, are known."""
    names = metadata.get(key, [])
    return tuple(names) if len(names) >= number else tuple(map(str, range(number)))


# Outputs of a model, the most telling first -> the result.
_RESULTS: dict[str, Callable[[ModelOutputs, Metadata, Combination], Result]] = {
    "panoptic_seg": _panoptic,
    "sem_seg": _label_map,
    "instances": _detections,
    "logits": _classification,
}
