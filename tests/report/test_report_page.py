"""The pages of tiny trainings of each task: whole, self-contained, with the files' numbers."""

import json
import math
import shutil

import numpy as np
import pytest
import torch

from groupnet_det.evaluation.saved.classification_scores import read_predictions_csv
from groupnet_det.machine import processor
from groupnet_det.report.report_page import write_report
from groupnet_det.report.score_rows import parse_metric
from groupnet_det.report.sections.prediction_sections import PredictionSections
from groupnet_det.report.sections.session_section import CAPTION, duration
from groupnet_det.report.sections.training_section import scores
from groupnet_det.report.training_run import Run

from .conftest import CONFIGS
from .parsed_pages import Page, assert_self_contained

SECTIONS = {
    "at-a-glance",
    "scores",
    "training",
    "curves",
    "best-and-worst",
    "precision-and-recall",
    "confusion",
    "size-and-latency",
    "precision-map",
    "bit-flips",
    "gates",
    "configuration",
}
TITLES = {"bbox": "boxes", "segm": "masks", "sem_seg": "semantic segmentation"}


def last_scores(folder):
    rows = [json.loads(line) for line in (folder / "metrics.json").read_text().splitlines()]
    return {k: v for row in rows for k, v in row.items() if parse_metric(k)}


@pytest.mark.parametrize("task", CONFIGS)
def test_a_page_is_self_contained_and_has_every_section(trained, task):
    text = (trained(task) / "report.html").read_text()
    assert_self_contained(text)
    page = Page(text)
    assert set(page.sections) == SECTIONS
    missing = {name for name, words in page.sections.items() if "Missing:" in words}
    assert missing == {"size-and-latency"}  # nothing was packed
    assert "groupnet-det export" in page.sections["size-and-latency"]
    assert "data:image/jpeg" in text
    assert text.count("<svg") >= 5


@pytest.mark.parametrize("task", ["detection", "masks", "segmentation"])
def test_scores_are_those_of_metrics_json(trained, task):
    folder = trained(task)
    tables = Page((folder / "report.html").read_text()).tables
    scores = last_scores(folder)
    assert scores
    for key, value in scores.items():
        metric = parse_metric(key)
        shown = "–" if math.isnan(value) else f"{value:.2f}"
        title = TITLES[metric.task]
        if metric.class_name:
            header, *rows = tables[f"Per class, at the end: {title}"]
            (row,) = [row for row in rows if row[0] == metric.class_name]
            assert row[header.index(metric.name)] == shown
        else:
            (row,) = [row for row in tables[f"All classes: {title}"] if row[0] == metric.name]
            assert row[1] == shown


def test_scores_of_a_classifier(trained):
    folder = trained("classification")
    tables = Page((folder / "report.html").read_text()).tables
    top1 = last_scores(folder)["classification/top1"]
    assert ["top1", f"{top1:.2f}"] in [row[:2] for row in tables["All classes: classes"]]
    rows = read_predictions_csv(folder / "inference/predictions.csv")
    right = [row["label"] == row["prediction"] for row in rows if row["label"] == "7"]
    of_seven = ["7", str(len(right)), f"{100 * np.mean(right):.2f}"]
    assert of_seven in [row[:3] for row in tables["Per class, last evaluation: classes"]]


@pytest.mark.parametrize("task", ["detection", "masks"])
def test_mean_of_a_precision_curve_is_the_ap(trained, datasets_env, task):
    folder = trained(task)
    (view,) = PredictionSections(Run(folder)).views
    scores = last_scores(folder)
    kinds = {"bbox", "segm"} if task == "masks" else {"bbox"}
    assert set(view.evaluations) == kinds
    from groupnet_det.report.sections.object_predictions import class_curves, mean_curves

    for kind, evaluation in view.evaluations.items():
        means = mean_curves(evaluation)
        expected = {"IoU 0.5": "AP50", "IoU 0.75": "AP75", "IoU 0.5 to 0.95": "AP"}
        for name, metric in expected.items():
            assert 100 * means[name].mean() == pytest.approx(scores[f"{kind}/{metric}"])
        known = [c.mean() for c in class_curves(evaluation) if c is not None]
        assert 100 * np.mean(known) == pytest.approx(scores[f"{kind}/AP50"])


def test_the_semantic_matrix_gives_the_evaluators_scores(trained, datasets_env):
    folder = trained("segmentation")
    (view,) = PredictionSections(Run(folder)).views
    counts, images = view.counts_and_images
    scores = last_scores(folder)
    assert 100 * np.trace(counts) / counts.sum() == pytest.approx(scores["sem_seg/pACC"])
    union = counts.sum(axis=0) + counts.sum(axis=1) - np.diag(counts)
    for index, name in enumerate(view.class_names):
        if counts[index].sum():
            expected = scores[f"sem_seg/IoU-{name}"]
            assert 100 * counts[index, index] / union[index] == pytest.approx(expected)
    assert len(images) == 4


def test_bit_flips_are_those_between_two_checkpoints(trained):
    folder = trained("classification")
    states = [
        torch.load(folder / name, weights_only=True)["model"]
        for name in ("model_0000001.pth", "model_final.pth")
    ]
    names = [
        name
        for name, value in states[0].items()
        if ".branches." in name and name.endswith("conv.weight") and value.dim() == 4
    ]
    changed = sum(((states[0][n] < 0) != (states[1][n] < 0)).sum().item() for n in names)
    number = sum(states[0][n].numel() for n in names)
    rows = [json.loads(line) for line in (folder / "metrics.json").read_text().splitlines()]
    (last,) = [row for row in rows if "bit_flips/all" in row and row["iteration"] == 3]
    assert last["bit_flips/all"] == pytest.approx(100 * changed / number)
    assert changed > 0


def test_gates_are_those_of_the_checkpoint(trained):
    folder = trained("classification")
    state = torch.load(folder / "model_final.pth", weights_only=True)["model"]
    text = Page((folder / "report.html").read_text()).sections["gates"]
    gates = {n: v for n, v in state.items() if n.endswith(".connect.gate")}
    assert len(gates) == 5  # res2.0 has none; six blocks up to res4
    for name, value in gates.items():
        assert name.removesuffix(".connect.gate") in text
        assert f"{1 / (1 + math.exp(-value.item())):.3f}" in text


@pytest.fixture
def copy(trained, tmp_path, datasets_env):
    """A copy of a tiny training, for a test to spoil."""

    def make(task):
        return shutil.copytree(trained(task), tmp_path / task)

    return make


def missing_of(folder, *sections):
    """What these sections say, of a report made now."""
    page = Page(write_report(folder).read_text())
    assert set(page.sections) == SECTIONS
    for name in sections:
        assert "Missing:" in page.sections[name]
    return " ".join(page.sections[name] for name in sections)


def test_without_predictions(copy):
    folder = copy("detection")
    shutil.rmtree(folder / "inference")
    said = missing_of(folder, "best-and-worst", "precision-and-recall", "confusion")
    assert said.count("coco_instances_results.json does not exist") == 3
    options = "--config-file detection/config.yaml --resume OUTPUT_DIR detection"
    assert f"groupnet-det eval {options}" in said


def test_without_metrics(copy):
    folder = copy("classification")
    (folder / "metrics.json").unlink()
    said = missing_of(folder, "scores", "curves", "bit-flips")
    assert said.count("metrics.json does not exist") == 3
    assert "groupnet-det train --config-file" in said


def test_without_a_checkpoint(copy):
    folder = copy("classification")
    for path in [*folder.glob("*.pth"), folder / "last_checkpoint"]:
        path.unlink()
    assert "contains no checkpoint" in missing_of(folder, "gates")


def test_without_a_config_all_but_the_metrics_is_missing(copy):
    folder = copy("classification")
    (folder / "config.yaml").unlink()
    said = missing_of(folder, "configuration", "precision-map", "confusion")
    assert "config.yaml does not exist" in said


def test_without_the_data_set(copy, tmp_path, monkeypatch):
    folder = copy("segmentation")
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / "nowhere"))
    said = missing_of(folder, "best-and-worst", "confusion")
    assert "nowhere" in said


def test_stages_are_drawn_one_after_the_other(copy, trained):
    folder = copy("classification")
    config = folder / "config.yaml"
    weights = f"  WEIGHTS: {trained('classification')}/model_final.pth"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(weights if x.startswith("  WEIGHTS: ") else x for x in lines))
    rows, ends = Run(folder).stages
    assert ends == [5, 10]  # the evaluation after the last one counts
    # Evaluations and the ends of the stages have rows.
    assert [row["iteration"] for row in rows if "total_loss" in row] == [1, 3, 6, 8]


def test_iterations_count_on_from_the_stage_before(copy, trained):
    folder = copy("classification")
    config = folder / "config.yaml"
    weights = f"  WEIGHTS: {trained('classification')}/model_final.pth"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(weights if x.startswith("  WEIGHTS: ") else x for x in lines))
    page = Page(write_report(folder).read_text())
    rows = [json.loads(line) for line in (folder / "metrics.json").read_text().splitlines()]
    scores = {
        row["iteration"]: row["classification/top1"] for row in rows if "classification/top1" in row
    }
    best = max(scores, key=lambda iteration: scores[iteration])
    (top1,) = [row for row in page.tables["All classes: classes"] if row[0] == "top1"]
    assert int(top1[3]) == 5 + min(best + 1, 4)  # as the curves have it
    _, *stages = [
        row for name, rows in page.tables.items() if "follow each" in name for row in rows
    ]
    assert [(row[0], row[1]) for row in stages] == [("classification", "4")] * 2


def test_how_it_was_trained(trained):
    folder = trained("detection")
    (_, row) = Page((folder / "report.html").read_text()).tables[CAPTION]
    (session,) = json.loads((folder / "sessions.json").read_text())
    assert row[:4] == ["detection", "4", "2", str(session["images"])]
    assert row[4] == duration(session["seconds"])
    assert row[5:7] == ["1", session["date"]]
    assert row[7].startswith(processor())


def test_a_training_of_an_older_version(copy):
    folder = copy("segmentation")
    (folder / "sessions.json").unlink()
    page = Page(write_report(folder).read_text())
    assert page.tables[CAPTION][1] == ["segmentation", "4", "2", "–", "–", "1", "–", "–"]
    assert "older version" in page.sections["training"]


def test_no_folder_of_this_machine_is_shown(copy, tmp_path, datasets_env):
    folder = copy("detection")
    config = folder / "config.yaml"
    entry = [{"NAME": "own", "FORMAT": "coco", "IMAGES": "/srv/somebody/images"}]
    config.write_text(config.read_text().replace("CUSTOM: []", f"CUSTOM: {entry}"))
    shutil.rmtree(folder / "inference")  # messages name what is missing
    text = write_report(folder).read_text()
    assert "…/images" in text
    assert str(tmp_path) not in text
    assert "/srv" not in text


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="does not exist; name the OUTPUT_DIR"):
        write_report(tmp_path / "absent")


def test_scores_per_class_are_those_of_all_bases(trained, tmp_path, datasets_env):
    """A slimmable network notes the scores of fewer bases, too, but has one file per class."""
    folder = shutil.copytree(trained("classification"), tmp_path / "slimmable")
    rows = [json.loads(line) for line in (folder / "metrics.json").read_text().splitlines()]
    fewer = [
        {f"bases_1/{key}": value for key, value in row.items() if parse_metric(key)} for row in rows
    ]
    lines = [json.dumps({**row, **more}) for row, more in zip(rows, fewer, strict=True)]
    (folder / "metrics.json").write_text("\n".join(lines))
    captions = [block.caption for block in scores(Run(folder))]
    assert sorted(captions) == [
        "All classes: classes",
        "All classes: classes, bases_1",
        "Per class, last evaluation: classes",
    ]
