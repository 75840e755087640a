"""The greedy search on networks whose scores and times are given."""

import itertools

import pytest

from groupnet_det.benchmark.budget.assignments import assignment_text
from groupnet_det.benchmark.budget.budget_search import most_candidates, search_within
from groupnet_det.benchmark.budget.candidate_rows import CandidateRow
from groupnet_det.errors import ConfigError

CHOICES = {"res2": (1, 2, 4), "res3": (1, 2, 4), "HEAD": (1, 2)}
# By part: the milliseconds of a base, and the points that each doubling gains.
COSTS = {"res2": 2.0, "res3": 1.0, "HEAD": 0.5}
GAINS = {"res2": 1.0, "res3": 4.0, "HEAD": 1.5}


class Measured:
    """Adds up `COSTS` and `GAINS`."""

    def __init__(self):
        self.asked = []

    def __call__(self, assignment):
        self.asked.append(dict(assignment))
        return CandidateRow(
            bases=assignment_text(assignment),
            metric="bbox/AP",
            score=sum(GAINS[part] * (n.bit_length() - 1) for part, n in assignment.items()),
            milliseconds=sum(COSTS[part] * n for part, n in assignment.items()),
            num_bytes=1,
            settings="",
        )


def best_of_all(most_ms):
    """The best score of all assignments."""
    measure = Measured()
    all_of_them = [dict(zip(CHOICES, n, strict=True)) for n in itertools.product(*CHOICES.values())]
    rows = [measure(assignment) for assignment in all_of_them]
    return max(row.score for row in rows if row.milliseconds <= most_ms)


@pytest.mark.parametrize("most_ms", [3.5, 4.0, 4.6, 5.5, 7.5, 13.0, 100.0])
def test_gains_that_add_up_are_found(most_ms):
    """With gains for a millisecond that only fall, the greedy way meets the best."""
    measure = Measured()
    found = search_within(most_ms, CHOICES, measure)
    assert measure(found).milliseconds <= most_ms
    assert measure(found).score == best_of_all(most_ms)
    assert len({assignment_text(one) for one in measure.asked}) <= most_candidates(CHOICES)


def test_one_number_for_all_is_looked_at_first():
    measure = Measured()
    search_within(4.0, CHOICES, measure)
    assert {"res2": 2, "res3": 2, "HEAD": 2} in measure.asked[:4]
    assert {"res2": 4, "res3": 4, "HEAD": 2} in measure.asked[:4]


def test_steps_that_lose_are_taken_last_and_never_chosen(monkeypatch):
    monkeypatch.setitem(GAINS, "HEAD", -1.0)
    assert search_within(100.0, CHOICES, Measured()) == {"res2": 4, "res3": 4, "HEAD": 1}


def test_too_little_time():
    with pytest.raises(ConfigError, match=r"take 3\.5 ms for an image, more than 2; allow"):
        search_within(2.0, CHOICES, Measured())
