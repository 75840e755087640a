"""Base of predictors: from images, lists, folders, patterns and videos to results."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from groupnet_det.errors import DataError
from groupnet_det.images.file_patterns import find_images, is_video, names_several
from groupnet_det.images.reading import AnyImage
from groupnet_det.images.video_frames import FrameSource

from .results.result import Result


class BasePredictor(ABC):
    """Predicts for whatever holds images; a class of its own for each kind of file."""

    @abstractmethod
    def predict_batch(self, images: Sequence[AnyImage]) -> list[Result]:
        """Results for images.

        Raises:
            DataError: An image cannot be used; there are no results for the others then.
        """

    @overload
    def __call__(self, source: str | os.PathLike[str]) -> Any: ...
    @overload
    def __call__(self, source: Image.Image | NDArray[np.uint8] | Tensor) -> Result: ...
    @overload
    def __call__(self, source: Sequence[AnyImage]) -> list[Result]: ...
    def __call__(self, source: Any) -> Any:
        """Predict for one image or several.

        Args:
            source: One of

                * an image of any kind that `read_image` takes,
                * a list of such images,
                * a folder of images, or a pattern such as ``photos/*.jpg``,
                * a video file.

        Returns:
            The `Result` of an image; a list of them; of a folder or pattern a generator of pairs
            (path, result), in the order of the names; of a video a generator of pairs (RGB pixels
            of the frame, result). ``result.plot`` takes the first of a pair.

        Raises:
            DataError: The image, folder, pattern or video cannot be used. A generator raises it
                when it comes to an image that cannot be used.
            MissingExtraError: A video is given, and OpenCV is not installed.
        """
        if isinstance(source, list | tuple):
            return self.predict_batch(source)
        if isinstance(source, str | os.PathLike):
            path = Path(source).expanduser()
            if names_several(path):
                return self._predict_files(path)
            if is_video(path):
                return self._predict_frames(FrameSource(path))
        return self.predict_batch([source])[0]

    def _predict_files(self, path: Path) -> Iterator[tuple[Path, Result]]:
        paths, problems = find_images([str(path)])
        if problems:
            raise DataError(problems[0])
        return ((each, self.predict_batch([each])[0]) for each in paths)

    def _predict_frames(self, frames: FrameSource) -> Iterator[tuple[NDArray[np.uint8], Result]]:
        with frames:
            for frame in frames:
                yield frame, self.predict_batch([frame])[0]
            frames.check_complete()
