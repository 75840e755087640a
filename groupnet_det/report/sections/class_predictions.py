"""View of predicted image classes, from ``predictions.csv``."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from groupnet_det.evaluation.saved.classification_scores import PREDICTIONS, read_predictions_csv
from groupnet_det.images.decoding import read_rgb
from groupnet_det.report.html.embedded_images import photo_uri, shrink_to_fit
from groupnet_det.report.html.html_blocks import (
    Block,
    Chart,
    Charts,
    Example,
    Examples,
    Note,
    Panel,
)
from groupnet_det.report.html.matrix_blocks import matrix_blocks
from groupnet_det.report.html.svg_charts import NUM_COLOURS, Series, line_chart
from groupnet_det.report.training_run import Run

from .prediction_view import saved

NUM_EXAMPLES = 8
PANEL_HEIGHT = 128  # pixels
LEAST_WIDTH = 105
PredictionRow = dict[str, str]


class ClassificationView:
    """View of the predicted classes on a data set."""

    def __init__(self, run: Run, dataset: str) -> None:
        self.run = run
        self.dataset = dataset
        self.title = f"classes, {dataset}"

    @cached_property
    def rows(self) -> list[PredictionRow]:
        """Rows of ``predictions.csv``, most confident first."""
        path = saved(self.run, self.run.results_dir(self.dataset) / PREDICTIONS)
        return sorted(read_predictions_csv(path), key=lambda row: -float(row["probability"]))

    @cached_property
    def class_names(self) -> list[str]:
        """Classes that occur as label or prediction."""
        return sorted({row[key] for row in self.rows for key in ("label", "prediction")})

    def precision_recall(self) -> list[Block]:
        """Curves over the images, by falling probability."""
        charts = [_curves("All classes", {"all": self.rows}, {"all": len(self.rows)})]
        if len(self.class_names) <= NUM_COLOURS:
            predicted = {
                name: [row for row in self.rows if row["prediction"] == name]
                for name in self.class_names
            }
            images = {
                name: sum(row["label"] == name for row in self.rows) for name in self.class_names
            }
            charts.append(_curves("Each class", predicted, images))
        note = (
            "Only the most probable class of an image is saved, so recall ends at the share of "
            "images for which it is correct."
        )
        return [Note(text=note), Charts(charts=charts)]

    def confusion(self) -> list[Block]:
        """Confusion matrix of images."""
        names = self.class_names
        index = {name: i for i, name in enumerate(names)}
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        for row in self.rows:
            counts[index[row["label"]], index[row["prediction"]]] += 1
        right = 100 * np.trace(counts) / counts.sum()
        return matrix_blocks(
            counts,
            names,
            names,
            title=f"Images of {self.dataset}",
            unit="images",
            caption=f"{counts.sum():,} images, {right:.2f} % correct.",
        )

    def examples(self) -> list[Block]:
        """The most confident correct predictions, of different classes first, and wrong ones."""
        right = [row for row in self.rows if _is_right(row)]
        wrong = [row for row in self.rows if not _is_right(row)]
        return [
            Note(
                text="Best: correct with the highest probability, each class once before any "
                "twice. Worst: wrong with the highest probability."
            ),
            Examples(title="Best", examples=_examples(by_turns(right)), least_width=LEAST_WIDTH),
            Examples(title="Worst", examples=_examples(wrong), least_width=LEAST_WIDTH),
        ]


def _is_right(row: PredictionRow) -> bool:
    return row["label"] == row["prediction"]


def by_turns(rows: Sequence[PredictionRow]) -> list[PredictionRow]:
    """Rows in turns: the first one of each class, then the second ones, and so on."""
    seen: Counter[str] = Counter()
    turns = []
    for row in rows:
        turns.append(seen[row["label"]])
        seen[row["label"]] += 1
    return [row for _, row in sorted(zip(turns, rows, strict=True), key=lambda pair: pair[0])]


def precision_and_recall(
    rows: Sequence[PredictionRow], number: int
) -> tuple[list[float], list[float]]:
    """Precision and recall of the first 1, 2, ... rows.

    Args:
        rows: Rows, most confident first.
        number: Number of images of the class.
    """
    right = np.cumsum([_is_right(row) for row in rows])
    taken = np.arange(1, len(rows) + 1)
    return (right / taken).tolist(), (right / max(number, 1)).tolist()


def _curves(title: str, rows: dict[str, list[PredictionRow]], numbers: dict[str, int]) -> Chart:
    series = []
    for name, own in rows.items():
        precision, recall = precision_and_recall(own, numbers[name])
        series.append(Series(label=name, xs=recall, ys=precision))
    svg = line_chart(series, x_label="recall", y_label="precision", x_range=(0, 1), y_range=(0, 1))
    return Chart(title=title, svg=svg, legend=list(rows))


def _examples(rows: Sequence[PredictionRow]) -> list[Example]:
    return [_example(row) for row in rows[:NUM_EXAMPLES]]


def _example(row: PredictionRow) -> Example:
    pixels = shrink_to_fit(read_rgb(row["file"]), PANEL_HEIGHT)
    found = f"{row['prediction']}, {100 * float(row['probability']):.1f} %"
    return Example(
        caption=Path(row["file"]).name,
        panels=[Panel(title=f"true {row['label']}, found {found}", uri=photo_uri(pixels))],
    )
