import contextlib

import numpy as np
import pytest

from groupnet_det.errors import ConfigError, DataError
from groupnet_det.images.video_frames import FrameSource
from groupnet_det.inference.videos import VideoFile, Window, video_output


def write_video(path, number=20, size=(48, 64)):
    with VideoFile(path, rate=10.0) as video:
        for index in range(number):
            frame = np.full((*size, 3), 10 * index, dtype=np.uint8)
            frame[10:30, 10:30] = (250, 0, 0)
            video.show(frame)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_what_is_written_is_read_again(tmp_path, suffix):
    path = write_video(tmp_path / f"a{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == [f"a{suffix}"]
    with FrameSource(path) as source:
        frames = list(source)
        source.check_complete()
    assert len(frames) == source.announced == 20
    assert source.rate == 10
    assert frames[5].shape == (48, 64, 3)
    red = frames[5][20, 20].astype(int)
    assert red[0] > 230 > 30 > red[1]  # RGB
    assert abs(int(frames[5][40, 40, 0]) - 50) < 10


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_a_video_that_is_cut_short_gives_its_frames_and_is_reported(tmp_path, suffix):
    path = write_video(tmp_path / f"a{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with FrameSource(path) as source:
        read = len(list(source))
        assert 0 < read < 20
        with pytest.raises(DataError, match=rf"cut short: {read} of 20 frames could be read"):
            source.check_complete()


@pytest.mark.parametrize("kind", ["noise", "empty", "cut mp4", "absent", "webcam"])
def test_what_cannot_be_opened(tmp_path, kind):
    source, message = tmp_path / "a.mp4", r"a\.mp4 cannot be opened; is it a complete video\?"
    if kind == "webcam":
        source, message = 63, "webcam 63 cannot be opened; is one connected"
    elif kind == "absent":
        message = r"a\.mp4 does not exist"
    elif kind == "cut mp4":
        write_video(source)
        source.write_bytes(source.read_bytes()[:-500])
    else:
        noise = np.random.default_rng(0).integers(0, 256, 4000, dtype=np.uint8)
        source.write_bytes(noise.tobytes() if kind == "noise" else b"")
    with pytest.raises(DataError, match=message):
        FrameSource(source)


def test_frames_so_far_are_kept_when_something_fails(tmp_path):
    path = tmp_path / "a.avi"
    with contextlib.suppress(KeyboardInterrupt), VideoFile(path, rate=5.0) as video:
        for _ in range(3):
            video.show(np.zeros((32, 32, 3), dtype=np.uint8))
        raise KeyboardInterrupt
    with FrameSource(path) as source:
        assert len(list(source)) == 3


def test_after_an_error_no_video_has_the_name(tmp_path):
    path = tmp_path / "a.avi"
    with contextlib.suppress(RuntimeError), VideoFile(path, rate=5.0) as video:
        video.show(np.zeros((32, 32, 3), dtype=np.uint8))
        raise RuntimeError("the source broke")
    assert [p.name for p in tmp_path.iterdir()] == ["a.partial.avi"]


def test_a_video_that_cannot_be_written_is_reported(tmp_path):
    folder = tmp_path / "a.partial.avi"  # a folder is where the file should be
    folder.mkdir()
    message = r"a\.avi cannot be written"
    with pytest.raises(DataError, match=message), VideoFile(tmp_path / "a.avi", 5.0) as video:
        video.show(np.zeros((32, 32, 3), dtype=np.uint8))


def test_a_video_that_is_there_is_not_overwritten(tmp_path):
    path = write_video(tmp_path / "a.avi", number=2)
    with pytest.raises(DataError, match=r"a\.avi is there already"):
        VideoFile(path, rate=5.0)
    with pytest.raises(ConfigError, match=r"unknown suffix; valid: \.mp4, \.mkv, \.avi"):
        VideoFile(tmp_path / "a.mov", rate=5.0)


def test_where_a_video_goes(tmp_path):
    assert video_output("street", tmp_path) == tmp_path / "street.mp4"
    assert video_output("street", tmp_path / "new") == tmp_path / "new/street.mp4"
    assert video_output("street", tmp_path / "x.mkv") == tmp_path / "x.mkv"


@pytest.mark.parametrize(
    ("built", "screen", "message"),
    [
        ("  GUI:  NONE\n", ":0", "opencv-python-headless.*--output"),
        ("  GUI:  GTK3\n", "", "no screen for a window; name a file or folder by --output"),
    ],
    ids=["headless", "no-screen"],
)
def test_no_window_where_there_can_be_none(monkeypatch, built, screen, message):
    monkeypatch.setattr("cv2.getBuildInformation", lambda: built)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", screen)
    with pytest.raises(ConfigError, match=message):
        Window("title")
