"""Random images and annotations for any meta-architecture, to time training without a data set."""

from collections.abc import Callable
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.structures import BitMasks, Boxes, Instances
from torch import Tensor

from groupnet_det.config import own_node
from groupnet_det.config.dense_detectors import DENSE_BY_ARCHITECTURE
from groupnet_det.errors import lookup

NUM_OBJECTS = 6  # per image, by default
# Range of the objects' sides, relative to those of the image.
SMALLEST, LARGEST = 0.1, 0.5

Annotations = dict[str, Any]
Annotate = Callable[[CfgNode, int, int, int, torch.Generator], Annotations]


def random_batch(
    cfg: CfgNode,
    *,
    num_images: int,
    height: int,
    width: int,
    seed: int = 0,
    num_objects: int = NUM_OBJECTS,
) -> list[Annotations]:
    """Make a training batch for a model's ``forward``.

    Args:
        cfg: Its ``MODEL.META_ARCHITECTURE`` determines the annotations.
        num_images, height, width: The batch has `num_images` images (3, height, width), uint8.
        seed: The batch only depends on it and the other arguments.
        num_objects: Objects per image, for detectors.

    Raises:
        ConfigError: The meta-architecture is not in `ANNOTATIONS`.
    """
    annotate = lookup(ANNOTATIONS, cfg.MODEL.META_ARCHITECTURE, "MODEL.META_ARCHITECTURE")
    generator = torch.Generator().manual_seed(seed)
    return [
        {
            "image": torch.randint(
                0, 256, (3, height, width), dtype=torch.uint8, generator=generator
            ),
            "height": height,
            "width": width,
            **annotate(cfg, num_objects, height, width, generator),
        }
        for _ in range(num_images)
    ]


def _random_instances(
    num_classes: int, num_objects: int, height: int, width: int, generator: torch.Generator
) -> Annotations:
    """Boxes at random places, each with a mask that fills it."""
    size = torch.tensor([width, height])
    share = torch.rand(num_objects, 2, generator=generator) * (LARGEST - SMALLEST) + SMALLEST
    extent = share * size
    corner = torch.rand(num_objects, 2, generator=generator) * (size - extent)
    boxes = torch.cat([corner, corner + extent], dim=1)
    instances = Instances((height, width))
    instances.gt_boxes = Boxes(boxes)
    instances.gt_classes = torch.randint(num_classes, (num_objects,), generator=generator)
    instances.gt_masks = BitMasks(_filled(boxes, height, width))
    return {"instances": instances}


def _filled(boxes: Tensor, height: int, width: int) -> Tensor:
    """Masks (N, height, width) that fill boxes (N, 4)."""
    left, top, right, bottom = boxes[:, :, None, None].unbind(dim=1)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)


def _random_labels(
    num_classes: int, num_objects: int, height: int, width: int, generator: torch.Generator
) -> Annotations:
    return {"sem_seg": torch.randint(num_classes, (height, width), generator=generator)}


def _classification(
    cfg: CfgNode, num_objects: int, height: int, width: int, generator: torch.Generator
) -> Annotations:
    number = own_node(cfg, "MODEL.CLASSIFIER").NUM_CLASSES
    return {"label": int(torch.randint(number, (), generator=generator))}


def _segmentation(cfg: CfgNode, *image: Any) -> Annotations:
    return _random_labels(cfg.MODEL.SEM_SEG_HEAD.NUM_CLASSES, *image)


def _dense(cfg: CfgNode, *image: Any) -> Annotations:
    node = DENSE_BY_ARCHITECTURE[cfg.MODEL.META_ARCHITECTURE].node
    return _random_instances(own_node(cfg, node).NUM_CLASSES, *image)


def _rcnn(cfg: CfgNode, *image: Any) -> Annotations:
    return _random_instances(cfg.MODEL.ROI_HEADS.NUM_CLASSES, *image)


def _panoptic(cfg: CfgNode, *image: Any) -> Annotations:
    return {**_rcnn(cfg, *image), **_segmentation(cfg, *image)}


ANNOTATIONS: dict[str, Annotate] = {
    "ImageClassifier": _classification,
    "SemanticSegmentor": _segmentation,
    **dict.fromkeys(DENSE_BY_ARCHITECTURE, _dense),
    "GeneralizedRCNN": _rcnn,
    "PanopticFPN": _panoptic,
}
