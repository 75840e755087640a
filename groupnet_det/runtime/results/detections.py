"""Result of a packed detector."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Detections:
    """Objects, the most certain first.

    Attributes:
        boxes: float32 (R, 4): left, upper, right and lower side in pixels of the image.
        scores: float32 (R,), 0 to 1.
        classes: int64 (R,).
        class_names: Of all classes.
        image_size: Height and width in pixels.
        masks: bool (R, height, width); absent where the network makes none.
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
        return Detections(
            boxes=self.boxes[kept],
            scores=self.scores[kept],
            classes=self.classes[kept],
            class_names=self.class_names,
            image_size=self.image_size,
            masks=None if self.masks is None else self.masks[kept],
        )

    def __str__(self) -> str:
        found = zip(
            self.names, self.scores.tolist(), self.boxes.round().int().tolist(), strict=True
        )
        return "\n".join(f"{name} {score:.1%} {box}" for name, score, box in found) or "nothing"
