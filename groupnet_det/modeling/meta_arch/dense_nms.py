"""The suppression of overlapping boxes of dense detectors, within each class or across classes."""

from typing import Any

from detectron2.modeling.meta_arch.dense_detector import DenseDetector
from detectron2.structures import Boxes, Instances
from torch import Tensor

from groupnet_det.modeling.heads.class_agnostic_nms import suppress_across_classes


class ChosenNMS(DenseDetector):
    """Base of dense detectors that suppress boxes across classes where they are asked to.

    To be named before the detector in the bases of a class.
    """

    test_score_thresh: float
    test_topk_candidates: int
    test_nms_thresh: float
    max_detections_per_image: int

    def __init__(self, *arguments: Any, class_agnostic_nms: bool = False, **options: Any) -> None:
        """
        Args:
            arguments, options: Arguments of the detector.
            class_agnostic_nms: Whether a box suppresses boxes of all classes, not only of its own.
        """
        super().__init__(*arguments, **options)
        self.class_agnostic_nms = class_agnostic_nms

    def inference_single_image(
        self,
        anchors: list[Boxes],
        scores: list[Tensor],
        deltas: list[Tensor],
        image_size: tuple[int, int],
    ) -> Instances:
        """See the detector's method."""
        if not self.class_agnostic_nms:
            return super().inference_single_image(anchors, scores, deltas, image_size)
        found = self._decode_multi_level_predictions(
            anchors,
            scores,
            deltas,
            self.test_score_thresh,
            self.test_topk_candidates,
            image_size,
        )
        return suppress_across_classes(found, self.test_nms_thresh, self.max_detections_per_image)
