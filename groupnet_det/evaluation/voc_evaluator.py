"""Evaluation of detectors on data sets in the VOC layout, by VOC's metrics."""

import itertools
import json
from pathlib import Path
from typing import Any

from detectron2.data import MetadataCatalog
from detectron2.evaluation import DatasetEvaluator
from detectron2.evaluation.coco_evaluation import instances_to_coco_json
from detectron2.utils import comm

from groupnet_det.evaluation.saved.voc_scores import read_gt, score_voc

RESULTS = "coco_instances_results.json"
METRIC_OF_YEAR = {2007: "07", 2012: "12"}


class VocEvaluator(DatasetEvaluator):
    """Score outputs ``{"instances": ...}``. They are saved as COCO results, with the index of the
    class as ``category_id``.

    Detectron2's evaluator rounds boxes and scores, has no scores per class, and counts a class
    without objects as AP 0.
    """

    def __init__(self, dataset_name: str, *, output_dir: Path) -> None:
        """
        Args:
            dataset_name: Data set with ``dirname``, ``split``, ``year`` and ``thing_classes`` in
                its metadata. The year 2007 selects the eleven points that VOC used until 2009.
            output_dir: Folder of the results.
        """
        metadata = MetadataCatalog.get(dataset_name)
        self.root, self.split = Path(metadata.dirname), metadata.split
        self.class_names = list(metadata.thing_classes)
        self.metric = METRIC_OF_YEAR[metadata.year]
        self.output_dir = output_dir
        self.results: list[dict[str, Any]] = []

    def reset(self) -> None:
        self.results = []

    def process(self, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> None:
        for record, output in zip(inputs, outputs, strict=True):
            instances = output["instances"].to("cpu")
            self.results += instances_to_coco_json(instances, record["image_id"])

    def evaluate(self) -> dict[str, dict[str, float]] | None:
        """
        Returns:
            ``{"bbox": {"AP", "AP50", "AP75", "AP50-<class>" ...}}`` in per cent in the
            main process, None in others.

        Raises:
            DataError: An annotation cannot be read.
        """
        gathered = comm.gather(self.results, dst=0)
        if not comm.is_main_process():
            return None
        results = list(itertools.chain(*gathered))
        self.output_dir.mkdir(parents=True, exist_ok=True)
        (self.output_dir / RESULTS).write_text(json.dumps(results))
        scores = score_voc(read_gt(self.root, self.split), results, self.class_names, self.metric)
        of_classes = {f"AP50-{name}": ap50 for name, (_, ap50) in scores.per_class.items()}
        return {"bbox": {**scores.summary, **of_classes}}
