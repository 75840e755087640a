"""What the page does, without a browser."""

import numpy as np
import pytest

from groupnet_det.web import comparison
from groupnet_det.web.models import BOXES, CLASS, LABELS, MASKS
from groupnet_det.web.page import Page


@pytest.fixture
def page(web_models, monkeypatch):
    monkeypatch.setattr(comparison, "SHORT", 0.0)
    return Page(list(web_models.values()))


def test_models_of_a_task(page, web_models):
    names = {task: model.name for task, model in web_models.items()}
    assert page.choices(BOXES) == [names[t] for t in ("retinanet", "mask_rcnn", "panoptic")]
    assert page.choices(MASKS) == [names["mask_rcnn"], names["panoptic"]]
    assert page.choices(LABELS) == [names["panoptic"], names["semantic"]]


@pytest.mark.parametrize(
    ("task", "question"),
    [
        *(("mask_rcnn", BOXES), ("mask_rcnn", MASKS), ("panoptic", MASKS), ("panoptic", LABELS)),
        *(("semantic", LABELS), ("classifier", CLASS)),
    ],
)
def test_answer_and_time(page, web_models, photo, task, question):
    name = web_models[task].name
    upload = {"path": str(photo), "orig_name": "photo.png"}
    picture, html, waiting = page.answer(upload, question, name, 0.05)
    assert picture.dtype == np.uint8
    assert picture.shape == (480, 640, 3)
    assert "gn-bar" in html
    assert "being timed" in waiting
    assert "times as" in page.time(upload, name)


def test_no_picture_no_answer(page, web_models):
    name = web_models["classifier"].name
    assert page.answer(None, CLASS, name, 0.5) == (None, "", "")
    assert page.time(None, name) == ""


@pytest.mark.parametrize("orig_name", ["cat.png", None])
def test_problems_are_told_once(page, web_models, tmp_path, orig_name):
    (tmp_path / "bad.png").write_text("no picture")
    upload = {"path": str(tmp_path / "bad.png"), "orig_name": orig_name}
    name = web_models["classifier"].name
    picture, html, waiting = page.answer(upload, CLASS, name, 0.5)
    assert picture is None
    assert waiting == ""
    assert "role='alert'" in html
    assert (orig_name or "bad.png") in html
    assert page.time(upload, name) == ""
    _, html, _ = page.answer(upload, CLASS, "no such model", 0.5)
    assert "no such model" in html
