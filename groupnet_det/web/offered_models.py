"""The packed models that the page offers."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groupnet_det.benchmark.suites.float_baseline import FloatBaseline
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.pretrained import FOLDER as SHIPPED
from groupnet_det.pretrained import list_pretrained, pretrained
from groupnet_det.runtime.predictor import PackedPredictor

from .int8_baseline import Int8Baseline

FOLDERS = ("zoo", "output")  # of the checkout: `make zoo`, and trainings
FILE = "model.gnp"
BOXES, MASKS = "boxes around objects", "masks of objects"
LABELS_QUESTION, CLASS = "a class for each pixel", "the class of the image"
# What one may ask for -> tasks of packed files that can do it.
QUESTIONS: dict[str, tuple[str, ...]] = {
    BOXES: ("detection", "instance_segmentation", "panoptic_segmentation"),
    MASKS: ("instance_segmentation", "panoptic_segmentation"),
    LABELS_QUESTION: ("semantic_segmentation", "panoptic_segmentation"),
    CLASS: ("classification",),
}
HOW_TO_GET_ONE = (
    "no packed model can be used; `make zoo` trains small ones, or name yours: --models FILE.gnp"
)


@dataclass(frozen=True, kw_only=True)
class WebModel:
    """A packed model on the page.

    Attributes:
        name: The name that is shown; it is unique.
        path: The file.
        predictor: Runs it.
    """

    name: str
    path: Path
    predictor: PackedPredictor

    def is_for(self, question: str) -> bool:
        """Whether it is for one of `QUESTIONS`."""
        return self.predictor.task in QUESTIONS[question]

    @property
    def title(self) -> str:
        """The name, and for a model that comes with the package what its card says it reaches."""
        if self.path.resolve().parent != SHIPPED or self.name not in list_pretrained():
            return self.name
        metric, value = pretrained(self.name).metric
        return f"{self.name} ({metric} {value:.1f})"

    @functools.cached_property
    def baseline(self) -> FloatBaseline:
        """Its full-precision baseline, made when it is first asked for.

        Raises:
            PackedFileError, ConfigError: See `FloatBaseline`.
        """
        return FloatBaseline(self.predictor.info)

    @functools.cached_property
    def int8(self) -> Int8Baseline:
        """The same with 8 bits.

        Raises:
            PackedFileError, ConfigError: See `FloatBaseline`.
        """
        return Int8Baseline(self.baseline)


def find_models(root: Path) -> list[Path]:
    """All files `FILE` below `FOLDERS`."""
    return [path for folder in FOLDERS for path in sorted((root / folder).rglob(FILE))]


def open_models(
    named: Sequence[Path], found: Iterable[Path], *, root: Path
) -> tuple[list[WebModel], list[str]]:
    """Open packed files.

    Args:
        named: Files that the user names, and no others; if there are none, `found` is opened.
        found: Files, of which some may be broken.
        root: The folder that shown paths are relative to.

    Returns:
        The models, and a line for each file in `found` that cannot be used.

    Raises:
        UserError: A file of `named` cannot be used, or there is none at all.
    """
    models, problems = [], []
    for path in {path.resolve(): path for path in named or found}.values():
        try:
            predictor = PackedPredictor(path, score_threshold=None)  # the page has its own
            models.append(WebModel(name=display_name(path, root), path=path, predictor=predictor))
        except UserError as error:
            if named:
                raise
            problems.append(str(error))
    if not models:
        raise ConfigError("; ".join([*problems, HOW_TO_GET_ONE]))
    return models, problems


def display_name(path: Path, root: Path) -> str:
    """A short name of a file: ``zoo/mask_rcnn``; that of a model which comes with the package."""
    whole = path.resolve()
    if whole.parent == SHIPPED:
        return whole.stem
    short = whole.relative_to(root) if whole.is_relative_to(root) else path
    return str(short.parent if short.name == FILE else short)


def questions(models: Iterable[WebModel]) -> list[str]:
    """The texts of `QUESTIONS` that a model is for."""
    models = list(models)
    return [question for question in QUESTIONS if any(m.is_for(question) for m in models)]


def by_name(models: Iterable[WebModel]) -> Mapping[str, WebModel]:
    """Models by the name that is shown."""
    return {model.name: model for model in models}
