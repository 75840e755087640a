import json

import pytest

from groupnet_det.commands.training import evaluate as command
from tests.data.datasets.test_voc_layout import write_voc
from tests.evaluation.saved.test_voc_scores import RESULTS


@pytest.fixture
def evaluate():

    def run(*words):
        command.main(list(map(str, words)))

    return run


@pytest.fixture
def tree(tmp_path):
    images = {
        "a": [("cat", (1, 1, 10, 10), False), ("cat", (21, 1, 30, 10), False)],
        "b": [("cat", (1, 1, 10, 10), True)],
        "c": [("cat", (5, 5, 24, 24), False)],
    }
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    return write_voc(tmp_path, images)


def flags(tree):
    return ["--voc", tree, "--split", "test", "--results", tree / "results.json"]


@pytest.mark.parametrize(
    ("options", "ap50"),
    [
        (["--voc-metric", "07"], 54.55),
        ([], 55.56),
        (["--classes", "cat,dog"], 55.56),
    ],
    ids=["11-points", "default", "classes"],
)
def test_scores_without_a_model(evaluate, tree, capsys, options, ap50):
    if "--classes" not in options:  # VOC's own 20, of which the cat is not the first
        (tree / "names.txt").write_text("cat\ndog\n")
        options = [*options, "--classes", tree / "names.txt"]
    evaluate(*flags(tree), *options, "--csv", tree / "scores.csv")
    name, value = capsys.readouterr().out.splitlines()[0].split()[1], tree / "scores.csv"
    assert name == "AP50"
    rows = dict(line.split(",", 1) for line in value.read_text().splitlines())
    assert float(rows["all"].split(",")[1]) == pytest.approx(ap50, abs=0.01)
    assert rows["dog"] == "nan,nan"


def test_results_of_vocs_own_classes(evaluate, tree, capsys):
    found = [{**result, "category_id": 7} for result in RESULTS]  # cat is the eighth
    (tree / "results.json").write_text(json.dumps(found))
    evaluate(*flags(tree))
    assert "55.56" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["--split", "--results"])
def test_flags_that_belong_together(evaluate, tree, capsys, missing):
    words = flags(tree)
    position = words.index(missing)
    with pytest.raises(SystemExit):
        evaluate(*words[:position], *words[position + 2 :])
    assert "--voc, --split and --results" in capsys.readouterr().err


def test_broken_files_end_in_one_line(evaluate, tree):
    (tree / "Annotations/b.xml").write_text("<x>")
    with pytest.raises(SystemExit, match=r"^error: .*b\.xml is not XML"):
        evaluate(*flags(tree), "--classes", "cat,dog")
