import json
import subprocess
import sys

import pytest
from PIL import Image

from groupnet_det.commands.development import photo_digits_demo
from groupnet_det.runtime.backends.extension import is_built
from tests.report.parsed_pages import assert_self_contained


@pytest.mark.slow
@pytest.mark.skipif(not is_built(), reason="the compiled engine is missing")
@pytest.mark.parametrize(("task", "metric"), [("detection", "AP"), ("segmentation", "mIoU")])
def test_quick_demo_end_to_end_and_again(root, tmp_path, monkeypatch, task, metric):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / "datasets"))
    output = tmp_path / "out"
    command = [sys.executable, str(root / "demo/photo_digits.py"), "--preset", "quick"]
    command += ["--task", task]
    for _ in range(2):  # the second time everything is there already
        done = subprocess.run(
            [*command, "--output", str(output)], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    summary = json.loads((output / "summary.json").read_text())
    at_end = summary["at_end_of_training"]
    assert summary["reloaded"][metric] == pytest.approx(at_end[metric], abs=1e-3)
    assert all((output / name).is_file() for name in photo_digits_demo.OUTPUTS)
    for name in ("predictions.png", "curves.png"):
        assert min(Image.open(output / name).size) > 300
    # 60 images are inconclusive, and blocks and engine must agree.
    outcome = json.loads((output / "verification.json").read_text())
    assert summary["packed"]["verdict"] == outcome["verdict"] == "inconclusive"
    assert outcome["engine"]
    assert summary["packed"]["times_packed"]["float"]["median"] > 0
    text = (output / "report.html").read_text()
    assert_self_contained(text)
    assert "Not here" not in text
    assert done.stdout.rstrip().endswith(str(output / "report.html"))
