import subprocess
import sys

import numpy as np
import pytest

from groupnet_det.errors import ConfigError
from groupnet_det.packed.score_thresholds import (
    DEFAULT_THRESHOLDS,
    SCORE_THRESHOLD,
    check_known_classes,
    check_score_threshold,
    lowest_threshold,
    threshold_of_each_class,
)

NAMES = ("cat", "dog", "traffic light")


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")], ids=str)
def test_thresholds_that_are_no_scores(value):
    for right in (0, 1.0, np.float32(0.5), {}, {"cat": 0, "dog": np.float64(1)}):
        check_score_threshold(right)
    with pytest.raises(ConfigError, match=r"of objects is .*; valid: 0 to 1"):
        check_score_threshold(value)
    with pytest.raises(ConfigError, match=r"the score threshold of 'dog' is .*; valid: 0 to 1"):
        check_score_threshold({"cat": 0.5, "dog": value})


@pytest.mark.parametrize("value", ["0.5", None, True, [0.5], np.ones(2), {"a": {}}], ids=repr)
def test_thresholds_of_other_types(value):
    for given in (value, {"dog": value}):
        with pytest.raises(ConfigError, match=r"is of the type \w+; valid: 0 to 1") as error:
            check_score_threshold(given)
        assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="a score threshold is for 3; valid: class names"):
        check_score_threshold({3: 0.5})


def test_names_of_classes():
    check_known_classes({"dog": 0.5}, NAMES)
    check_known_classes({}, ())
    with pytest.raises(ConfigError, match=r"'cow'; valid: 'cat', 'dog', 'traffic light'$"):
        check_known_classes({"dog": 0.5, "cow": 0.5}, NAMES)
    with pytest.raises(ConfigError, match="'dog', but the network finds no objects; leave it out"):
        check_known_classes({"dog": 0.5}, ())


@pytest.mark.parametrize(
    ("given", "of_file", "expected"),
    [
        (DEFAULT_THRESHOLDS, {}, SCORE_THRESHOLD),
        (0.3, {"cat": 0.9}, 0.3),
        ({}, {"cat": 0.9}, {"cat": 0.9, "dog": 0.5, "traffic light": 0.5}),
        ({"dog": 0.1}, {"cat": 0.9}, {"cat": 0.9, "dog": 0.1, "traffic light": 0.5}),
        ({"cat": 0.1}, {"cat": 0.9}, {"cat": 0.1, "dog": 0.5, "traffic light": 0.5}),
    ],
)
def test_what_is_said_counts_before_the_file(given, of_file, expected):
    assert threshold_of_each_class(given, of_file, NAMES) == expected
    lowest = min(expected.values()) if isinstance(expected, dict) else expected
    assert lowest_threshold(expected) == lowest


def test_the_default_is_read_without_torch():
    code = "import groupnet_det.packed.score_thresholds, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
