"""Lists, folders, patterns and videos given to predictors."""

import types

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.errors import ConfigError, DataError
from groupnet_det.packed.score_thresholds import SCORE_THRESHOLD
from groupnet_det.runtime.predictor import PackedPredictor

from .engine import write
from .small_detectors import region_detector


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("predictor") / "model.gnp", region_detector())


@pytest.fixture(scope="module")
def predictor(path):
    return PackedPredictor(path, backend="reference", score_threshold=None)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number, name in enumerate(("b.png", "a.png", "c.bmp")):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


def same(a, b):
    return all(torch.equal(getattr(a, n), getattr(b, n)) for n in ("boxes", "scores", "masks"))


def test_lists(predictor, photos):
    images = [photos / "a.png", np.asarray(Image.open(photos / "b.png"))]
    results = predictor(images)
    assert isinstance(results, list)
    assert all(map(same, results, [predictor(image) for image in images]))
    assert predictor([]) == []
    assert len(predictor(tuple(images))) == 2


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("", ["a.png", "b.png", "c.bmp"]), ("*.png", ["a.png", "b.png"])],
    ids=["folder", "pattern"],
)
def test_folders_and_patterns(predictor, photos, pattern, names):
    found = predictor(str(photos / pattern))
    assert isinstance(found, types.GeneratorType)
    pairs = list(found)
    assert [path.name for path, _ in pairs] == names
    assert all(same(result, predictor(path)) for path, result in pairs)
    path, result = pairs[0]
    assert result.plot(path).shape == (32, 40, 3)


def test_videos(predictor, tmp_path):
    writer = cv2.VideoWriter(
        str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (40, 32)
    )
    for number in range(4):
        writer.write(np.full((32, 40, 3), 60 * number, dtype=np.uint8))
    writer.release()
    found = predictor(tmp_path / "a.avi")
    assert isinstance(found, types.GeneratorType)
    pairs = list(found)
    assert len(pairs) == 4
    for number, (frame, result) in enumerate(pairs):
        assert abs(frame.mean() - 60 * number) < 6
        assert same(result, predictor(frame))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", "folder .*empty holds no image"),
        ("*.gif", "no file matches .*gif"),
        ("absent.mp4", "absent.mp4 does not exist"),
        ("absent.png", "absent.png cannot be read"),
    ],
)
def test_what_cannot_be_used_is_one_line_at_once(predictor, tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message) as error:
        predictor(tmp_path / name)
    assert "\n" not in str(error.value)


def test_the_score_threshold(path, predictor, photos):
    image = photos / "a.png"
    every = predictor(image)
    for threshold in (0.0, float(every.scores.median()), 1.0):
        some = PackedPredictor(path, backend="reference", score_threshold=threshold)
        assert same(some(image), every[every.scores >= threshold])
        assert same(some.predict_pixels(*some.prepare(image)), every)
    default = PackedPredictor(path, backend="reference")
    assert default.score_threshold == SCORE_THRESHOLD
    assert same(default(image), every.above(SCORE_THRESHOLD))
    with pytest.raises(ConfigError, match="the score threshold of objects is 2; valid: 0 to 1"):
        PackedPredictor(path, backend="reference", score_threshold=2)


def test_threads_are_those_of_pytorch_for_as_long_as_a_call_lasts(path, predictor, photos):
    seen = []
    own = PackedPredictor(path, backend="reference", score_threshold=None, threads=2)
    own.network = Spy(own.network, lambda: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    assert same(own(photos / "a.png"), predictor(photos / "a.png"))
    assert set(seen) == {2}
    assert torch.get_num_threads() == before
    with pytest.raises(ConfigError, match="threads is 0; valid: 1 and more"):
        PackedPredictor(path, backend="reference", threads=0)


class Spy:
    """A network that calls `note` when it runs."""

    def __init__(self, network, note):
        self.network, self.note = network, note

    def __call__(self, images):
        self.note()
        return self.network(images)

    def __getattr__(self, name):
        return getattr(self.network, name)
