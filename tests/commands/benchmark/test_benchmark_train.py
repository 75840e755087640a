"""groupnet-det benchmark train: what it prints and writes; nothing is said of how long it takes."""

import csv

import pytest

from groupnet_det.commands.benchmark import benchmark_train as tool

# In a worker that has run thousands of tests, the processes that measure memory brought it down.
pytestmark = pytest.mark.alone

NARROW = ["--opts", "MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "8"]
QUICK = ["--batch", "1", "--size", "32x64", "--rounds", "2", "--threads", "1", "--device", "cpu"]


@pytest.fixture
def run(root, tmp_path, monkeypatch, capsys):
    """Run the tool on a quick config; the rows of its CSV and what it printed."""

    def run_tool(*names, flags=(), opts=()):
        paths = [str(root / f"configs/quick/{name}.yaml") for name in names]
        written = tmp_path / "rows.csv"
        command = [*paths, *QUICK, "--csv", str(written), *flags, *NARROW, *opts]
        tool.main([*command])
        with written.open() as file:
            return list(csv.DictReader(file)), capsys.readouterr().out

    return run_tool


def test_a_row_for_each_config(run):
    names = ("retinanet_groupnet_photo_digits", "fcos_groupnet_photo_digits")
    rows, printed = run(*names, flags=["--no-memory"])
    assert [row["config"] for row in rows] == [f"quick/{name}" for name in names]
    for row in rows:
        assert (row["num_images"], row["height"], row["width"]) == ("1", "32", "64")
        assert float(row["seconds_least"]) > 0
        assert float(row["x_median"]) > 0
        assert row["peak_mib"] == ""
        assert {"device", "threads", "rounds", "torch", "groupnet_det", "date"} <= set(row)
        assert row["threads"] == "1"
        assert "MODEL.GROUPNET.WIDTH 0.125" in row["options"]
    assert "x_median" in printed
    assert names[1] in printed


def test_memory_is_that_of_processes_of_their_own(run):
    ((row,), _) = run("retinanet_groupnet_photo_digits")
    assert float(row["peak_mib"]) > 0
    ratio = float(row["peak_mib"]) / float(row["baseline_peak_mib"])
    assert float(row["x_peak"]) == pytest.approx(ratio, rel=0.01)


def test_a_process_that_fails_is_one_line(run, monkeypatch):
    monkeypatch.setattr(tool, "COMMAND", ["/absent/tool.py"])
    with pytest.raises(SystemExit, match=r"measures memory \(config\) failed: .*can't open file"):
        run("retinanet_groupnet_photo_digits")


def test_a_baseline_has_no_baseline(run):
    opts = ["MODEL.GROUPNET.METHOD", "float"]
    with pytest.raises(SystemExit, match=r"error: .*is full-precision itself"):
        run("retinanet_groupnet_photo_digits", opts=opts)
