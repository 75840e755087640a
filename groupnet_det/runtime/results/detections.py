"""Result of detectors: objects."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from groupnet_det.extras import ExtraAbsentError

from .result import Result


@dataclass(frozen=True, eq=False)
class Detections(Result):
    """Objects, the most certain first.

    Attributes:
        boxes: float32 (R, 4): left, upper, right and lower side in pixels of the image.
        scores: float32 (R,), 0 to 1.
        classes: int64 (R,).
        class_names: Of all classes.
        image_size: Height and width in pixels.
        masks: bool (R, height, width); None where the network makes none.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    class_names: tuple[str, ...]
    image_size: tuple[int, int]
    masks: Tensor | None = None

    @property
    def names(self) -> list[str]:
        """The class of each object."""
        return [self.class_names[label] for label in self.classes.tolist()]

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, score: float) -> "Detections":
        """Those with at least this score."""
        kept = self.scores >= score
        return replace(
            self,
            boxes=self.boxes[kept],
            scores=self.scores[kept],
            classes=self.classes[kept],
            masks=None if self.masks is None else self.masks[kept],
        )

    def to_detectron2(self) -> Any:
        """Detectron2's ``Instances``: ``pred_boxes``, ``scores``, ``pred_classes``, and
        ``pred_masks`` where there are masks.

        Raises:
            ExtraAbsentError: Detectron2 is not installed.
        """
        try:
            from detectron2.structures import Boxes, Instances
        except ImportError as error:
            raise ExtraAbsentError(
                f"Detectron2 cannot be imported ({error}); INSTALL.md says how to install it"
            ) from error
        found = Instances(self.image_size)
        found.pred_boxes = Boxes(self.boxes)
        found.scores = self.scores
        found.pred_classes = self.classes
        if self.masks is not None:
            found.pred_masks = self.masks
        return found

    def __str__(self) -> str:
        found = zip(
            self.names, self.scores.tolist(), self.boxes.round().int().tolist(), strict=True
        )
        return "\n".join(f"{name} {score:.1%} {box}" for name, score, box in found) or "nothing"
