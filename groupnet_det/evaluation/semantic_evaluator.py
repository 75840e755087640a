"""Evaluation of semantic segmentation: Detectron2's scores, predicted masks and tables."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.evaluation import SemSegEvaluator
from detectron2.utils import comm
from numpy.typing import NDArray
from torch import Tensor

from groupnet_det.errors import ConfigError, DataError, TrainingError
from groupnet_det.images.label_images import read_labels, voc_colours, write_labels

from .confusion_matrix import plot_confusion_matrix
from .semantic_scores import SemanticScores, write_semantic_scores_csv

LABEL_MAPS = "label_maps"  # folder of predicted masks inside that of the evaluation


class SemanticEvaluator(SemSegEvaluator):
    """Score outputs ``{"sem_seg": (C, H, W)}`` against the masks of a registered data set.

    Besides Detectron2's files, the output folder receives ``label_maps/<mask's name>`` with the
    predicted labels as PNG, ``per_class.csv`` and ``confusion_matrix.png``. The results of several
    processes are merged.

    Attributes:
        scores: Scores of the last `evaluate`, in the main process.
    """

    def __init__(self, dataset_name: str, *, output_dir: Path | None) -> None:
        """
        Args:
            dataset_name: Data set with ``stuff_classes`` and ``ignore_label`` in its metadata, and
                ``label_of_value`` if its mask values are not labels.
            output_dir: Folder of the files; None writes nothing.
        """
        super().__init__(
            dataset_name,
            output_dir=str(output_dir) if output_dir else None,
            # Detectron2's own loader fails with NumPy 2.
            sem_seg_loading_fn=functools.partial(
                read_labels,
                label_of_value=MetadataCatalog.get(dataset_name).get("label_of_value"),
            ),
        )
        self.dataset_name = dataset_name
        self.class_names = list(MetadataCatalog.get(dataset_name).stuff_classes)
        self.colours = class_colours(dataset_name)
        self.output_dir = output_dir
        self.scores: SemanticScores | None = None
        self.mask_names = {
            record["file_name"]: Path(record["sem_seg_file_name"]).name
            for record in DatasetCatalog.get(dataset_name)
        }

    def process(self, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> None:
        """
        Raises:
            ConfigError: The number of scores is not the number of classes.
            TrainingError: The scores are not finite.
            DataError: A mask is broken.
        """
        for record, output in zip(inputs, outputs, strict=True):
            self._check(record["file_name"], output["sem_seg"])
            if self.output_dir:
                path = self.output_dir / LABEL_MAPS / self.mask_names[record["file_name"]]
                path.parent.mkdir(parents=True, exist_ok=True)
                write_labels(path, output["sem_seg"].argmax(dim=0).cpu().numpy(), self.colours)
        super().process(inputs, outputs)

    def _check(self, file_name: str, scores: Tensor) -> None:
        number = len(self.class_names)
        if len(scores) != number:
            raise ConfigError(
                f"the network has {len(scores)} scores per pixel, but the data set has {number} "
                f"classes; set MODEL.SEM_SEG_HEAD.NUM_CLASSES {number}"
            )
        if not scores.isfinite().all():
            raise TrainingError(
                f"the network's scores for {file_name} are not finite; its weights are unusable: "
                "train again with a lower SOLVER.BASE_LR, or load others"
            )

    def has_gt(self) -> bool:
        """Whether this process has scored a labelled pixel."""
        return bool(self._conf_matrix[:, :-1].sum())

    def evaluate(self) -> dict[str, dict[str, float]] | None:
        """
        Returns:
            ``{"sem_seg": results}``, see `SemanticScores`, in the main process; None in others.

        Raises:
            DataError: There were no labelled pixels.
        """
        with np.errstate(invalid="ignore"):  # 0 / 0, which the next lines report
            results = super().evaluate()
        if not comm.is_main_process():
            return None
        confusion = self._conf_matrix[:-1, :-1].T  # Detectron2's rows are predictions
        if not confusion.sum():
            raise DataError(f"data set {self.dataset_name!r} has no labelled pixel to score")
        self.scores = SemanticScores(
            class_names=self.class_names, results=dict(results["sem_seg"]), confusion=confusion
        )
        if self.output_dir:
            write_semantic_scores_csv(self.scores, self.output_dir / "per_class.csv")
            matrix = self.output_dir / "confusion_matrix.png"
            plot_confusion_matrix(confusion, self.class_names, matrix, unit="pixels")
        return {"sem_seg": self.scores.results}


def class_colours(dataset_name: str) -> NDArray[np.uint8]:
    """Colours (C, 3) of the data set's classes; VOC's by default."""
    metadata = MetadataCatalog.get(dataset_name)
    colours = metadata.get("stuff_colors")
    if colours is None:
        return voc_colours(len(metadata.stuff_classes))
    return np.array(colours, dtype=np.uint8)
