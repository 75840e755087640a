"""Results of each kind for an image of 40 x 60 pixels, made by hand."""

import numpy as np
import torch

from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.panoptic_segmentation import Combination, combine

SIZE = (40, 60)
IMAGE = np.full((*SIZE, 3), 128, dtype=np.uint8)
THINGS, STUFF = ("cat", "dog", "fox"), ("things", "grass", "sky")


def detections(masks=True):
    """A cat, a dog and another dog, in falling order of the scores."""
    found = torch.zeros(3, *SIZE, dtype=torch.bool)
    found[0, 10:20, 5:25], found[1, 15:35, 20:50], found[2, 0:4, 52:60] = True, True, True
    return Detections(
        boxes=torch.tensor([[5.0, 10, 25, 20], [20, 15, 50, 35], [52, 0, 60, 4]]),
        scores=torch.tensor([0.9, 0.6, 0.3]),
        classes=torch.tensor([0, 1, 1]),
        class_names=THINGS,
        image_size=SIZE,
        masks=found if masks else None,
    )


def label_map():
    """Grass in the lower half, and sky at the left of the upper one."""
    labels = torch.zeros(SIZE, dtype=torch.int64)
    labels[20:] = 1
    labels[:20, :15] = 2
    return LabelMap(labels, STUFF)


def panoptic():
    rule = Combination(overlap_threshold=0.5, stuff_area_limit=1, score_threshold=0.5)
    return combine(detections(), label_map(), rule)


def classification():
    return Classification(torch.log(torch.tensor([0.1, 0.7, 0.2])), THINGS)


EVERY = {
    "detections": detections(),
    "boxes": detections(masks=False),
    "label_map": label_map(),
    "panoptic": panoptic(),
    "classification": classification(),
}
