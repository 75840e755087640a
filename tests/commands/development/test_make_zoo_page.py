"""tools/make_zoo_page.py on a small zoo."""

import json
import shutil

import pytest

from groupnet_det.commands.development import make_zoo_page as tool
from groupnet_det.files.csv_records import read_records, write_records
from groupnet_det.model_zoo.entries import TRAINED
from groupnet_det.model_zoo.records import CostRow, LatencyRow, TrainedRow
from groupnet_det.model_zoo.zoo_page import COSTS, LATENCIES, ZOO_FOLDER
from groupnet_det.runtime.backends.extension import is_built

QUICK = "configs/quick/classifier_groupnet_mnist5k.yaml"
FLOAT = f"{QUICK} MODEL.GROUPNET.METHOD float"
TABLES = """
mnist5k:
  kind: trained
  metrics: {top-1: classification/top1}
  size: 48x32
big:
  kind: untrained
  figure: paper's top-1
  rows:
    configs/quick/classifier_groupnet_mnist5k.yaml MODEL.GROUPNET.NUM_BASES 3: 12.5
"""
TEXT = "# Zoo\n[[if mnist5k]]\n[[table mnist5k]]\n[[end]]\n[[table big]]\n"


@pytest.fixture
def zoo(root, tmp_path, monkeypatch):
    """A checkout with two tables; a function that runs the tool in it."""
    shutil.copytree(root / "configs", tmp_path / "configs")
    (tmp_path / ZOO_FOLDER).mkdir(parents=True)
    (tmp_path / ZOO_FOLDER / "tables.yaml").write_text(TABLES)
    (tmp_path / ZOO_FOLDER / "text.md").write_text(TEXT)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    rows = [trained("binary", QUICK), trained("float", FLOAT)]
    write_records(tmp_path / TRAINED, rows, TrainedRow)

    def run(*words):
        tool.main([*words])
        return (tmp_path / "MODEL_ZOO.md").read_text()

    run.root = tmp_path
    return run


def trained(name, network):
    return TrainedRow(
        table="mnist5k",
        name=name,
        network=network,
        iterations="5",
        seed=1,
        metrics='{"classification/top1": 97.0}',
        command="train",
        device="a CPU",
        torch="2",
        date="2026-01-31",
    )


def test_costs_are_counted_once(zoo):
    page = zoo("--measure", "costs")
    path = zoo.root / COSTS
    rows = {row.network: row for row in read_records(path, CostRow)}
    assert len(rows) == 3
    assert rows[FLOAT].binary_operations == 0
    assert rows[QUICK].size == "48x32"
    assert rows[QUICK].binary_percent == 98.8
    assert rows[QUICK].file_bytes == pytest.approx(rows[QUICK].counted_bytes, rel=0.06)
    assert f"| binary | 97.00 | 5 | {rows[QUICK].parameters / 1e6:.2f} | 98.8 %" in page
    assert "| `classifier_groupnet_mnist5k` `NUM_BASES 3` | 12.5 | not trained by us | 2." in page

    kept = path.read_text().replace("48x32", "33x33")
    path.write_text(kept)
    zoo("--measure", "costs")
    assert path.read_text() == kept
    zoo("--measure", "costs", "--fresh", "--networks", "float")
    again = {row.network: row.size for row in read_records(path, CostRow)}
    assert (again[FLOAT], again[QUICK]) == ("48x32", "33x33")


@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
def test_trained_networks_are_timed(zoo):
    page = zoo("--measure", "latency", "--rounds", "1", "--threads", "1")
    path = zoo.root / LATENCIES
    rows = {row.network: row for row in read_records(path, LatencyRow)}
    assert {network: row.engine for network, row in rows.items()} == {
        QUICK: "packed",
        FLOAT: "PyTorch",
    }
    assert all(row.median_ms >= row.least_ms > 0 for row in rows.values())
    assert "| counted, MB | file, MB | ms |" in page


def test_check_shows_an_old_page(zoo):
    zoo()
    zoo("--check")
    (zoo.root / "MODEL_ZOO.md").write_text("old")
    with pytest.raises(SystemExit, match=r"MODEL_ZOO\.md is older than what it is made from"):
        zoo("--check")


def test_models_of_a_manifest_are_taken(zoo):
    model = {
        "name": "small",
        "task": "classification",
        "configs": [QUICK.replace(".yaml", "_tanh.yaml"), QUICK],
        "metric": {"name": "classification/top1", "value": 96.5},
        "device": "2 CPU cores",
        "torch": "2.1",
        "date": "2026-02-01",
    }
    path = zoo.root / "manifest.json"
    path.write_text(json.dumps({"preset": "full", "models": [model]}))
    for _ in range(2):  # the second time, the row is replaced
        page = zoo("--add-zoo", str(path))
        assert page.count("| small † | 96.50 | 250 + 500 |") == 1
    assert "make zoo MODELS=small" in page

    path.write_text(json.dumps({"preset": "quick", "models": [model]}))
    with pytest.raises(SystemExit, match="is of the preset 'quick'; valid: 'full'"):
        zoo("--add-zoo", str(path))
    path.write_text("{}")
    with pytest.raises(SystemExit, match="is not a manifest"):
        zoo("--add-zoo", str(path))
