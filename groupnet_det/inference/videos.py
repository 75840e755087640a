"""Videos and windows that drawn frames are shown in, by OpenCV."""

import os
import sys
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from groupnet_det.errors import ConfigError, DataError

# Codes of what every FFmpeg can write, by the kind of file.
CODES = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
DEFAULT_SUFFIX = ".mp4"
ESCAPE = 27


class VideoFile:
    """Frames into a file, which has its name once it is closed, or stopped by Ctrl-C; after an
    error what was written stays beside it, as ``<name>.partial.mp4``."""

    def __init__(self, path: Path, rate: float) -> None:
        """
        Args:
            path: With a suffix of `CODES`.
            rate: Frames a second.

        Raises:
            ConfigError: Another suffix.
            DataError: The file is there already.
        """
        if path.suffix.lower() not in CODES:
            raise ConfigError(f"video {path} has an unknown suffix; valid: {', '.join(CODES)}")
        if path.exists():
            raise DataError(f"video {path} is there already; remove it, or name another --output")
        self.path = path
        self.partial = path.with_suffix(f".partial{path.suffix}")
        self.rate = rate
        self.writer: cv2.VideoWriter | None = None

    def show(self, frame: np.ndarray) -> bool:
        """Write an RGB frame.

        Returns:
            Whether there is use for more.

        Raises:
            DataError: The file cannot be written.
        """
        if self.writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            code = cv2.VideoWriter.fourcc(*CODES[self.path.suffix.lower()])
            size = frame.shape[1], frame.shape[0]
            writer = cv2.VideoWriter(str(self.partial), code, self.rate, size)
            if not writer.isOpened():
                raise DataError(f"video {self.path} cannot be written")
            self.writer = writer
        self.writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        return True

    def __enter__(self) -> "VideoFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.writer is not None:
            self.writer.release()
            if kind in (None, KeyboardInterrupt):
                os.replace(self.partial, self.path)


class Window:
    """Frames on the screen."""

    def __init__(self, title: str, *, wait: bool = False) -> None:
        """
        Args:
            title: Title of the window.
            wait: Whether each frame stays until a key is pressed.

        Raises:
            ConfigError: There is no screen, or OpenCV was built without windows.
        """
        check_display()
        self.title = title
        self.milliseconds = 0 if wait else 1
        cv2.namedWindow(title, cv2.WINDOW_NORMAL)

    def show(self, frame: np.ndarray) -> bool:
        """Show a frame as `VideoFile.show` does; Escape ends it."""
        cv2.imshow(self.title, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        return cv2.waitKey(self.milliseconds) != ESCAPE

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: type[BaseException] | TracebackType | BaseException | None) -> None:
        cv2.destroyWindow(self.title)


def check_display() -> None:
    """
    Raises:
        ConfigError: No window can be opened.
    """
    lines = cv2.getBuildInformation().splitlines()
    if any(line.split() == ["GUI:", "NONE"] for line in lines):
        raise ConfigError(
            "OpenCV was built without windows (opencv-python-headless); name a file or folder by "
            "--output, or install opencv-python instead"
        )
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform == "linux" and not any(map(os.environ.get, screens)):
        raise ConfigError("there is no screen for a window; name a file or folder by --output")


def video_output(source: str, output: Path) -> Path:
    """The file `output`, or one of the source's name in the folder `output`."""
    if output.suffix and not output.is_dir():
        return output
    return output / f"{Path(source).stem}{DEFAULT_SUFFIX}"
