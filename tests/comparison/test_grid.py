"""Order of the rows that a grid of two methods trains."""

from dataclasses import replace

import pytest

from groupnet_det.comparison.grid import SEARCH_SEED, Grid, summarize
from groupnet_det.comparison.rows import ComparisonRow

GRID = Grid(
    methods=["b", "a"],
    learning_rates=[0.1, 0.2],
    seeds=[7, 3],
    iterations=30,
    search_iterations=10,
    single_seed=frozenset({"a"}),
)
COST = {"binary_operations": 640, "float_operations": 5, "num_bytes": 9}


def make_row(key, score=50.0, seconds=1.0, **cost):
    return ComparisonRow(
        **{
            name: getattr(key, name) for name in ComparisonRow.__annotations__ if hasattr(key, name)
        },
        **{**COST, **cost},
        metric="bbox/AP",
        score=score,
        others="",
        seconds=seconds,
        date="2026-01-31",
        torch="2",
    )


def short(keys):
    return [f"{k.method} {k.purpose} {k.learning_rate} {k.seed} {k.iterations}" for k in keys]


def search_rows(method, *scores):
    keys = GRID.search_keys(method)
    return [make_row(key, score) for key, score in zip(keys, scores, strict=True)]


def test_search_comes_first_and_results_wait():
    searches = [f"{m} search {rate} {SEARCH_SEED} 10" for m in "ba" for rate in (0.1, 0.2)]
    assert short(GRID.open_keys([])) == searches
    rows = search_rows("b", 40, 60)[:1]
    assert short(GRID.open_keys(rows)) == searches[1:]


def test_a_method_that_is_searched_goes_on_after_the_searches():
    rows = search_rows("b", 40, 60)
    assert short(GRID.open_keys(rows)) == [
        *(f"a search {rate} {SEARCH_SEED} 10" for rate in (0.1, 0.2)),
        "b result 0.2 7 30",
        "b result 0.2 3 30",
    ]


def test_results_go_seed_by_seed_at_each_methods_best_rate():
    rows = search_rows("b", 40, 60) + search_rows("a", 60, 40)
    wanted = ["b result 0.2 7 30", "a result 0.1 7 30", "b result 0.2 3 30"]
    assert short(GRID.open_keys(rows)) == wanted
    while keys := GRID.open_keys(rows):
        assert short(keys) == wanted
        rows.append(make_row(keys[0]))
        wanted.pop(0)
    assert not wanted


def test_of_equals_the_lowest_rate():
    rows = search_rows("b", 50, 50)
    assert {key.learning_rate for key in GRID.open_keys(rows) if key.purpose == "result"} == {0.1}


@pytest.mark.parametrize("field", ["iterations", "seed", "learning_rate", "method", "purpose"])
def test_rows_of_another_schedule_are_not_taken(field):
    key = GRID.search_keys("b")[0]
    other = "other" if field in ("method", "purpose") else 99
    row = make_row(type(key)(**{**vars(key), field: other}))
    assert short(GRID.open_keys([row])) == short(GRID.open_keys([]))


def test_rows_left():
    rows = []
    left = 2 * 2 + 2 + 1  # the searches; two seeds of b, one of a
    assert GRID.num_open(rows) == {"search": 4, "result": 3}
    while keys := GRID.open_keys(rows):
        rows.append(make_row(keys[0]))
        left -= 1
        assert sum(GRID.num_open(rows).values()) == left
    assert left == 0


@pytest.mark.parametrize("num_jobs", [1, 2])
def test_time_left_counts_searches_and_results_apart(num_jobs):
    rows = [make_row(key, seconds=10.0) for key in GRID.search_keys("b")]
    # results have three times the iterations of a search
    assert GRID.seconds_left(rows, num_jobs) == pytest.approx((2 * 10 + 3 * 30) / num_jobs)
    rows += [make_row(key, seconds=20.0) for key in GRID.search_keys("a")]
    assert GRID.seconds_left(rows, num_jobs) == pytest.approx(3 * 45 / num_jobs)
    rows.append(make_row(GRID.open_keys(rows)[0], seconds=99.0))
    assert GRID.seconds_left(rows, num_jobs) == pytest.approx(2 * 99 / num_jobs)


def test_rows_of_another_grid_shows_no_time():
    key = GRID.search_keys("b")[0]
    others = [{"method": "c"}, {"iterations": 99}]
    rows = [make_row(type(key)(**{**vars(key), **other}), seconds=1e6) for other in others]
    assert GRID.seconds_left([*rows, make_row(key, seconds=10.0)], 1) == 3 * 10 + 3 * 30


def test_the_first_result_of_each_method():
    assert short(GRID.first_results()) == ["b result 0.1 7 30", "a result 0.1 7 30"]


def test_summaries_are_of_the_grids_own_rows():
    rows = search_rows("b", 40, 60)
    first, second = GRID.open_keys(rows)[2:]
    stray = type(first)(**{**vars(first), "learning_rate": 0.1})
    assert summarize(GRID, [*rows, make_row(stray)]) == []

    rows += [make_row(first, 90.0, 10.0), make_row(stray, 10.0)]
    (one,) = summarize(GRID, rows)
    assert (one.method, one.num_seeds, one.score, one.deviation) == ("b", 1, 90.0, 0.0)
    (two,) = summarize(GRID, [*rows, make_row(second, 94.0, 20.0)])
    assert (two.num_seeds, two.score, two.learning_rate, two.seconds) == (2, 92.0, 0.2, 15.0)
    assert two.deviation == pytest.approx(8**0.5)  # of a sample: 2^2 + 2^2 over 2 - 1
    assert (two.operations, two.num_bytes) == (640 / 64 + 5, 9)


def test_summaries_stand_in_the_order_of_the_methods():
    rows = search_rows("a", 40, 60) + search_rows("b", 40, 60)
    while keys := GRID.open_keys(rows):
        rows.append(make_row(keys[-1]))
    assert [summary.method for summary in summarize(GRID, rows)] == ["b", "a"]


def test_without_seeds_there_are_searches_alone():
    screening = replace(GRID, seeds=())
    rows = [make_row(key) for key in screening.open_keys([])]
    assert {row.purpose for row in rows} == {"search"}
    assert screening.open_keys(rows) == []
    assert screening.num_open(rows) == {"search": 0, "result": 0}
    assert {key.seed for key in screening.first_results()} == {SEARCH_SEED}


def test_a_single_learning_rate_needs_no_search():
    grid = replace(GRID, learning_rates=[0.3])
    wanted = ["b result 0.3 7 30", "a result 0.3 7 30", "b result 0.3 3 30"]
    assert short(grid.open_keys([])) == wanted
    assert grid.num_open([]) == {"search": 0, "result": 3}
