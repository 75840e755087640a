"""View of detected boxes and masks, from saved COCO results."""

import json
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from detectron2.data import Metadata, MetadataCatalog
from detectron2.data.datasets.coco import convert_to_coco_dict
from numpy.typing import NDArray
from pycocotools.cocoeval import COCOeval

from groupnet_det.engine.records.recorded_scores import SCORE_PREFIXES
from groupnet_det.evaluation.detection_matches import (
    ImageObjects,
    best_threshold,
    confusion_of,
    objects_of_images,
    quality_of,
)
from groupnet_det.evaluation.saved.coco_scores import evaluate_coco_results
from groupnet_det.evaluation.voc_evaluator import RESULTS
from groupnet_det.images.decoding import read_rgb
from groupnet_det.report.html.embedded_images import photo_uri
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
from groupnet_det.visualization.dataset_samples import load_records
from groupnet_det.visualization.instances import draw_instances
from groupnet_det.visualization.prediction_sheets import (
    gt_to_instances,
    load_results,
    results_to_instances,
)

from .prediction_view import ends_of, saved

NUM_EXAMPLES = 4
PANEL_HEIGHT = 300  # pixels
MISSED, NOTHING = "missed", "nothing there"
# Name of the curve -> index of its IoU threshold; None for all thresholds.
IOUS = {"IoU 0.5": 0, "IoU 0.75": 5, "IoU 0.5 to 0.95": None}


class DetectionView:
    """View of the detections on a data set."""

    def __init__(self, run: Run, dataset: str) -> None:
        self.run = run
        self.dataset = dataset
        self.title = f"objects, {dataset}"

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        return load_records(self.dataset)

    @property
    def metadata(self) -> Metadata:
        return MetadataCatalog.get(self.dataset)

    @cached_property
    def results(self) -> Path:
        return saved(self.run, self.run.results_dir(self.dataset) / RESULTS)

    @cached_property
    def found(self) -> dict[Any, list[dict[str, Any]]]:
        """COCO results by image."""
        return load_results(self.results)

    @cached_property
    def evaluations(self) -> dict[str, COCOeval]:
        """pycocotools' evaluation of boxes, and of masks if there are any."""
        found = [result for results in self.found.values() for result in results]
        masks = bool(found) and all("segmentation" in result for result in found)
        kinds = ["bbox", "segm"] if masks else ["bbox"]
        with tempfile.TemporaryDirectory() as folder:
            gt = self._gt_file(Path(folder))
            return {kind: evaluate_coco_results(gt, self.results, kind) for kind in kinds}

    def _gt_file(self, folder: Path) -> Path:
        """The data set's annotation file; for other formats, one converted from it."""
        load_records(self.dataset)  # raises an error if files are missing
        file = self.metadata.get("json_file")
        if file and Path(file).is_file():
            return Path(file)
        path = folder / "ground_truth.json"
        path.write_text(json.dumps(convert_to_coco_dict(self.dataset)))
        return path

    @property
    def finest(self) -> str:
        """The type that ranks images: masks, if there are any, else boxes."""
        return list(self.evaluations)[-1]

    @cached_property
    def objects(self) -> list[ImageObjects]:
        return objects_of_images(self.evaluations[self.finest])

    @cached_property
    def threshold(self) -> float:
        return best_threshold(self.objects)

    @cached_property
    def qualities(self) -> list[float]:
        return [quality_of(image, self.threshold) for image in self.objects]

    @property
    def class_names(self) -> list[str]:
        evaluation = self.evaluations["bbox"]
        return [evaluation.cocoGt.cats[i]["name"] for i in evaluation.params.catIds]

    def precision_recall(self) -> list[Block]:
        """Curves of pycocotools' 101 points."""
        charts = []
        for kind, evaluation in self.evaluations.items():
            by_class, means = class_curves(evaluation), mean_curves(evaluation)
            if len(self.class_names) <= NUM_COLOURS:
                labels = [
                    f"{name} ({100 * np.mean(curve):.1f})" if curve is not None else f"{name} (–)"
                    for name, curve in zip(self.class_names, by_class, strict=True)
                ]
                title = f"{SCORE_PREFIXES[kind].capitalize()}: each class at IoU 0.5 (AP50)"
                charts.append(_curves(title, dict(zip(labels, by_class, strict=True))))
            labels = [f"{name} (AP {100 * np.mean(c):.1f})" for name, c in means.items()]
            title = f"{SCORE_PREFIXES[kind].capitalize()}: mean of the classes"
            charts.append(_curves(title, dict(zip(labels, means.values(), strict=True))))
        return [Charts(charts=charts)]

    def confusion(self) -> list[Block]:
        """Confusion matrix of objects, with misses and false positives."""
        counts = confusion_of(self.objects, len(self.class_names), self.threshold)
        names = self.class_names
        return matrix_blocks(
            counts,
            [*names, NOTHING],
            [*names, MISSED],
            title=f"{SCORE_PREFIXES[self.finest].capitalize()} on {self.dataset}",
            unit="objects",
            caption=f"Objects with a score of at least {self.threshold:.2f}, which has the highest "
            "F1. Best first, each matches the free ground-truth object with the highest IoU, of at "
            f"least 0.5. '{NOTHING}' also counts duplicates.",
        )

    def examples(self) -> list[Block]:
        """Images with the best and the worst quality."""
        best, worst = ends_of(
            range(len(self.objects)),
            NUM_EXAMPLES,
            self.qualities.__getitem__,
            lambda index: len(self.objects[index].gt),
        )
        return [
            Note(
                text=f"Ranked by the summed IoU of matching {SCORE_PREFIXES[self.finest]} (score "
                f"of at least {self.threshold:.2f}, correct class) over TP + FP/2 + FN/2."
            ),
            Examples(title="Best", examples=[self._example(index) for index in best]),
            Examples(title="Worst", examples=[self._example(index) for index in worst]),
        ]

    def _example(self, index: int) -> Example:
        image = self.objects[index]
        (record,) = [r for r in self.records if r["image_id"] == image.image_id]
        pixels = read_rgb(record["file_name"])
        size = pixels.shape[0], pixels.shape[1]
        found = self.found.get(image.image_id, [])
        ids = self.metadata.get("thing_dataset_id_to_contiguous_id")
        class_of_id = ids or {i: i for i in range(len(self.metadata.thing_classes))}
        gt = gt_to_instances(record, size)
        if self.finest == "bbox" and gt.has("pred_masks"):
            gt.remove("pred_masks")  # the prediction has no masks
        panels = {
            "ground truth": gt,
            "prediction": results_to_instances(found, size, class_of_id, self.threshold),
        }
        return Example(
            caption=f"{Path(record['file_name']).name}: quality {self.qualities[index]:.2f}",
            panels=[
                Panel(
                    title=title,
                    uri=photo_uri(
                        draw_instances(pixels, instances, self.metadata, height=PANEL_HEIGHT)
                    ),
                )
                for title, instances in panels.items()
            ],
        )


def class_curves(evaluation: COCOeval) -> list[NDArray[np.float64] | None]:
    """Precision of each class at pycocotools' recalls, IoU 0.5; None without ground truth."""
    precision = evaluation.eval["precision"]
    curves = [precision[0, :, index, 0, -1] for index in range(precision.shape[2])]
    return [curve if (curve > -1).all() else None for curve in curves]


def mean_curves(evaluation: COCOeval) -> dict[str, NDArray[np.float64]]:
    """Mean precision of the classes with ground truth at pycocotools' recalls, by IoU; the mean of
    a curve is the AP."""
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    known = precision[:, :, (precision > -1).all(axis=(0, 1))]
    if not known.size:
        return {}
    means = known.mean(axis=2)
    return {n: means.mean(axis=0) if i is None else means[i] for n, i in IOUS.items()}


def _curves(title: str, curves: dict[str, NDArray[np.float64] | None]) -> Chart:
    recalls = np.linspace(0, 1, 101).tolist()
    series = [
        Series(label=label, xs=recalls, ys=[float("nan")] * 101 if c is None else c.tolist())
        for label, c in curves.items()
    ]
    svg = line_chart(series, x_label="recall", y_label="precision", x_range=(0, 1), y_range=(0, 1))
    return Chart(title=title, svg=svg, legend=list(curves))
