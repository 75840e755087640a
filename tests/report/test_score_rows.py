"""Scores of a training by group."""

from groupnet_det.report.score_rows import group_metrics


def test_all_bases_stand_before_fewer():
    row = {"bases_1/bbox/AP": 1.0, "bases_2/bbox/AP": 2.0, "bbox/AP": 3.0, "iteration": 4}
    groups = group_metrics([dict(sorted(row.items()))])
    assert list(groups) == [("", "bbox"), ("bases_1", "bbox"), ("bases_2", "bbox")]
