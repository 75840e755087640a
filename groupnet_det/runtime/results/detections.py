"""Result of detectors: objects."""

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from groupnet_det.extras import MissingExtraError
from groupnet_det.images.reading import AnyImage
from groupnet_det.packed.score_thresholds import ScoreThreshold, check_known_classes

from .drawing import Canvas, largest_first, object_colours, pixels_of
from .members import Selection, counted, is_number, picked, reach, selection
from .result import Result, load_supervision
from .run_lengths import encode_mask


@dataclass(frozen=True, eq=False)
class Detection:
    """One object.

    Attributes:
        class_name: Its class.
        label: The number of the class.
        score: 0 to 1.
        box: Left, upper, right and lower side in pixels of the image.
        mask: bool (height, width); None where the network makes none.
    """

    class_name: str
    label: int
    score: float
    box: tuple[float, float, float, float]
    mask: Tensor | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class Detections(Result):
    """Objects, the most certain first.

    A sequence of `Detection`; a slice, a mask such as ``found[found.scores > 0.4]`` or a list of
    numbers selects some of them.

    Attributes:
        boxes: float32 (R, 4): left, upper, right and lower side in pixels of the image.
        scores: float32 (R,), 0 to 1.
        classes: int64 (R,).
        class_names: Names of all classes.
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

    @overload
    def __getitem__(self, index: int) -> Detection: ...
    @overload
    def __getitem__(self, index: Any) -> "Detections": ...
    def __getitem__(self, index: Any) -> "Detection | Detections":
        """One object, or some.

        Args:
            index: A number; or a slice, a bool for each object, or numbers.

        Raises:
            IndexError: There are not so many objects.
        """
        if is_number(index):
            return self._object(range(len(self))[operator.index(index)])
        return self._selected(selection(index))

    def _selected(self, kept: Selection) -> "Detections":
        return replace(
            self,
            boxes=picked(self.boxes, kept),
            scores=picked(self.scores, kept),
            classes=picked(self.classes, kept),
            masks=None if self.masks is None else picked(self.masks, kept),
        )

    def __iter__(self) -> Iterator[Detection]:
        return map(self._object, range(len(self)))

    def _object(self, number: int) -> Detection:
        left, top, right, bottom = self.boxes[number].tolist()
        label = int(self.classes[number])
        return Detection(
            class_name=self.class_names[label],
            label=label,
            score=float(self.scores[number]),
            box=(left, top, right, bottom),
            mask=None if self.masks is None else self.masks[number],
        )

    def above(self, score: ScoreThreshold) -> "Detections":
        """See `Result.above`."""
        if isinstance(score, Mapping):
            check_known_classes(score, self.class_names)
        scores, labels = self.scores.numpy(), self.classes.numpy()
        return self._selected(reach(scores, labels, self.class_names, score))

    def plot(self, image: AnyImage, *, scale: float = 1.0) -> NDArray[np.uint8]:
        """See `Result.plot`: boxes, masks, class names and scores; a class has one colour."""
        canvas = Canvas(pixels_of(image, self.image_size), scale)
        palette = object_colours(max(len(self.class_names), 1))
        if self.masks is not None:
            masks = self.masks.numpy()
            for number in largest_first(masks):
                canvas.region(masks[number], palette[int(self.classes[number])])
        colours = [palette[each.label] for each in self]
        texts = [f"{each.class_name} {each.score:.0%}" for each in self]
        canvas.boxes(list(zip(self.boxes.tolist(), colours, texts, strict=True)))
        return canvas.pixels()

    def to_dict(self) -> dict[str, Any]:
        """``image_size`` (height, width) and ``objects``: ``class``, ``label``, ``score``, ``box``
        (left, upper, right, lower) and, with masks, ``mask``."""
        objects: list[dict[str, Any]] = []
        for each in self:
            entry = {
                "class": each.class_name,
                "label": each.label,
                "score": each.score,
                "box": list(each.box),
            }
            if each.mask is not None:
                entry["mask"] = encode_mask(each.mask.numpy())
            objects.append(entry)
        return {"image_size": list(self.image_size), "objects": objects}

    def to_coco(self, image_id: int | str = 0) -> list[dict[str, Any]]:
        """See `Result.to_coco`: ``bbox`` is x, y, width, height."""
        results: list[dict[str, Any]] = []
        for each in self:
            left, top, right, bottom = each.box
            result: dict[str, Any] = {
                "image_id": image_id,
                "category_id": each.label,
                "bbox": [left, top, right - left, bottom - top],
                "score": each.score,
            }
            if each.mask is not None:
                result["segmentation"] = encode_mask(each.mask.numpy())
            results.append(result)
        return results

    def to_detectron2(self) -> Any:
        """Detectron2's ``Instances``: ``pred_boxes``, ``scores``, ``pred_classes``, and
        ``pred_masks`` where there are masks.

        Raises:
            MissingExtraError: Detectron2 is not installed.
        """
        try:
            from detectron2.structures import Boxes, Instances
        except ImportError as error:
            raise MissingExtraError(
                f"Detectron2 cannot be imported ({error}); INSTALL.md says how to install it"
            ) from error
        found = Instances(self.image_size)
        found.pred_boxes = Boxes(self.boxes)
        found.scores = self.scores
        found.pred_classes = self.classes
        if self.masks is not None:
            found.pred_masks = self.masks
        return found

    def to_supervision(self) -> Any:
        """supervision's ``Detections``, with ``class_name`` among its data."""
        return load_supervision().Detections(
            xyxy=self.boxes.numpy(),
            mask=None if self.masks is None else self.masks.numpy(),
            confidence=self.scores.numpy(),
            class_id=self.classes.numpy(),
            data={"class_name": np.array(self.names, dtype=str)},
        )

    def __repr__(self) -> str:
        height, width = self.image_size
        return f"Detections({counted(self.names)}; image of {width} x {height} pixels)"

    def __str__(self) -> str:
        found = zip(
            self.names, self.scores.tolist(), self.boxes.round().int().tolist(), strict=True
        )
        return "\n".join(f"{name} {score:.1%} {box}" for name, score, box in found) or "nothing"
