"""Packed models that the page offers."""

import shutil

import pytest

from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.pretrained import pretrained
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.web.offered_models import (
    BOXES,
    CLASS,
    LABELS_QUESTION,
    MASKS,
    display_name,
    find_models,
    open_models,
    questions,
)

needs_engine = pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")


def test_those_of_zoo_and_output_are_found(tmp_path):
    files = ["zoo/b/model.gnp", "zoo/a/model.gnp", "output/x/y/model.gnp", "zoo/a/other.gnp"]
    for name in [*files, "elsewhere/model.gnp"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in find_models(tmp_path)]
    assert found == ["zoo/a/model.gnp", "zoo/b/model.gnp", "output/x/y/model.gnp"]
    assert find_models(tmp_path / "absent") == []


@pytest.mark.parametrize(
    ("path", "name"),
    [("zoo/a/model.gnp", "zoo/a"), ("output/my.gnp", "output/my.gnp"), ("model.gnp", ".")],
)
def test_shown_names(tmp_path, path, name):
    assert display_name(tmp_path / path, tmp_path) == name
    assert display_name(tmp_path / path, tmp_path / "other").startswith("/")


@needs_engine
def test_a_broken_file_is_reported_and_the_others_are_offered(packed_folder, tmp_path):
    good, bad = packed_folder / "classifier/model.gnp", tmp_path / "zoo/a/model.gnp"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(good.read_bytes()[:1000])
    models, (problem,) = open_models([], [bad, good], root=tmp_path)
    assert [model.path for model in models] == [good]
    assert str(bad) in problem
    with pytest.raises(PackedFileError, match=r"zoo/a/model\.gnp"):
        open_models([bad], [good], root=tmp_path)


def test_without_a_model_the_message_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="`make zoo`") as error:
        open_models([], [], root=tmp_path)
    assert "\n" not in str(error.value)


@needs_engine
def test_named_ones_are_the_only_ones(packed_folder, tmp_path):
    shutil.copy(packed_folder / "semantic/model.gnp", tmp_path / "mine.gnp")
    others = [packed_folder / "classifier/model.gnp"]
    (model,), _ = open_models([tmp_path / "mine.gnp"], others, root=tmp_path)
    assert model.name == "mine.gnp"


def test_questions_that_models_answer(web_models):
    expected = {
        "retinanet": [BOXES],
        "mask_rcnn": [BOXES, MASKS],
        "panoptic": [BOXES, MASKS, LABELS_QUESTION],
        "semantic": [LABELS_QUESTION],
        "classifier": [CLASS],
    }
    for task, asked in expected.items():
        assert questions([web_models[task]]) == asked
    assert questions(web_models.values()) == [BOXES, MASKS, LABELS_QUESTION, CLASS]


@needs_engine
def test_titles(packed_folder):
    shipped = pretrained("retinanet_groupnet_photo_digits")
    own = packed_folder / "retinanet/model.gnp"
    models, _ = open_models([shipped.path, own], [], root=packed_folder)
    metric, value = shipped.metric
    assert [model.title for model in models] == [
        f"{shipped.name} ({metric} {value:.1f})",
        "retinanet",
    ]
