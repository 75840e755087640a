"""Frames of videos and webcams, by OpenCV."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from groupnet_det.errors import DataError
from groupnet_det.extras import import_extra

DEFAULT_RATE = 25.0  # frames a second, of a source that does not state it
COMPLETE = 0.95  # share of the announced frames, whose number is an estimate in some files


def _load_opencv() -> Any:
    """OpenCV; it and FFmpeg write no lines of their own: our messages say what matters.

    Raises:
        MissingExtraError: It is not installed.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    (cv2,) = import_extra("opencv", ["cv2"])
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


class FrameSource:
    """The frames of a video file or webcam, RGB (H, W, 3).

    Attributes:
        name: For messages.
        rate: Frames a second.
        announced: Number of frames that the file says it has; None where it does not say.
        read: Number of frames so far.
    """

    def __init__(self, source: Path | int) -> None:
        """
        Args:
            source: A file, or the number of a webcam.

        Raises:
            DataError: It cannot be opened.
            MissingExtraError: OpenCV is not installed.
        """
        cv2 = _load_opencv()
        webcam = isinstance(source, int)
        self.name = f"webcam {source}" if webcam else f"video {source}"
        if isinstance(source, Path) and not source.is_file():
            raise DataError(f"{self.name} does not exist")
        self.capture = cv2.VideoCapture(source if webcam else str(source))
        if not self.capture.isOpened():
            fix = "is one connected, and may you use it?" if webcam else "is it a complete video?"
            raise DataError(f"{self.name} cannot be opened; {fix}")
        rate = self.capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if math.isfinite(rate) and rate > 0 else DEFAULT_RATE
        count = self.capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.announced = int(count) if not webcam and 0 < count < 1e9 else None
        self.read = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            good, frame = self.capture.read()
            if not good:
                return
            self.read += 1
            yield np.ascontiguousarray(frame[:, :, ::-1])  # OpenCV's order is BGR

    def check_complete(self) -> None:
        """Check, after the last frame, that enough of them could be read.

        Raises:
            DataError: Less frames could be read than there should be.
        """
        if not self.read:
            raise DataError(f"{self.name} has no frame that can be read")
        if self.announced and self.read < COMPLETE * self.announced:
            raise DataError(
                f"{self.name} is damaged or cut short: {self.read} of {self.announced} frames "
                "could be read"
            )

    def __enter__(self) -> "FrameSource":
        return self

    def __exit__(self, *_: type[BaseException] | TracebackType | BaseException | None) -> None:
        self.capture.release()
