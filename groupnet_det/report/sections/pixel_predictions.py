"""View of predicted pixel classes, from saved label maps."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from detectron2.data import MetadataCatalog
from numpy.typing import NDArray

from groupnet_det.errors import DataError
from groupnet_det.evaluation.semantic_evaluator import LABEL_MAPS, class_colours
from groupnet_det.images.decoding import read_rgb
from groupnet_det.images.label_images import read_labels, read_mask
from groupnet_det.report.html.embedded_images import photo_uri, shrink_to_fit
from groupnet_det.report.html.html_blocks import (
    Block,
    Cell,
    Chart,
    Charts,
    Example,
    Examples,
    Legend,
    Note,
    Panel,
    Table,
)
from groupnet_det.report.html.matrix_blocks import matrix_blocks
from groupnet_det.report.html.svg_charts import NUM_COLOURS, Series, line_chart
from groupnet_det.report.training_run import Run
from groupnet_det.visualization.dataset_samples import load_records
from groupnet_det.visualization.label_map_images import draw_labels

from .prediction_view import ends_of, saved

NUM_EXAMPLES = 4
PANEL_HEIGHT = 240  # pixels


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A scored image.

    Attributes:
        iou: Mean IoU of the classes in either of its two masks.
        num_classes: Number of classes in the ground-truth mask.
    """

    record: dict[str, Any]
    iou: float
    num_classes: int


class SemanticView:
    """View of the label maps on a data set."""

    def __init__(self, run: Run, dataset: str, folder: Path | None = None) -> None:
        """
        Args:
            folder: Folder of the evaluation; by default that of the data set.
        """
        self.run = run
        self.dataset = dataset
        self.title = f"pixels, {dataset}"
        self.folder = folder or run.results_dir(dataset)

    @cached_property
    def counts_and_images(self) -> tuple[NDArray[np.int64], list[Scored]]:
        """Confusion matrix (C, C), pixels of class i predicted as class j, and the images."""
        records = load_records(self.dataset)
        total = np.zeros((len(self.class_names),) * 2, dtype=np.int64)
        images = []
        for record in records:
            counts = self._count(record)
            total += counts
            present = int((counts.sum(axis=1) > 0).sum())
            images.append(Scored(record=record, iou=mean_iou(counts), num_classes=present))
        return total, images

    @cached_property
    def class_names(self) -> list[str]:
        load_records(self.dataset)  # some data sets only have their classes once they are read
        return list(MetadataCatalog.get(self.dataset).stuff_classes)

    @property
    def maps(self) -> Path:
        return saved(self.run, self.folder / LABEL_MAPS)

    def _count(self, record: dict[str, Any]) -> NDArray[np.int64]:
        gt = read_mask(record)
        path = saved(self.run, self._map_of(record))
        ignored = MetadataCatalog.get(self.dataset).get("ignore_label", 255)
        found = read_labels(path)
        return count_predicted_labels(gt, found, len(self.class_names), ignored, path)

    def _map_of(self, record: dict[str, Any]) -> Path:
        return self.maps / Path(record["sem_seg_file_name"]).name

    def precision_recall(self) -> list[Block]:
        """A point per class, because label maps have no scores for a curve."""
        counts, _ = self.counts_and_images
        right = np.diag(counts)
        with np.errstate(invalid="ignore"):  # 0 / 0: nan, a dash
            precision, recall = right / counts.sum(axis=0), right / counts.sum(axis=1)
        names = self.class_names
        rows: list[list[Cell]] = [
            [name, 100 * float(p), 100 * float(r)]
            for name, p, r in zip(names, precision, recall, strict=True)
        ]
        note = (
            "Label maps have no scores, so each class has a point instead of a curve: precision "
            "and recall of its pixels."
        )
        blocks: list[Block] = [Note(text=note)]
        if len(names) <= NUM_COLOURS:
            blocks.append(Charts(charts=[_points(names, precision, recall)]))
        headers = ["class", "precision", "recall"]
        return [*blocks, Table(headers=headers, rows=rows, caption="Pixels, per cent")]

    def confusion(self) -> list[Block]:
        """Confusion matrix of pixels."""
        counts, _ = self.counts_and_images
        right = 100 * np.trace(counts) / max(int(counts.sum()), 1)
        return matrix_blocks(
            counts,
            self.class_names,
            self.class_names,
            title=f"Pixels of {self.dataset}",
            unit="pixels",
            caption=f"{counts.sum():,} pixels, {right:.2f} % correct.",
        )

    def examples(self) -> list[Block]:
        """Images with the best and the worst mean IoU."""
        _, images = self.counts_and_images
        best, worst = ends_of(images, NUM_EXAMPLES, lambda i: i.iou, lambda i: i.num_classes)
        colours = class_colours(self.dataset)
        legend = [
            Legend(label=name, colour="rgb({}, {}, {})".format(*colour))
            for name, colour in zip(self.class_names, colours.tolist(), strict=False)
            if any(colour)  # black classes are drawn transparent
        ]
        return [
            Note(text="Ranked by the mean IoU of the classes in either mask of an image."),
            Examples(title="Best", examples=[self._example(i) for i in best], legend=legend),
            Examples(title="Worst", examples=[self._example(i) for i in worst]),
        ]

    def _example(self, image: Scored) -> Example:
        record = image.record
        pixels = read_rgb(record["file_name"])
        colours = class_colours(self.dataset)
        masks = {"ground truth": read_mask(record), "prediction": read_labels(self._map_of(record))}
        drawn = {title: draw_labels(pixels, mask, colours) for title, mask in masks.items()}
        return Example(
            caption=f"{Path(record['file_name']).name}: mean IoU {100 * image.iou:.1f} %",
            panels=[
                Panel(title=title, uri=photo_uri(shrink_to_fit(picture, PANEL_HEIGHT)))
                for title, picture in drawn.items()
            ],
        )


def count_predicted_labels(
    gt: NDArray[np.uint8],
    found: NDArray[np.uint8],
    num_classes: int,
    ignored: int,
    path: Path,
) -> NDArray[np.int64]:
    """Confusion matrix (C, C), pixels of class i predicted as class j; pixels whose true label is
    `ignored` or not a class are left out.

    Raises:
        DataError: The sizes differ; the message names `path`.
    """
    if gt.shape != found.shape:
        raise DataError(f"{path} differs in size from its ground-truth mask")
    counted = (gt < num_classes) & (gt != ignored) & (found < num_classes)
    pairs = gt[counted].astype(np.int64) * num_classes + found[counted]
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def mean_iou(counts: NDArray[np.int64]) -> float:
    """Mean IoU of the classes in either mask; nan without classes."""
    union = counts.sum(axis=0) + counts.sum(axis=1) - np.diag(counts)
    present = union > 0
    return float(np.mean(np.diag(counts)[present] / union[present])) if present.any() else np.nan


def _points(names: list[str], precision: NDArray[np.float64], recall: NDArray[np.float64]) -> Chart:
    series = [
        Series(label=name, xs=[float(r)] if r == r else [], ys=[float(p)] if r == r else [])
        for name, p, r in zip(names, precision, recall, strict=True)
    ]
    svg = line_chart(
        series,
        x_label="recall",
        y_label="precision",
        x_range=(0, 1),
        y_range=(0, 1),
        lines=False,
    )
    return Chart(title="Each class", svg=svg, legend=names)
