"""The sections of a report in their order, and the page."""

import datetime
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from groupnet_det.engine.records.output_names import REPORT
from groupnet_det.errors import UserError
from groupnet_det.report.html.html_blocks import Block, Missing
from groupnet_det.report.html.local_paths import without_folders
from groupnet_det.report.sections import (
    deployment_section,
    network_section,
    overview_section,
    session_section,
    training_section,
)
from groupnet_det.report.sections.prediction_sections import PredictionSections
from groupnet_det.version import __version__

from .baseline import open_baseline
from .training_run import Run

MakeSection = Callable[[Run], list[Block]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the page.

    Attributes:
        anchor: Anchor for links.
        blocks: Its content.
    """

    title: str
    anchor: str
    blocks: list[Block]


def _sections_of(run: Run) -> Iterable[tuple[str, MakeSection]]:
    """Titles of the sections, and the functions that make them."""
    sections = PredictionSections(run)
    return (
        ("At a glance", overview_section.overview),
        ("Scores", training_section.scores),
        ("Training", session_section.sessions),
        ("Curves", training_section.curves),
        ("Best and worst", sections.examples),
        ("Precision and recall", sections.precision_recall),
        ("Confusion", sections.confusion),
        ("Size and latency", deployment_section.deployment),
        ("Precision map", network_section.precision_map),
        ("Bit flips", training_section.bit_flips),
        ("Gates", network_section.gates),
        ("Configuration", training_section.configuration),
    )


def write_report(folder: Path, *, baseline: Path | None = None) -> Path:
    """Write `REPORT` from the files in a training's folder.

    A section whose files are missing shows the reason and the command that makes them. Paths are
    shown without the folders of this machine.

    Args:
        folder: ``OUTPUT_DIR`` of the training.
        baseline: That of the same network in full precision, whose scores stand beside.

    Raises:
        DataError: The folder does not exist.
        UserError: The baseline cannot be compared; see `open_baseline`.
    """
    run = Run(folder)
    run.baseline = None if baseline is None else open_baseline(baseline, run)
    sections = [
        Section(title=title, anchor=title.lower().replace(" ", "-"), blocks=_blocks(make, run))
        for title, make in _sections_of(run)
    ]
    page = (
        _environment(run.folder)
        .get_template("page.html")
        .render(
            title=_title(run),
            folder=folder.resolve().name,
            sections=sections,
            version=__version__,
            date=datetime.date.today().isoformat(),
        )
    )
    path = folder / REPORT
    path.write_text(page, encoding="utf-8")
    return path


def _blocks(make: MakeSection, run: Run) -> list[Block]:
    try:
        return make(run)
    except UserError as error:
        return [Missing(reason=str(error), command=getattr(error, "command", ""))]


def _title(run: Run) -> str:
    try:
        return f"{run.cfg.MODEL.META_ARCHITECTURE} on {', '.join(run.cfg.DATASETS.TRAIN)}"
    except UserError:
        return run.folder.resolve().name


def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=PackageLoader("groupnet_det.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    environment.filters["local"] = partial(without_folders, folder=folder)
    return environment


def breakable(text: str) -> Markup:
    """Allow line breaks after the dots and underscores of long names."""
    return Markup("<wbr>").join(re.split(r"(?<=[._])(?=\D)", text))
