"""Base of the results of all tasks, from packed and from trained networks alike."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from groupnet_det.errors import ConfigError, DataError
from groupnet_det.extras import import_extra
from groupnet_det.images.reading import AnyImage
from groupnet_det.packed.score_thresholds import ScoreThreshold

JSON_SUFFIX = ".json"


class Result(ABC):
    """The prediction of a network for one image.

    All have ``len``, iteration and indexing; what the members are, the classes say.
    """

    def above(self, score: ScoreThreshold) -> "Result":
        """The same with objects of at least this score; a result without objects stays as it is.

        Args:
            score: A number for all classes; or a mapping of class names to numbers, which leaves
                the objects of other classes as they are.

        Raises:
            ConfigError: The mapping names a class that there is not.
        """
        return self

    @abstractmethod
    def plot(self, image: AnyImage, *, scale: float = 1.0) -> NDArray[np.uint8]:
        """Draw over the image that the result is for.

        Args:
            image: Image of any kind that `read_image` takes.
            scale: Factor on the sides of the image, up to 32; texts on small images need more
                pixels.

        Returns:
            RGB (H, W, 3) of the image's size times `scale`.

        Raises:
            DataError: The image cannot be used, or has another size.
            ConfigError: The scale is not above 0, or too large.
        """

    @abstractmethod
    def to_dict(self) -> Mapping[str, Any]:
        """Plain values; masks in COCO's compressed run-length encoding."""

    @abstractmethod
    def to_coco(self, image_id: int | str = 0) -> list[dict[str, Any]]:
        """COCO results, with ``category_id`` counted from 0 in the order of the classes.

        Args:
            image_id: Id of the image in the data set.

        Raises:
            ConfigError: COCO has no format for this kind of result.
        """

    @abstractmethod
    def to_detectron2(self) -> Any:
        """The same as a model of Detectron2 returns it."""

    @abstractmethod
    def to_supervision(self) -> Any:
        """The same for Roboflow's supervision.

        Raises:
            MissingExtraError: supervision is not installed.
        """

    def to_json(self) -> str:
        """`to_dict` as a text."""
        return json.dumps(self.to_dict())

    def save(self, path: str | Path, image: AnyImage | None = None) -> None:
        """Write the result to a file.

        Args:
            path: With the suffix ``.json`` for `to_json`; others are image files, for `plot`.
            image: The image that the result is for, to draw on; not needed for JSON.

        Raises:
            ConfigError: An image file is asked for without an image.
            DataError: The image cannot be used, or the file not written.
        """
        path = Path(path)
        is_text = path.suffix.lower() == JSON_SUFFIX
        if not is_text and image is None:
            raise ConfigError(
                f"{path} needs the image to draw on: save({path.name!r}, image); without one, name "
                f"a file with the suffix {JSON_SUFFIX}"
            )
        drawn = None if is_text or image is None else Image.fromarray(self.plot(image))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if drawn is None:
                path.write_text(self.to_json() + "\n", encoding="utf-8")
            else:
                drawn.save(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be written: {error}") from error


def load_supervision() -> ModuleType:
    """
    Raises:
        MissingExtraError: supervision is not installed.
    """
    return import_extra("supervision", ["supervision"])[0]
