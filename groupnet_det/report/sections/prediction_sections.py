"""Sections on predictions: precision and recall, confusion matrices, examples."""

from collections.abc import Callable
from functools import cached_property

from detectron2.data import MetadataCatalog

from groupnet_det.errors import UserError, lookup
from groupnet_det.report.html.html_blocks import Block, Heading, Missing
from groupnet_det.report.training_run import MissingError, Run

from .class_predictions import ClassificationView
from .object_predictions import DetectionView
from .pixel_predictions import SemanticView
from .prediction_view import View


def _panoptic(run: Run, dataset: str) -> list[View]:
    stuff = SemanticView(run, dataset, run.results_dir(dataset) / "stuff")
    return [DetectionView(run, dataset), stuff]


# Views by the data set's ``evaluator_type``.
VIEWS: dict[str, Callable[[Run, str], list[View]]] = {
    **dict.fromkeys(("coco", "pascal_voc"), lambda run, name: [DetectionView(run, name)]),
    **dict.fromkeys(("sem_seg", "cityscapes_sem_seg"), lambda run, name: [SemanticView(run, name)]),
    "classification": lambda run, name: [ClassificationView(run, name)],
    "coco_panoptic_seg": _panoptic,
}


class PredictionSections:
    """The sections on predictions, which share the views of all data sets."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def views(self) -> list[View]:
        """
        Raises:
            UserError: There is no data set, or one of an unknown type.
        """
        names = self.run.cfg.DATASETS.TEST
        if not names:
            raise MissingError(
                "DATASETS.TEST is empty, so nothing was evaluated", self.run.evaluate_command
            )
        views: list[View] = []
        for name in names:
            kind = MetadataCatalog.get(name).get("evaluator_type", "coco")
            views += lookup(VIEWS, kind, f"evaluator type of data set {name!r}")(self.run, name)
        return views

    def precision_recall(self, run: Run) -> list[Block]:
        """The blocks of all views."""
        return self._collect(lambda view: view.precision_recall())

    def confusion(self, run: Run) -> list[Block]:
        """The blocks of all views."""
        return self._collect(lambda view: view.confusion())

    def examples(self, run: Run) -> list[Block]:
        """The blocks of all views."""
        return self._collect(lambda view: view.examples())

    def _collect(self, make: Callable[[View], list[Block]]) -> list[Block]:
        """The blocks of all views, under titles if there are several. A view without its files
        becomes a `Missing` block."""
        blocks: list[Block] = []
        for view in self.views:
            if len(self.views) > 1:
                blocks.append(Heading(text=view.title))
            try:
                blocks += make(view)
            except UserError as error:
                command = getattr(error, "command", "")
                blocks.append(Missing(reason=str(error), command=command))
        return blocks
