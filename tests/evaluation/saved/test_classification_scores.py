import csv
import math

import pytest

from groupnet_det.errors import DataError
from groupnet_det.evaluation.saved.classification_scores import (
    Prediction,
    read_predictions_csv,
    score_predictions,
    score_predictions_csv,
    write_class_scores_csv,
    write_predictions_csv,
)

NAMES = ["cat", "dog", "fox"]


def predict(name, label, predicted, in_top5=True, cross_entropy=0.5):
    return Prediction(name, label, predicted, 0.75, in_top5, cross_entropy)


PREDICTIONS = [
    predict("a", 0, 0),
    predict("b", 0, 1, cross_entropy=2.5),
    predict("c", 0, 1, in_top5=False),
    predict("d", 0, 0),
    predict("e", 1, 1),
]


def test_scores_counted_by_hand():
    scores = score_predictions(PREDICTIONS, NAMES)
    assert scores.summary == pytest.approx({"top1": 60, "top5": 80, "cross_entropy": 0.9})
    assert scores.per_class["cat"] == pytest.approx((4, 50, 75))
    assert scores.per_class["dog"] == pytest.approx((1, 100, 100))
    assert scores.per_class["fox"][0] == 0
    assert math.isnan(scores.per_class["fox"][1])
    assert scores.confusion.tolist() == [[2, 2, 0], [0, 1, 0], [0, 0, 0]]


def test_nothing_to_score():
    with pytest.raises(DataError, match="no predictions to score"):
        score_predictions([], NAMES)


def test_class_scores_csv(tmp_path):
    write_class_scores_csv(score_predictions(PREDICTIONS, NAMES), tmp_path / "a.csv")
    assert list(csv.reader((tmp_path / "a.csv").open())) == [
        ["class", "images", "top1", "top5"],
        ["cat", "4", "50.000", "75.000"],
        ["dog", "1", "100.000", "100.000"],
        ["fox", "0", "nan", "nan"],
        ["all", "5", "60.000", "80.000"],
    ]


def test_predictions_csv_and_its_scores(tmp_path):
    path = tmp_path / "a.csv"
    write_predictions_csv([*PREDICTIONS, predict('odd, "name"', 2, 2)], NAMES, path)
    rows = read_predictions_csv(path)
    assert rows[1] == {"file": "b", "label": "cat", "prediction": "dog", "probability": "0.750000"}
    assert rows[-1]["file"] == 'odd, "name"'
    assert score_predictions_csv(path) == {
        "cat": (4, 50),
        "dog": (1, 100),
        "fox": (1, 100),
        "all": (6, pytest.approx(100 * 4 / 6)),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "does not exist; evaluation writes it"),
        ("a,b\n1,2\n", "must have the columns file, label, prediction, probability"),
        ("file,label,prediction,probability\n", "a row per image"),
        ("file,label,prediction,probability\na,b\n", "must have the columns"),
    ],
    ids=["absent", "columns", "no-row", "short-row"],
)
def test_files_that_are_no_predictions(tmp_path, text, message):
    path = tmp_path / "predictions.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=rf"predictions\.csv.* {message}"):
        read_predictions_csv(path)
