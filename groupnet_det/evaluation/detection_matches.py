"""Matches detections with the ground truth, for confusion matrices and for the worst images.

Average precision says neither what a class is taken for nor which images fail. Here objects of
at least a threshold's score, best first, each take the free true object that they overlap most, by
an IoU of at least `IOU`.
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
THRESHOLDS = np.arange(1, 20) / 20  # of scores, that are tried


@dataclass(frozen=True, kw_only=True)
class ImageObjects:
    """The objects of one image: T true ones, and F found ones, best first.

    Attributes:
        image_id: Of the data set.
        gt: (T,), classes from 0.
        found: (F,), classes.
        scores: (F,).
        overlaps: (F, T), IoU.
        in_crowd: (F,), whether more than half of it lies in a region of uncounted objects.
    """

    image_id: Any
    gt: NDArray[np.int64]
    found: NDArray[np.int64]
    scores: NDArray[np.float64]
    overlaps: NDArray[np.float64]
    in_crowd: NDArray[np.bool_]

    def pairs(self, threshold: float, *, same_class: bool) -> list[tuple[int, int]]:
        """Found and true objects that belong together, by their indices.

        Args:
            threshold: Score threshold.
            same_class: Whether objects of other classes are left alone.
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
        """Found objects that are none of the pairs; those in crowds do not count."""
        right = {index for index, _ in pairs}
        number = self.number_found(threshold)
        return [i for i in range(number) if i not in right and not self.in_crowd[i]]


def objects_of_images(evaluation: COCOeval) -> list[ImageObjects]:
    """All objects of all images.

    Args:
        evaluation: Of `evaluate_coco_results`, by boxes or masks.
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
    """IoU (F, T); with crowds the share of what was found."""
    if not found or not gt:
        return np.zeros((len(found), len(gt)))
    return np.asarray(mask_util.iou(found, gt, [int(crowd)] * len(gt)))


def confusion_of(
    images: Sequence[ImageObjects], num_classes: int, threshold: float
) -> NDArray[np.int64]:
    """(C + 1, C + 1): objects of class i found as class j. The last column are those that were
    not found, the last row what was found where nothing is, or a second time."""
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
    """The IoU of the objects that were found, summed, over ``TP + FP / 2 + FN / 2``: the panoptic
    quality of one image (Kirillov et al., arXiv 1801.00868), of all classes together. nan where
    there is nothing, and nothing was found."""
    pairs = image.pairs(threshold, same_class=True)
    false = len(image.wrong(threshold, pairs)) + len(image.gt) - len(pairs)
    if not pairs and not false:
        return float("nan")
    return float(sum(image.overlaps[pair] for pair in pairs) / (len(pairs) + false / 2))


def best_threshold(images: Sequence[ImageObjects]) -> float:
    """That of `THRESHOLDS` by which F1, ``TP / (TP + FP / 2 + FN / 2)``, is the highest."""
    # Who takes whom does not depend on worse objects, so that all thresholds follow from one pass.
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
