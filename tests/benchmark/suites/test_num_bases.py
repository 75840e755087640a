"""K bases against full precision, by hand."""

import pytest

from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.benchmark.suites.num_bases import (
    FULL_PRECISION,
    compare_bases,
    format_bases,
    time_bases,
)
from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError
from groupnet_det.runtime.backends.extension import is_built
from tests.analysis import hand_counts as hand

R18 = "configs/ImageNet/groupnet_r18_k4.yaml"
FULL = hand.CONVS + hand.DOWNSAMPLES + hand.STEM_AND_CLASSIFIER


def test_savings_of_every_k_by_hand(root):
    rows = compare_bases(load_config(str(root / R18)), range(1, 9), (224, 224))
    full, *others = rows
    assert (full.num_bases, full.memory_saving, full.operation_saving) == (FULL_PRECISION, 1, 1)
    assert [row.num_bases for row in others] == [*range(1, 9)]
    for row in others:
        k = row.num_bases
        num_bytes = -(-hand.packed_bits(k) // 8)
        operations = hand.binary_operations(k) / 64 + hand.STEM_AND_CLASSIFIER
        assert row.num_bytes == num_bytes
        assert row.operations == operations
        assert row.memory_saving == round(hand.full_precision_bytes() / num_bytes, 3)
        assert row.operation_saving == round(FULL / operations, 3)
    savings = [(row.memory_saving, row.operation_saving) for row in others]
    assert savings == sorted(savings, reverse=True)


@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
def test_packed_networks_are_timed_against_full_precision(root):
    small = ["MODEL.GROUPNET.WIDTH", "0.125", "MODEL.CLASSIFIER.NUM_CLASSES", "5"]
    cfg = load_config(str(root / R18), small)
    schedule = Schedule(rounds=2, burst_seconds=0.001, pause_seconds=0)
    rows = time_bases(cfg, compare_bases(cfg, [1, 2], (64, 64)), (64, 64), schedule)
    assert (rows[0].speed_up_least, rows[0].speed_up_median, rows[0].file_bytes) == (1, 1, None)
    for row in rows[1:]:
        assert row.speed_up_least == pytest.approx(rows[0].least_ms / row.least_ms, rel=0.01)
        assert row.median_ms >= row.least_ms > 0
    assert rows[1].file_bytes < rows[2].file_bytes
    assert "speed-up" in format_bases(rows)
    assert "full precision" in format_bases(rows)


def test_times_that_were_not_measured_have_no_column(root):
    cfg = load_config(str(root / R18), ["MODEL.GROUPNET.WIDTH", "0.125"])
    assert "speed-up" not in format_bases(compare_bases(cfg, [2], (64, 64)))


def test_no_bases_are_refused(root):
    with pytest.raises(ConfigError, match="--compare-bases has 0; valid: 1 and more"):
        compare_bases(load_config(str(root / R18)), [0], (64, 64))
