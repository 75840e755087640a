"""groupnet-det benchmark runtime: what it prints and writes, with workloads that take no time."""

import argparse
import csv
import subprocess
import sys

import pytest

from groupnet_det.benchmark.measure.table import Row, write_rows
from groupnet_det.benchmark.measure.workload import NetworkWorkload
from groupnet_det.benchmark.suites.file_and_startup import measure_file
from groupnet_det.commands.benchmark import benchmark_flags
from groupnet_det.commands.benchmark import benchmark_runtime as tool
from groupnet_det.files.csv_records import read_records
from groupnet_det.runtime.backends.extension import is_built

QUICK = ["--rounds", "1", "--burst-ms", "0", "--pause-ms", "0", "--threads", "1"]
LAYERS = ["layers", "--shapes", "8@4x4", "--num-bases", "1", "2", "--engines", "torch eager"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the tool; the rows of its CSV and what it printed."""
    path = tmp_path / "rows.csv"

    def run_tool(*command):
        command = [command[0], *QUICK, *command[1:], "--csv", str(path)]
        tool.main([*command])
        return read_records(path, Row, more_columns=True), capsys.readouterr().out

    return run_tool


def test_layers(run, tmp_path):
    rows, printed = run(*LAYERS)
    found = {(row.what, row.workload, row.num_bases, row.engine) for row in rows}
    assert found == {
        (f"layer {kind}", "8@4x4", k, "torch eager") for kind in ("alone", "fused") for k in (1, 2)
    }
    assert all(row.least > 0 and row.threads == 1 for row in rows)
    assert "torch eager" in printed
    assert (tmp_path / "rows_layers.png").is_file()
    with (tmp_path / "rows.csv").open() as file:
        (environment, *_) = csv.DictReader(file)
    assert {"device", "isa", "torch", "onnxruntime", "date", "rounds"} <= set(environment)
    assert "targets were not measured in this run" in printed


@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
def test_threads(run):
    rows, _ = run("threads", *LAYERS[1:-2], "--threads", "2", "--no-plot")
    assert {(row.what, row.threads, row.engine) for row in rows} == {
        (f"layer {kind}, threads", n, "ours") for kind in ("alone", "fused") for n in (1, 2)
    }


def test_only_some_workloads(run):
    shapes = ["--shapes", "8@4x4", "8@5x5", *LAYERS[3:]]
    rows, _ = run("layers", *shapes, "--only", "5x5", "--no-plot")
    assert {row.workload for row in rows} == {"8@5x5"}


def test_unavailable_engines_are_listed(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)  # as if it were not installed
    rows, printed = run(*LAYERS[:-1], "openvino binary", "--no-plot")
    assert all("unavailable: openvino cannot be imported" in row.note for row in rows)
    assert "pip install 'groupnet-det[bench]'" in printed


def test_unknown_engines_are_one_line(run):
    with pytest.raises(SystemExit, match="error: --engines is 'larq'; valid: 'ours'"):
        run(*LAYERS[:-1], "larq")


def test_avx2_is_a_process_of_its_own(run, monkeypatch):
    row = Row(what="body", workload="x", num_bases=1, batch=1, threads=1, engine="ours", least=1.0)
    seen = {}

    def fake_run(command, *, env, stdout):
        seen.update(env, command=command)
        write_rows(tool.Path(command[command.index("--csv") + 1]), [row], {})
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", fake_run)
    (found,), _ = run("avx2", "--num-bases", "1", "--no-plot")
    assert (found.what, found.least) == ("body, AVX2", 1.0)
    assert tool.AVX2_VARIABLES.items() <= seen.items()
    arguments = tool.parse_arguments(seen["command"][1 + len(tool.COMMAND) :])
    assert (arguments.what, arguments.num_bases, arguments.rounds) == (["body"], [1], 1)
    assert arguments.engines == list(tool.AVX2_ENGINES)


def test_that_process_may_fail(run, monkeypatch):
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: failed)
    with pytest.raises(SystemExit, match="error: the process that is held to AVX2 failed"):
        run("avx2")


def test_bytes_and_first_result_of_a_file():
    workload = NetworkWorkload(num_bases=1, size=32, width=0.125, num_classes=10)
    size, first = measure_file(workload, 1, 1)
    assert (size.what, size.unit) == ("packed file", "MB")
    assert 0 < size.least < 1
    if is_built():
        assert (first.unit, first.note) == ("s", "")
        assert first.least > 0
    else:
        assert "is not built" in first.note


@pytest.mark.parametrize(("word", "shape"), [("64@56x48", (64, 56, 48)), ("1@1x1", (1, 1, 1))])
def test_shapes(word, shape):
    assert benchmark_flags.parse_shape(word) == shape


@pytest.mark.parametrize("word", ["64", "64@56", "a@1x1", "64x56@56"])
def test_words_that_are_no_shape(word):
    with pytest.raises(argparse.ArgumentTypeError, match="is not a shape such as 64@56x56"):
        benchmark_flags.parse_shape(word)
