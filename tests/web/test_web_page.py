"""Functions of the page, without a browser."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.web import speed_comparison
from groupnet_det.web.offered_models import BOXES, CLASS, LABELS_QUESTION, MASKS
from groupnet_det.web.uploads import REFUSAL, Uploads
from groupnet_det.web.web_page import Asked, Page

from .conftest import ONE_ROUND


@pytest.fixture
def page(web_models, monkeypatch, tmp_path):
    """A page whose uploads are in the test's folder."""
    monkeypatch.setattr(speed_comparison, "SCHEDULE", ONE_ROUND)
    here = SimpleNamespace(run=lambda task: task())
    return Page(list(web_models.values()), Uploads(tmp_path), here)


def test_models_of_a_task(page, web_models):
    names = {task: model.name for task, model in web_models.items()}
    expected = {
        BOXES: ["retinanet", "mask_rcnn", "panoptic"],
        MASKS: ["mask_rcnn", "panoptic"],
        LABELS_QUESTION: ["panoptic", "semantic"],
    }
    for question, tasks in expected.items():
        assert page.choices(question) == [(names[task], names[task]) for task in tasks]


@pytest.mark.parametrize(
    ("task", "question"),
    [
        *(
            ("mask_rcnn", BOXES),
            ("mask_rcnn", MASKS),
            ("panoptic", MASKS),
            ("panoptic", LABELS_QUESTION),
        ),
        *(("semantic", LABELS_QUESTION), ("classifier", CLASS)),
    ],
)
def test_answer_and_time(page, web_models, photo, task, question):
    name = web_models[task].name
    upload = {"path": str(photo), "orig_name": "photo.png"}
    picture, html, waiting, asked = page.predict(upload, question, name, 0.05)
    assert picture.dtype == np.uint8
    assert picture.shape == (480, 640, 3)
    assert "gn-bar" in html
    assert "being timed" in waiting
    assert "times as" in page.time(asked)


def test_networks_run_where_times_are_taken(page, web_models, photo, monkeypatch):
    """Each other thread with PyTorch's operations has OpenMP threads, which change the times."""
    handed_over, run = [], PackedPredictor.predict_batch

    def predict(predictor, images):
        handed_over.append(serving)
        return run(predictor, images)

    def serve(task):
        nonlocal serving
        serving = True
        result = task()
        serving = False
        return result

    serving = False
    monkeypatch.setattr(page, "handover", SimpleNamespace(run=serve))
    monkeypatch.setattr(PackedPredictor, "predict_batch", predict)
    page.predict({"path": str(photo)}, CLASS, web_models["classifier"].name, 0.5)
    assert handed_over == [True]


def test_no_image_no_answer(page, web_models):
    name = web_models["classifier"].name
    assert page.predict(None, CLASS, name, 0.5) == (None, "", "", None)
    assert page.time(None) == ""


def problem(page, *given):
    """What `Page.answer` tells where it gives no answer."""
    picture, html, waiting, asked = page.predict(*given)
    assert (picture, waiting, asked) == (None, "", None)
    assert "role='alert'" in html
    assert "\n" not in html
    return html


@pytest.mark.parametrize("orig_name", ["cat.png", None])
def test_problems_are_reported_once(page, web_models, tmp_path, orig_name):
    (tmp_path / "bad.png").write_text("no picture")
    upload = {"path": str(tmp_path / "bad.png"), "orig_name": orig_name}
    name = web_models["classifier"].name
    html = problem(page, upload, CLASS, name, 0.5)
    assert (orig_name or "bad.png") in html
    assert str(tmp_path) not in html
    assert page.time(Asked(path=upload["path"], name=name)) == ""
    assert "no such model" in problem(page, upload, CLASS, "no such model", 0.5)


@pytest.mark.parametrize(
    "place", ["outside", "link", "pipe", "device", "folder", "missing", "list"]
)
def test_only_plain_uploaded_files_are_opened(page, web_models, photo, tmp_path, place):
    page.uploads = Uploads(tmp_path / "uploads")
    page.uploads.folder.mkdir()
    inside = page.uploads.folder / "photo.png"
    if place == "link":
        inside.symlink_to(photo)
    elif place == "pipe":
        os.mkfifo(inside)  # would block for ever
    path = {"outside": str(photo), "device": "/dev/zero", "list": [str(photo)]}.get(
        place, str(page.uploads.folder if place == "folder" else inside)
    )
    name = web_models["classifier"].name
    assert REFUSAL in problem(page, {"path": path}, CLASS, name, 0.5)
    assert page.time(Asked(path=path, name=name)) == ""


@pytest.mark.parametrize(
    ("question", "name", "threshold"),
    [
        (BOXES, None, 0.5),
        (["a"], None, 0.5),
        (None, None, 0.5),
        (CLASS, ["a"], 0.5),
        (CLASS, {}, 0.5),
        (CLASS, None, "high"),
        (CLASS, None, True),
        (CLASS, None, float("nan")),
        (CLASS, None, 2),
    ],
    ids=repr,
)
def test_values_that_the_page_does_not_offer(page, web_models, photo, question, name, threshold):
    name = web_models["classifier"].name if name is None else name
    problem(page, {"path": str(photo)}, question, name, threshold)


@pytest.mark.parametrize("upload", ["text", 3, [], {}, {"path": None}, {"path": ["a"]}], ids=repr)
def test_uploads_that_are_none(page, web_models, upload):
    assert REFUSAL in problem(page, upload, CLASS, web_models["classifier"].name, 0.5)
