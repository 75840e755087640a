"""The demo as a user runs it, in this process; once in one of its own."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.commands.visualization import demo as command
from groupnet_det.images.video_frames import FrameSource
from tests.exporting.tiny_panoptic import PACKED as PANOPTIC
from tests.inference.models import write_checkpoint
from tests.inference.test_videos import write_video


@pytest.fixture
def demo():
    """``demo(words)``: the exit code, or what is said in its stead."""

    def run(*words):
        try:
            return command.main(list(map(str, words)))
        except SystemExit as end:
            return end.code

    run.parse = command.parse_arguments
    return run


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.jpg", "b.png"):
        pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def pixels_of(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


TASKS = ["retinanet", "mask_rcnn", "panoptic", "semantic", "classifier"]
THRESHOLD = {"retinanet": 0.0}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_on_images_and_video(demo, tmp_path, pictures, capsys, task):
    weights = write_checkpoint(tmp_path, task)
    common = ["--weights", weights, "--score-threshold", THRESHOLD.get(task, 0.3)]
    assert demo(*common, "--input", pictures / "*.*", "--output", tmp_path / "out") == 0
    for name in ("a.jpg", "b.png"):
        drawn = pixels_of(tmp_path / "out" / name)
        assert drawn.shape == (90, 120, 3)
        assert np.abs(drawn - pixels_of(pictures / name)).mean() > 1
    told = capsys.readouterr().out
    assert {"semantic": "grass", "classifier": "%"}.get(task, " object") in told
    assert any(name in told for name in ("cat", "things"))

    video = write_video(tmp_path / "in.avi", number=4, size=(64, 80))
    assert demo(*common, "--video-input", video, "--output", tmp_path / "out") == 0
    with FrameSource(tmp_path / "out/in.mp4") as source:
        frames = list(source)
    assert len(frames) == 4
    assert frames[0].shape == (64, 80, 3)


def test_packed_file(demo, tiny_packed, tmp_path, pictures):
    weights = tiny_packed / "model.gnp"
    output = tmp_path / "drawn.png"
    assert demo("--weights", weights, "--input", pictures / "a.jpg", "--output", output) == 0
    assert np.abs(pixels_of(output) - pixels_of(pictures / "a.jpg")).mean() > 1


def test_packed_panoptic_file(demo, tiny_panoptic, tmp_path, pictures, capsys):
    weights = ["--weights", tiny_panoptic / PANOPTIC, "--score-threshold", 0.2]
    output = tmp_path / "drawn.png"
    assert demo(*weights, "--input", pictures / "a.jpg", "--output", output) == 0
    assert np.abs(pixels_of(output) - pixels_of(pictures / "a.jpg")).mean() > 1
    assert "1 other segment" in capsys.readouterr().out
    video = write_video(tmp_path / "in.avi", number=2, size=(64, 80))
    assert demo(*weights, "--video-input", video, "--output", tmp_path / "out") == 0


def test_a_bad_image_is_reported_and_the_others_go_on(demo, tmp_path, pictures, capsys):
    weights = write_checkpoint(tmp_path, "classifier")
    cut = (pictures / "a.jpg").read_bytes()[:300]
    (pictures / "cut.jpg").write_bytes(cut)
    words = ["--input", pictures / "*", tmp_path / "none/*.jpg", "--output", tmp_path / "out"]
    assert demo("--weights", weights, *words) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3
    assert "no file matches" in errors[0]
    assert "cut.jpg cannot be read" in errors[1]
    assert errors[2] == "error: 2 of 4 inputs could not be used"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.jpg", "b.png"]


def test_a_image_of_more_than_8_bits_is_reported(demo, tmp_path, capsys):
    weights = write_checkpoint(tmp_path, "classifier")
    deep = np.linspace(0, 65535, 90 * 120).reshape(90, 120).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    words = ["--input", tmp_path / "deep.png", "--output", tmp_path / "out.png"]
    assert demo("--weights", weights, *words) == 1
    assert "deep.png has more than 8 bits per channel" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


def test_a_damaged_video_is_drawn_as_far_as_it_goes(demo, tmp_path):
    weights = write_checkpoint(tmp_path, "classifier")
    video = write_video(tmp_path / "in.avi", size=(64, 80))
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    message = demo("--weights", weights, "--video-input", video, "--output", tmp_path / "out.avi")
    assert "is damaged or cut short" in message
    assert "\n" not in message
    with FrameSource(tmp_path / "out.avi") as source:
        assert len(list(source)) > 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--webcam", "63", "--output", "x.mp4"], "error: webcam 63 cannot be opened"),
        (["--video-input", "absent.mp4", "--output", "x.mp4"], "absent.mp4 does not exist"),
        (["--input", "a.jpg", "--output", "x", "--opts", "NO.KEY", "1"], "config key NO.KEY"),
        (
            ["--input", "a.jpg", "--output", "x", "--score-threshold", "7"],
            "score threshold of objects is 7.0; valid: 0 to 1",
        ),
    ],
    ids=["webcam", "video", "option", "threshold"],
)
def test_what_cannot_be_done_is_one_line(demo, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    text = demo("--weights", write_checkpoint(tmp_path, "classifier"), *words)
    assert message in text
    assert text.startswith("error: ")
    assert "\n" not in text


def test_without_a_screen_an_output_is_needed(demo, tmp_path, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    weights = write_checkpoint(tmp_path, "classifier")
    assert "by --output" in demo("--weights", weights, "--input", tmp_path / "a.jpg")


def test_flags_are_those_of_detectron2(demo):
    words = "--config-file c.yaml --webcam --score-threshold 0.7 --opts MODEL.WEIGHTS w.pth"
    arguments = demo.parse(words.split())
    assert (arguments.webcam, arguments.score_threshold) == (0, 0.7)
    assert arguments.opts == ["MODEL.WEIGHTS", "w.pth"]
    with pytest.raises(SystemExit):
        demo.parse(["--webcam", "--input", "a.jpg"])


def test_in_a_process_of_its_own(root, tmp_path, pictures):
    weights = write_checkpoint(tmp_path, "retinanet")
    command = [sys.executable, root / "demo/demo.py", "--input", pictures / "a.jpg", "absent"]
    done = subprocess.run(
        [*map(str, command), "--output", str(tmp_path / "out"), "--weights", str(weights)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "error: absent does not exist" in done.stderr
    assert "0 objects" in done.stdout
    assert (tmp_path / "out/a.jpg").exists()
    assert torch.load(weights)["class_names"] == ["cat", "dog"]


@pytest.mark.parametrize("words", [(), ("--pretrained", "classifier_groupnet_mnist5k")], ids=str)
def test_a_model_of_the_package_on_its_own_image(demo, tmp_path, capsys, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert demo(*words) == 0
    (drawn,) = tmp_path.iterdir()
    assert drawn.name in capsys.readouterr().out
    assert Image.open(drawn).size[0] >= 28


def test_a_model_of_the_package_on_a_image_of_mine(demo, tmp_path, pictures):
    assert demo("--input", pictures / "a.jpg", "--output", tmp_path / "drawn.png") == 0
    assert pixels_of(tmp_path / "drawn.png").shape == (90, 120, 3)


def test_weights_without_a_image_are_a_usage_error(demo, capsys):
    assert demo("--weights", "model.gnp") == 2
    assert "--input, --video-input or --webcam" in capsys.readouterr().err


def test_an_unknown_model_of_the_package(demo):
    assert "retinanet_groupnet_photo_digits" in demo("--pretrained", "yolo")
