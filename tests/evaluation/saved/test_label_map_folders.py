import numpy as np
import pytest
from PIL import Image

from groupnet_det.errors import DataError
from groupnet_det.evaluation.saved.label_map_folders import score_label_folders
from tests.evaluation.test_semantic_evaluator import EXPECTED, FOUND, NAMES, TRUTH


@pytest.fixture
def folders(tmp_path):
    """Masks of two cities, one of them predicted."""
    paths = {"predictions": tmp_path / "predictions", "masks": tmp_path / "masks"}
    for path in (paths["predictions"], paths["masks"] / "ulm", paths["masks"] / "bonn"):
        path.mkdir(parents=True)
    Image.fromarray(FOUND).save(paths["predictions"] / "a.png")
    Image.fromarray(TRUTH).save(paths["masks"] / "ulm/a.png")
    Image.fromarray(TRUTH).save(paths["masks"] / "bonn/b.png")
    return paths


def score(folders, **options):
    return score_label_folders(**folders, class_names=NAMES, ignore_label=255, **options)


def test_scores_are_those_counted_by_hand(folders):
    scores = score(folders)
    assert scores.summary == pytest.approx({key: 100 * v for key, v in EXPECTED.items()})
    assert scores.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]
    assert sorted(path.name for path in folders["predictions"].parent.rglob("*.*")) == [
        *("a.png", "a.png", "b.png")
    ]


def test_what_is_not_predicted_is_missed_where_a_list_names_it(folders, tmp_path):
    (tmp_path / "list.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"predictions has no b\.png; each image needs both"):
        score(folders, list_file=tmp_path / "list.txt")


@pytest.mark.parametrize(
    ("path", "labels", "message"),
    [
        ("predictions/c.png", FOUND, r"masks has no c\.png; each image needs both masks"),
        ("predictions/a.png", FOUND.T, r"prediction .*a\.png is 2x4, but mask .*a\.png is 4x2"),
        (
            "predictions/a.png",
            TRUTH,
            r"predictions/a\.png contains label 255, but valid are 0 to 2,",
        ),
        ("masks/ulm/a.png", FOUND + 3, r"ulm/a\.png contains label 3, 4, 5, but valid are"),
        ("masks/bonn/a.png", TRUTH, "contains two masks of one name"),
        ("predictions/a.png", np.stack([FOUND] * 3, axis=2), "is RGB instead of labels"),
    ],
    ids=["no-mask", "size", "ignored", "label", "twice", "rgb"],
)
def test_bad_files_are_named(folders, path, labels, message):
    Image.fromarray(np.ascontiguousarray(labels)).save(folders["masks"].parent / path)
    with pytest.raises(DataError, match=message):
        score(folders)


def test_missing_and_empty_folders(folders, tmp_path):
    (folders["predictions"] / "a.png").unlink()
    with pytest.raises(DataError, match="predictions contains no PNG file"):
        score(folders)
    folders["masks"] = tmp_path / "nowhere"
    with pytest.raises(DataError, match="nowhere does not exist"):
        score(folders)


def test_lists_may_have_suffixes(folders, tmp_path):
    (tmp_path / "list.txt").write_text("a.jpg\n")
    assert score(folders, list_file=tmp_path / "list.txt").summary == score(folders).summary


def test_masks_where_all_is_ignored_are_reported_with_their_folder(folders):
    Image.fromarray(np.full_like(TRUTH, 255)).save(folders["masks"] / "ulm/a.png")
    with pytest.raises(DataError, match=r"no pixel of the masks in \S*/masks is labelled: all are"):
        score(folders)
