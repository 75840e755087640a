"""HTML that the templates make of each block."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from groupnet_det.report.html import html_blocks
from groupnet_det.report.html.matrix_blocks import MAX_CLASSES, matrix_blocks
from groupnet_det.report.report_page import _environment, breakable
from groupnet_det.report.score_rows import parse_metric
from groupnet_det.report.sections.class_predictions import by_turns, precision_and_recall
from groupnet_det.report.sections.pixel_predictions import count_predicted_labels, mean_iou
from groupnet_det.report.sections.prediction_view import ends_of

EVIL = "<script>alert(1)</script>\"'&"
TILE = html_blocks.Tile(label=EVIL, value=EVIL, hint=EVIL)
CELL = html_blocks.MatrixCell(share=0.5, text=EVIL, hint=EVIL)
PANEL = html_blocks.Panel(title=EVIL, uri="data:image/png;base64,")
EXAMPLE = html_blocks.Example(caption=EVIL, panels=[PANEL])
BAR = html_blocks.Bar(label=EVIL, share=0.5, text=EVIL)
ALL = [
    html_blocks.Note(text=EVIL, warning=True),
    html_blocks.Heading(text=EVIL),
    html_blocks.Missing(reason=EVIL, command=EVIL),
    html_blocks.Tiles(tiles=[TILE]),
    html_blocks.Table(headers=[EVIL], rows=[[EVIL]], caption=EVIL, total=True),
    html_blocks.Charts(
        charts=[html_blocks.Chart(title=EVIL, svg="", legend=[EVIL, EVIL], caption=EVIL)]
    ),
    html_blocks.Bars(title=EVIL, bars=[BAR], caption=EVIL, middle=True),
    html_blocks.Matrix(
        title=EVIL, row_names=[EVIL], column_names=[EVIL], cells=[[CELL]], caption=EVIL
    ),
    html_blocks.Examples(
        title=EVIL,
        examples=[EXAMPLE],
        legend=[html_blocks.Legend(label=EVIL, colour="rgb(1, 2, 3)")],
    ),
    html_blocks.Folded(title=EVIL, text=EVIL),
]


def render(block):
    macros = _environment(Path("out")).get_template("blocks.html").make_module()
    return str(getattr(macros, block.kind)(block))


@pytest.mark.parametrize("block", ALL, ids=lambda block: block.kind)
def test_texts_are_escaped(block):
    html = render(block)
    assert "&lt;script&gt;" in html
    assert "<script>" not in html


def test_every_kind_is_tested():
    kinds = {cls for cls in vars(html_blocks).values() if dataclasses.is_dataclass(cls)}
    kinds = {
        cls for cls in kinds if issubclass(cls, html_blocks.Block) and cls is not html_blocks.Block
    }
    assert kinds == {type(block) for block in ALL}


def test_cells():
    table = html_blocks.Table(headers=[], rows=[], decimals=2)
    cells = [1234567, 12.345, float("nan"), None, "12.345"]
    assert [table.text_of(c) for c in cells] == ["1,234,567", "12.35", "–", "–", "12.345"]


def test_a_matrix_has_the_shares_of_its_rows():
    counts = np.array([[3, 1], [0, 0]])
    matrix, table = matrix_blocks(
        counts, ["a", "b"], ["a", "b"], title="", unit="images", caption=""
    )
    assert [[cell.text for cell in row] for row in matrix.cells] == [["75", "25"], ["", ""]]
    assert matrix.cells[0][1].share == 0.5  # the root
    assert table.rows == [["a", "b", 1, 25.0]]


def test_a_matrix_of_many_classes_is_a_image():
    number = MAX_CLASSES + 1
    names = [str(i) for i in range(number)]
    (picture,) = matrix_blocks(
        np.eye(number, dtype=int), names, names, title="", unit="images", caption=""
    )
    assert picture.examples[0].panels[0].uri.startswith("data:image/png;base64,")


def test_most_confused_are_classes_and_not_what_was_missed():
    counts = np.array([[5, 2, 9], [1, 5, 0], [7, 0, 0]])
    rows, columns = ["a", "b", "nothing there"], ["a", "b", "missed"]
    _, table = matrix_blocks(counts, rows, columns, title="", unit="objects", caption="")
    assert [row[:3] for row in table.rows] == [["a", "b", 2], ["b", "a", 1]]


def test_names_break_after_dots_but_numbers_do_not():
    assert breakable("a.b_c") == "a.<wbr>b_<wbr>c"
    assert breakable("0.25 <b>") == "0.25 &lt;b&gt;"


def test_ends():
    quality = {"a": 0.2, "b": 0.9, "c": float("nan"), "d": 0.2, "e": 0.5}
    size = {"a": 1, "b": 1, "c": 9, "d": 2, "e": 1}
    best, worst = ends_of("abcde", 4, quality.get, size.get)
    assert (best, worst) == (["b", "e"], ["d", "a"])


def test_each_class_once_before_any_twice():
    rows = [{"label": label, "number": n} for n, label in enumerate("aaabac")]
    assert [row["number"] for row in by_turns(rows)] == [0, 3, 5, 1, 2, 4]


def test_precision_and_recall_of_classes():
    rows = [{"label": "a", "prediction": p} for p in "aba"]
    precision, recall = precision_and_recall(rows, 4)
    assert precision == pytest.approx([1, 1 / 2, 2 / 3])
    assert recall == pytest.approx([1 / 4, 1 / 4, 2 / 4])


def test_counts_of_labels(tmp_path):
    truth = np.array([[0, 0, 1, 255]], dtype=np.uint8)
    found = np.array([[0, 1, 1, 0]], dtype=np.uint8)
    counts = count_predicted_labels(truth, found, 3, 255, tmp_path)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert mean_iou(counts) == pytest.approx(1 / 2)  # classes 0 and 1; 2 is in neither
    assert count_predicted_labels(truth, found, 3, 1, tmp_path).sum() == 2
    assert np.isnan(mean_iou(np.zeros((2, 2), dtype=int)))


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("bbox/AP", ("", "bbox", "AP", "")),
        ("bbox/AP50-dog", ("", "bbox", "AP50", "dog")),
        ("a/b/sem_seg/IoU-grass-merged", ("a/b", "sem_seg", "IoU", "grass-merged")),
        ("sem_seg/min(IoU, B-Iou)-sky", ("", "sem_seg", "min(IoU, B-Iou)", "sky")),
        ("bbox/AP-cup (red)", ("", "bbox", "AP", "cup (red)")),
        ("sem_seg/ACC-sky/cloud", ("", "sem_seg", "ACC", "sky/cloud")),
    ],
)
def test_names_of_metrics(key, parts):
    metric = parse_metric(key)
    assert (metric.dataset, metric.task, metric.name, metric.class_name) == parts


@pytest.mark.parametrize("key", ["total_loss", "fast_rcnn/cls_accuracy", "bbox"])
def test_names_that_are_none(key):
    assert parse_metric(key) is None
