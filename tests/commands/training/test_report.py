"""tools/report.py and ``groupnet-det benchmark packed`` as a user runs them, in this process."""

import importlib
import json
import subprocess
import sys

import pytest

from groupnet_det.exporting.verify.predictions import Finding, verification_report
from groupnet_det.packed.packed_file import read_packed
from groupnet_det.runtime.backends.extension import is_built
from tests.exporting.tiny_classifier import CONFIG, OPTIONS, PACKED, WEIGHTS, copy_tiny_classifier
from tests.packed.edits import with_info
from tests.report.parsed_pages import Page, assert_self_contained


@pytest.fixture
def run():
    def run_tool(name, *words):
        module = importlib.import_module(f"groupnet_det.commands.{name}")
        module.main(list(map(str, words)))

    return run_tool


def test_a_missing_folder_is_one_line(run, tmp_path):
    with pytest.raises(SystemExit) as exit_:
        run("training.report", tmp_path / "absent")
    assert str(exit_.value).startswith("error: folder")


def test_a_folder_of_something_else_is_one_line(run, tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(SystemExit) as exit_:
        run("training.report", tmp_path)
    assert str(exit_.value).startswith(f"error: folder {tmp_path} has none of config.yaml, ")
    assert not (tmp_path / "report.html").exists()


def test_what_cannot_be_used_says_so_in_every_section(run, tmp_path, capsys):
    for name in ("latency.json", "verification.json"):
        (tmp_path / name).write_text("{}")
    run("training.report", tmp_path)
    assert f"written: {tmp_path}/report.html" in capsys.readouterr().out
    page = Page((tmp_path / "report.html").read_text())
    silent = {name for name, text in page.sections.items() if "Missing:" not in text}
    assert silent == {"at-a-glance"}
    told = page.sections["size-and-latency"]
    for name, command in (("latency", "benchmark packed"), ("verification", "verify")):
        assert f"{name}.json is invalid: KeyError(" in told
        files = f"{tmp_path.name}/model_final.pth {tmp_path.name}/model.gnp"
        assert f"groupnet-det {command} {files} --json" in told


NOT_RIGHT = "model.gnp is invalid"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (None, NOT_RIGHT),
        ({}, NOT_RIGHT),
        ({"float32_twin": "x", "float32_simulation": 3}, "is of the type str"),
    ],
    ids=["none", "empty", "text"],
)
def test_a_packed_file_that_does_not_shows_its_sizes(run, tiny_packed, tmp_path, sizes, message):
    info = {**read_packed(tiny_packed / PACKED).info, "sizes": sizes}
    (tmp_path / "model.gnp").write_bytes(with_info((tiny_packed / PACKED).read_bytes(), info))
    run("training.report", tmp_path)
    told = Page((tmp_path / "report.html").read_text()).sections["size-and-latency"]
    assert message in told
    assert f"groupnet-det export {tmp_path.name}/model_final.pth {tmp_path.name}/model.gnp" in told


@pytest.mark.skipif(not is_built(), reason="the compiled engine is missing")
def test_size_latency_and_verdict(run, root, tiny_packed, datasets_env, tmp_path):
    folder = copy_tiny_classifier(tiny_packed, tmp_path)
    words = ["--config-file", root / CONFIG, "--packed", folder / PACKED]
    words += ["--rounds", "2", "--burst-ms", "0.1", "--threads", "1"]
    weights = ["MODEL.WEIGHTS", folder / WEIGHTS]
    run("benchmark.benchmark_packed", *words, "--json", folder / "latency.json", *OPTIONS, *weights)
    (folder / PACKED).rename(folder / "model.gnp")
    found = {"check": "metric", "part": "val", "compared": 3, "found": "top-1 9.00 trained"}
    blocks = {**found, "check": "blocks"}
    findings = [Finding(**found, verdict="FAILED"), Finding(**blocks, verdict="passed")]
    (folder / "verification.json").write_text(json.dumps(verification_report(findings)))
    run("training.report", folder)

    text = (folder / "report.html").read_text()
    assert_self_contained(text)
    section = Page(text).sections["size-and-latency"]
    figures = json.loads((folder / "latency.json").read_text())
    for of in figures["milliseconds"].values():
        assert f"{of['median']:.2f} ms" in section
    assert f"{(folder / 'model.gnp').stat().st_size / 1e6:.2f} MB" in section
    assert "NOT verified: all steps and blocks agree" in section
    assert "val: top-1 9.00 trained" in section
    assert "Missing:" not in section


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        (("passed", "passed"), "The packed file predicts the same as the trained network."),
        (
            ("passed", "INCONCLUSIVE"),
            "INCONCLUSIVE: nothing is wrong, but the scores cannot show",
        ),
        (("FAILED", "INCONCLUSIVE"), "NOT verified: the packed file computes other values"),
    ],
    ids=["verified", "inconclusive", "failed"],
)
def test_the_verdict_on_a_packed_file(run, tmp_path, verdicts, told):
    findings = [
        Finding(check=check, part="val", compared=3, found=f"{check} found", verdict=verdict)
        for check, verdict in zip(("blocks", "metric"), verdicts, strict=True)
    ]
    agreement = {"check": "agreement", "found": "the same classes in 2 of 3 images"}
    findings.append(Finding(part="val", compared=3, verdict="shown", **agreement))
    (tmp_path / "verification.json").write_text(json.dumps(verification_report(findings)))
    run("training.report", tmp_path)
    section = Page((tmp_path / "report.html").read_text()).sections["size-and-latency"]
    assert told in section
    assert "the same classes in 2 of 3 images" in section


@pytest.mark.parametrize("flag", ["--rounds", "--threads", "--burst-ms"])
def test_numbers_that_cannot_be(run, root, flag):
    with pytest.raises(SystemExit):
        run("benchmark.benchmark_packed", "--config-file", CONFIG, "--packed", "x.gnp", flag, "0")


def test_a_report_does_not_go_with_evaluation_alone(root):
    command = [sys.executable, "tools/train_net.py", CONFIG, "--eval-only", "--report"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--report goes with training" in done.stderr
