"""groupnet-det benchmark classifier: what it prints and writes, with narrow networks."""

import csv

import pytest

from groupnet_det.benchmark.suites import classifier_steps
from groupnet_det.commands.benchmark import benchmark_classifier as tool

QUICK = ["--batch", "2", "--size", "32", "--width", "0.125", "--rounds", "2", "--threads", "1"]


def test_rows_of_training_and_evaluation(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    assert tool.main([*QUICK, "--num-bases", "1", "--csv", str(path)]) == 0
    with path.open() as file:
        rows = list(csv.DictReader(file))
    networks = list(classifier_steps.CLASSIFIERS)
    assert [row["network"] for row in rows] == 3 * networks
    assert list(dict.fromkeys(row["what"] for row in rows)) == [
        *("train", "evaluate, batch 2", "evaluate, batch 1")
    ]
    assert all(float(row["x_lowest"]) <= float(row["x_median"]) for row in rows)
    assert [row["x_least"] for row in rows[::3]] == ["1.0"] * 3
    assert all(float(row["peak_mib"]) > 0 for row in rows[:3])
    assert {row["peak_mib"] for row in rows[3:]} == {""}
    assert {"device", "torch", "date", "rounds"} <= set(rows[0])
    assert f"written: {path}" in capsys.readouterr().out


def test_it_needs_a_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(classifier_steps, "project_root", lambda: tmp_path)
    monkeypatch.setattr(tool, "peak_in_process", lambda *_: 1.0)
    with pytest.raises(SystemExit, match=r"error: .*plain_groupnet\.py is missing; run"):
        tool.main(QUICK)


def test_an_unknown_network_is_one_line():
    with pytest.raises(SystemExit, match=r"error: --memory-of is 'x'; valid: 'torchvision'"):
        tool.main([*QUICK, "--memory-of", "x"])
