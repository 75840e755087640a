"""Iterations by hand."""

import pytest

from groupnet_det.autotrain.choices.schedule import Budget, make_schedule, warmup_iterations


def schedule(budget, **changes):
    settings = {
        "num_images": 100,
        "batch": 4,
        "tanh_share": 0.4,
        "tanh_seconds": 0.05,
        "binary_seconds": 0.1,
    }
    return make_schedule(budget, **{**settings, **changes})


def test_the_time_is_filled():
    found = schedule(Budget(seconds=100))  # 90 s of iterations of 0.08 s on the mean
    assert (found.tanh, found.binary) == (450, 675)
    assert found.seconds == pytest.approx(450 * 0.05 + 675 * 0.1)
    assert found.seconds == pytest.approx(90)
    assert found.epochs == pytest.approx(1125 * 4 / 100)
    assert found.is_enough


def test_epochs_are_of_both_stages():
    found = schedule(Budget(epochs=10))
    assert (found.tanh, found.binary, found.epochs) == (100, 150, 10)
    assert not found.is_enough


def test_one_stage():
    found = schedule(Budget(seconds=100), tanh_share=0.0)
    assert (found.tanh, found.binary) == (0, 900)


def test_few_images_are_not_seen_for_ever():
    found = schedule(Budget(seconds=1e6))
    assert found.epochs == pytest.approx(300)
    assert schedule(Budget(seconds=1e6), num_images=4).is_enough


def test_there_is_an_iteration_at_least():
    found = schedule(Budget(seconds=0.01))
    assert (found.tanh, found.binary) == (0, 1)


def test_many_iterations_of_few_images_are_not_enough():
    assert not schedule(Budget(seconds=100), num_images=2000).is_enough  # 2.25 epochs


@pytest.mark.parametrize(("iterations", "expected"), [(0, 0), (19, 0), (200, 10), (9000, 100)])
def test_warmup(iterations, expected):
    assert warmup_iterations(iterations) == expected
