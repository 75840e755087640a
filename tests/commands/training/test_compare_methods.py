"""The comparison as a user runs it: two tiny methods on a few images."""

import csv
import logging
import os
import subprocess
import sys

import pytest
import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.analysis.complexity import count_complexity
from groupnet_det.commands.training import compare_methods
from groupnet_det.comparison import grid_training
from groupnet_det.comparison.grid import Grid, by_key
from groupnet_det.comparison.rows import RowKey
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.files.csv_records import append_record
from tests.comparison.test_grid import make_row

METHODS = """
Full precision: {MODEL.GROUPNET.METHOD: float}
Group-Net K=2: {MODEL.GROUPNET.NUM_BASES: 2}
"""


@pytest.fixture
def arguments(root, image_folder, tmp_path):
    """Command-line arguments of a grid of two rows for each method, on a config of its own."""
    images = image_folder("train", cat=4, dog=4)
    (tmp_path / "methods.yaml").write_text(METHODS)
    (tmp_path / "tiny.yaml").write_text(f"""
_BASE_: {root}/configs/Base/classifier_groupnet_r18.yaml
MODEL: {{CLASSIFIER: {{NUM_CLASSES: 2}}, GROUPNET: {{WIDTH: 0.0625}}}}
INPUT: {{CLASSIFICATION: {{TRAIN_CROP: 32, TEST_RESIZE: 32, TEST_CROP: 32}}}}
DATASETS:
  CUSTOM: [{{NAME: tiny_comparison, FORMAT: image_folder, ROOT: {images}}}]
  TRAIN: [tiny_comparison]
  TEST: [tiny_comparison]
SOLVER: {{IMS_PER_BATCH: 4, MAX_ITER: 3}}
DATALOADER: {{NUM_WORKERS: 0}}
OUTPUT_DIR: {tmp_path}/output
""")
    return [
        *("--config-file", str(tmp_path / "tiny.yaml"), "--csv", str(tmp_path / "a.csv")),
        *("--methods-file", str(tmp_path / "methods.yaml")),
        *("--learning-rates", "0.001", "0.002", "--seeds", "1"),
    ]


@pytest.fixture
def compare(root, arguments):
    """Run the tool in a process of its own, as its workers need."""

    def run(*flags):
        return subprocess.run(
            [sys.executable, "-W", "ignore", "tools/compare_methods.py", *arguments, *flags],
            cwd=root,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture
def main(arguments):
    """The tool in this process; for what starts no training."""

    def run(*options, flags=()):
        compare_methods.main([*options, *arguments, *flags])

    return run


@pytest.mark.slow
def test_train_resume_and_show(compare, tmp_path):
    done = compare("--methods", "Group-Net K=2")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    kinds = [(row["purpose"], row["learning_rate"], row["iterations"]) for row in rows]
    assert kinds[:2] == [("search", "0.001", "1"), ("search", "0.002", "1")]
    assert [kind[::2] for kind in kinds[2:]] == [("result", "3")]
    assert "0 rows left" in done.stdout

    done = compare("--jobs", "2")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert [row["method"] for row in rows] == ["Group-Net K=2"] * 3 + ["Full precision"] * 3
    assert all(0 <= float(row["score"]) <= 100 for row in rows)
    assert not list(tmp_path.glob("output/**/*.pth"))

    shown = compare("--show-only")
    table = [line for line in shown.stdout.splitlines() if line.startswith("| ")]
    assert [line.split("|")[1].strip() for line in table] == [
        *("method", "Full precision", "Group-Net K=2")
    ]
    assert (tmp_path / "output/comparison.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--methods", "nothing"], "--methods is 'nothing'; valid: 'Full precision', 'Group-Net"),
        (["--search-share", "0"], r"--search-share is 0\.0; valid: above 0, to 1"),
        (["--jobs", "0"], "--jobs is 0; valid: 1 and more"),
        (["--methods-file", "absent.yaml"], r"--methods-file absent\.yaml does not exist"),
    ],
    ids=["method", "share", "jobs", "absent"],
)
def test_bad_flags(main, flags, message):
    with pytest.raises(SystemExit, match=f"^error: {message}"):
        main(flags=flags)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("* a", "is not YAML: [^\n]*$"),
        ("- a", "must map names"),
        ("a: 3", "must map names"),
        ("\udcfc: {}", "is not text in UTF-8"),
    ],
    ids=["broken", "list", "number", "latin-1"],
)
def test_bad_list_of_methods(main, tmp_path, text, message):
    (tmp_path / "methods.yaml").write_text(text, errors="surrogateescape")
    with pytest.raises(SystemExit, match=f"^error: .*methods.yaml {message}"):
        main()


def test_data_is_checked_before_any_training(main, tmp_path):
    with pytest.raises(SystemExit, match=r"^error: .*'nobody' is not known"):
        main("DATASETS.TEST", "['nobody']")
    assert not (tmp_path / "a.csv").exists()


def test_a_method_without_a_binary_layer_is_refused(main, tmp_path):
    (tmp_path / "methods.yaml").write_text("A: {MODEL.GROUPNET.PARTS.BACKBONE: float}")
    with pytest.raises(SystemExit, match=r"^error: no layer of this network is binary"):
        main()
    assert not (tmp_path / "a.csv").exists()


def test_warnings_come_once_for_all_methods(main, monkeypatch, capsys):
    monkeypatch.setattr(compare_methods, "train_grid", lambda *_, **__: None)
    # Handlers of earlier tests write to streams that are closed, and say so with the message.
    monkeypatch.setattr(logging.getLogger("groupnet_det"), "handlers", [])
    main("SOLVER.WARMUP_ITERS", "3")
    assert capsys.readouterr().err.count("SOLVER.WARMUP_ITERS is 3, more than a fifth of") == 1


def test_memory_is_compared_for_all_trainings_at_a_time(main, monkeypatch):
    seen = []
    monkeypatch.setattr(compare_methods, "check_run", lambda *_, **options: seen.append(options))
    monkeypatch.setattr(compare_methods, "train_grid", lambda *_, **__: None)
    main(flags=["--jobs", "3"])
    assert seen == [{"num_jobs": 3}] * 2  # a method each


@pytest.fixture
def train_row(arguments, tmp_path, datasets_env):
    """Train a row of a config in this process; the row and its folder."""

    def train(config, *options, keep=False):
        options = [*options, "OUTPUT_DIR", str(tmp_path / "rows"), "MODEL.DEVICE", "cpu"]
        register_datasets(load_config(str(config), options))
        key = RowKey(method="K=2", purpose="search", learning_rate=0.001, seed=3, iterations=1)
        method = {"MODEL.GROUPNET.NUM_BASES": 2}
        row = grid_training._train_row(key, method, str(config), options, keep)
        return row, tmp_path / "rows" / key.folder

    return train


@pytest.mark.parametrize("keep", [False, True], ids=["drop", "keep"])
def test_a_row_of_a_classifier(train_row, tmp_path, keep):
    row, folder = train_row(tmp_path / "tiny.yaml", keep=keep)
    cfg = load_config(str(tmp_path / "tiny.yaml"), ["MODEL.GROUPNET.NUM_BASES", "2"])
    cfg.MODEL.DEVICE = "cpu"
    model = build_model(cfg).eval()
    image = {"image": torch.zeros(3, 32, 32, dtype=torch.uint8)}
    assert row.complexity == count_complexity(model, lambda: model([image]))  # of one image
    assert (folder / "model_final.pth").is_file() == keep
    assert (folder / "config.yaml").is_file() == keep
    if keep:
        kept = load_config(str(folder / "config.yaml"))
        assert (kept.SEED, kept.SOLVER.MAX_ITER, kept.MODEL.GROUPNET.NUM_BASES) == (3, 1, 2)


def test_tables_of_coco_go_to_the_log_of_the_row(train_row, root, capsys):
    config = root / "configs/quick/retinanet_groupnet_photo_digits.yaml"
    narrow = ["MODEL.GROUPNET.WIDTH", "0.125", "SOLVER.IMS_PER_BATCH", "2"]
    narrow += ["MODEL.FPN.OUT_CHANNELS", "8", "MODEL.RETINANET.SCORE_THRESH_TEST", "0.0"]
    _, folder = train_row(config, *narrow)
    assert capsys.readouterr().out == ""
    assert "Average Precision" in (folder / "log.txt").read_text()


def test_nothing_to_show(main, capsys):
    main(flags=["--show-only"])
    assert "a.csv holds no result of this grid yet" in capsys.readouterr().out


def test_searches_are_shown_by_learning_rate(capsys):
    grid = Grid(
        methods=["a", "b", "c"],
        learning_rates=[0.1, 0.2],
        seeds=[],
        iterations=30,
        search_iterations=10,
    )
    (first, second), (third, _), _ = map(grid.search_keys, grid.methods)
    rows = [make_row(first, 40), make_row(second, 50.5), make_row(third, 7)]
    compare_methods.show_searches(grid, rows)
    lines = [line.replace(" ", "") for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == "|search|0.1|0.2|"
    assert lines[3:] == ["|a|40.00|**50.50**|", "|b|**7.00**||"]


def test_a_front_needs_the_checkpoints_of_its_results(main, tmp_path):
    grid = Grid(
        methods=["Full precision"],
        learning_rates=[0.001, 0.002],
        seeds=[1],
        iterations=3,
        search_iterations=1,
    )
    searches = [make_row(key) for key in grid.search_keys("Full precision")]
    (result,) = grid.result_keys("Full precision", by_key(searches))
    for row in (*searches, make_row(result)):
        append_record(tmp_path / "a.csv", row)
    with pytest.raises(SystemExit, match=r"^error: .*model_final.pth is missing: it was trained"):
        main(flags=["--front", "--show-only"])
