"""Matching of detections with the ground truth, for confusion matrices and for the worst images.

Average precision shows neither which classes are confused nor which images fail. Here each
detection above a score threshold, best first, matches the free ground-truth object with the highest
IoU, of at least `IOU`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pycocotools.mask as mask_util
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

IOU = 0.5
THRESHOLDS = np.arange(1, 20) / 20  # score thresholds to try


@dataclass(frozen=True, kw_only=True)
class ImageObjects:
    """The objects of one image: T ground-truth objects and F detections, best first.

    Attributes:
        image_id: Id of the image in the data set.
        gt: (T,), classes of the ground truth, from 0.
        found: (F,), classes of the detections.
        scores: (F,), scores of the detections.
        overlaps: (F, T), IoU.
        in_crowd: (F,), whether more than half of a detection is in a crowd region.
    """

    image_id: Any
    gt: NDArray[np.int64]
    found: NDArray[np.int64]
    scores: NDArray[np.float64]
    overlaps: NDArray[np.float64]
    in_crowd: NDArray[np.bool_]

    def pairs(self, threshold: float, *, same_class: bool) -> list[tuple[int, int]]:
        """Indices of matching detections and ground-truth objects.

        Args:
            threshold: Score threshold.
            same_class: Only match objects of the same class.
        """
        pairs = []
        free = np.ones(len(self.gt), dtype=bool)
        for index in range(self.number_found(threshold)):
            fits = free & (self.overlaps[index] >= IOU)
            if same_class:
                fits &= self.gt == self.found[index]
            if fits.any():
                best = int(np.argmax(np.where(fits, self.overlaps[index], -1.0)))
                free[best] = False
                pairs.append((index, best))
        return pairs

    def number_found(self, threshold: float) -> int:
        return int((self.scores >= threshold).sum())

    def wrong(self, threshold: float, pairs: Sequence[tuple[int, int]]) -> list[int]:
        """Detections that are not in the pairs, except those in crowds."""
        right = {index for index, _ in pairs}
        number = self.number_found(threshold)
        return [i for i in range(number) if i not in right and not self.in_crowd[i]]


def objects_of_images(evaluation: COCOeval) -> list[ImageObjects]:
    """The objects of all images.

    Args:
        evaluation: Result of `evaluate_coco_results`, for boxes or masks.
    """
    class_of = {category: index for index, category in enumerate(evaluation.params.catIds)}
    kind = evaluation.params.iouType
    gt, found = evaluation.cocoGt, evaluation.cocoDt
    return [
        _objects_of_image(
            image_id,
            gt,
            gt.imgToAnns.get(image_id, []),
            [o for o in found.imgToAnns.get(image_id, []) if o["category_id"] in class_of],
            class_of,
            kind,
        )
        for image_id in sorted(gt.getImgIds(), key=str)
    ]


def _objects_of_image(
    image_id: Any,
    coco: COCO,
    gt: Sequence[dict[str, Any]],
    found: Sequence[dict[str, Any]],
    class_of: dict[int, int],
    kind: str,
) -> ImageObjects:
    found = sorted(found, key=lambda one: -one["score"])
    counted = [one for one in gt if not one.get("iscrowd")]
    crowds = [one for one in gt if one.get("iscrowd")]
    shapes = [_shape(one, coco, kind) for one in found]
    in_crowd = _overlaps(shapes, [_shape(one, coco, kind) for one in crowds], crowd=True)
    return ImageObjects(
        image_id=image_id,
        gt=np.array([class_of[one["category_id"]] for one in counted], dtype=np.int64),
        found=np.array([class_of[one["category_id"]] for one in found], dtype=np.int64),
        scores=np.array([one["score"] for one in found], dtype=np.float64),
        overlaps=_overlaps(shapes, [_shape(one, coco, kind) for one in counted], crowd=False),
        in_crowd=np.asarray((in_crowd > 0.5).any(axis=1)),
    )


def _shape(item: dict[str, Any], coco: COCO, kind: str) -> Any:
    return item["bbox"] if kind == "bbox" else coco.annToRLE(item)


def _overlaps(found: list[Any], gt: list[Any], *, crowd: bool) -> NDArray[np.float64]:
    """IoU (F, T); for crowds, the share of the detection."""
    if not found or not gt:
        return np.zeros((len(found), len(gt)))
    return np.asarray(mask_util.iou(found, gt, [int(crowd)] * len(gt)))


def confusion_of(
    images: Sequence[ImageObjects], num_classes: int, threshold: float
) -> NDArray[np.int64]:
    """Confusion matrix (C + 1, C + 1): objects of class i detected as class j. The last column
    counts missed objects, the last row false positives and duplicates."""
    counts = np.zeros((num_classes + 1, num_classes + 1), dtype=np.int64)
    for image in images:
        pairs = image.pairs(threshold, same_class=False)
        for index, true in pairs:
            counts[image.gt[true], image.found[index]] += 1
        for index in image.wrong(threshold, pairs):
            counts[num_classes, image.found[index]] += 1
        seen = {true for _, true in pairs}
        for true in set(range(len(image.gt))) - seen:
            counts[image.gt[true], num_classes] += 1
    return counts


def quality_of(image: ImageObjects, threshold: float) -> float:
    """Panoptic quality of one image for all classes together (Kirillov et al., arXiv 1801.00868):
    the summed IoU of the matches over ``TP + FP / 2 + FN / 2``. nan without objects and
    detections."""
    pairs = image.pairs(threshold, same_class=True)
    false = len(image.wrong(threshold, pairs)) + len(image.gt) - len(pairs)
    if not pairs and not false:
        return float("nan")
    return float(sum(image.overlaps[pair] for pair in pairs) / (len(pairs) + false / 2))


def best_threshold(images: Sequence[ImageObjects]) -> float:
    """The threshold in `THRESHOLDS` with the highest F1, ``TP / (TP + FP / 2 + FN / 2)``."""
    # Matches do not depend on detections with lower scores, so one pass serves all thresholds.
    right, wrong = [], []
    for image in images:
        pairs = image.pairs(0.0, same_class=True)
        right += [image.scores[index] for index, _ in pairs]
        wrong += [image.scores[index] for index in image.wrong(0.0, pairs)]
    number = sum(len(image.gt) for image in images)

    def f1(threshold: float) -> float:
        true = int((np.array(right) >= threshold).sum())
        false = int((np.array(wrong) >= threshold).sum())
        return 2 * true / max(true + false + number, 1)

    return float(max(THRESHOLDS, key=f1))
