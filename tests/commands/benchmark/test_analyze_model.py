"""tools/analyze_model.py: what it prints, writes and refuses."""

import csv

import pytest
import torch

from groupnet_det.commands.benchmark import analyze_model as tool
from groupnet_det.config import load_config
from groupnet_det.runtime.backends.extension import is_built
from tests.analysis import hand_counts as hand

R18 = "configs/ImageNet/groupnet_r18_k4.yaml"
SMALL = ["MODEL.GROUPNET.WIDTH", "0.125", "MODEL.CLASSIFIER.NUM_CLASSES", "5"]
needs_engine = pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")


@pytest.fixture
def run(root, tmp_path, monkeypatch, capsys):
    """Run the tool; the rows of its CSV and what it printed."""

    def run_tool(*words, config=R18):
        written = tmp_path / "rows.csv"
        command = ["--config-file", str(root / config), *words, "--csv", str(written)]
        tool.main([*command])
        with written.open() as file:
            return list(csv.DictReader(file)), capsys.readouterr().out

    return run_tool


def test_layers_and_their_sum(run, tmp_path):
    rows, printed = run("--plot", str(tmp_path / "plot.png"))
    assert printed.startswith("An operation is one multiply-accumulate")
    binary = sum(int(row["binary_operations"]) for row in rows)
    assert binary == hand.binary_operations(4)
    assert f"operations: {binary:,} BOPs / 64 + {hand.STEM_AND_CLASSIFIER:,} MACs" in printed
    (total,) = [line for line in printed.splitlines() if line.startswith("total")]
    assert f"{hand.parameters(4):,}" in total
    assert f"{hand.packed_bits(4) / 8e3:,.2f}" in total
    assert {row["size"] for row in rows} == {"224x224"}
    assert {row["milliseconds"] for row in rows} == {""}
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_keys_may_stand_before_the_tasks(run):
    rows, printed = run("MODEL.GROUPNET.NUM_BASES", "2", "--tasks", "activation", "structure")
    assert sum(int(row["binary_operations"]) for row in rows) == hand.binary_operations(2)
    assert rows[0]["config"].endswith("yaml MODEL.GROUPNET.NUM_BASES 2")
    assert "ImageClassifier(" in printed
    assert "512x7x7" in printed
    assert "MBOPs" not in printed


@needs_engine
def test_latency_of_a_detector(run):
    rows, printed = run(
        *("--size", "64x96", "--tasks", "latency", "--runs", "2", "--threads", "1"),
        config="configs/quick/mask_rcnn_groupnet_photo_digits.yaml",
    )
    times = [float(row["milliseconds"]) for row in rows if row["milliseconds"]]
    assert sum(times) > 0
    assert "mask: counted for 100 regions" in printed
    assert {(row["size"], row["threads"]) for row in rows} == {("64x96", "1")}


def test_bases_without_times(run, tmp_path):
    rows, printed = run("--compare-bases", "1", "2", "--plot", str(tmp_path / "bases.png"))
    assert [row["num_bases"] for row in rows] == ["0", "1", "2"]
    assert rows[1]["least_ms"] == ""
    assert "memory saving" in printed
    assert (tmp_path / "bases.png").stat().st_size > 1000


@needs_engine
def test_bases_with_times(run):
    flags = ["--tasks", "latency", "--size", "64x64", "--rounds", "1", "--threads", "1"]
    rows, _ = run(*SMALL, "--compare-bases", "2", *flags)
    assert float(rows[1]["speed_up_least"]) > 0
    assert rows[1]["threads"] == "1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--compare-bases", "0"], "--compare-bases has 0"),
        (["MODEL.GROUPNET.BASES", "2"], "unknown config key MODEL.GROUPNET.BASES"),
    ],
)
def test_mistakes_are_one_line(run, words, message):
    with pytest.raises(SystemExit, match=f"error: .*{message}"):
        run(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tasks", "flops"], "argument --tasks: invalid choice: 'flops' (choose from "),
        (
            ["--size", "224"],
            "argument --size: '224' is not HEIGHTxWIDTH in pixels, such as 480x640",
        ),
        (["--size", "0x9"], "argument --size: '0x9' is not HEIGHTxWIDTH"),
    ],
)
def test_wrong_flags(run, words, message, capsys):
    with pytest.raises(SystemExit) as end:
        run(*words)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_the_config_of_a_checkpoint(tmp_path, root, capsys):
    cfg = load_config(str(root / R18), SMALL)
    checkpoint = tmp_path / "model_final.pth"
    torch.save({"model": {}, "config": cfg.dump()}, checkpoint)
    assert tool.main([str(checkpoint), "--tasks", "parameter"]) == 0
    assert f"MODEL.WEIGHTS {checkpoint}" in capsys.readouterr().out
