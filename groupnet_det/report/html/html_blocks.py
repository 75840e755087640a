"""Blocks of a report's sections. Values only; the templates make HTML of them.

Texts are escaped by the templates; what is `Markup` was made by `charts` or `images`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

Cell = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class Block:
    """Base class.

    Attributes:
        kind: Name of the macro in ``templates/blocks.html`` that draws it.
    """

    kind: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class Note(Block):
    """A paragraph.

    Attributes:
        warning: Whether it must not be overlooked.
    """

    kind = "note"
    text: str
    warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Missing(Block):
    """Instead of what cannot be shown.

    Attributes:
        reason: One line.
        command: What makes it; empty where the reason says it.
    """

    kind = "missing"
    reason: str
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A figure to be seen at a glance."""

    label: str
    value: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Tiles(Block):
    """Figures beside each other."""

    kind = "tiles"
    tiles: Sequence[Tile]


@dataclass(frozen=True, kw_only=True)
class Table(Block):
    """
    Attributes:
        headers: Of the columns; numbers stand at the right of theirs.
        rows: Of cells; see `text_of`.
        caption: Above.
        decimals: Of floats.
        total: Whether the last row is the sum or mean of the others.
    """

    kind = "table"
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    decimals: int = 1
    total: bool = False

    def text_of(self, cell: Cell) -> str:
        """As it is shown; nan, of what has no ground truth, as a dash."""
        if cell is None or (isinstance(cell, float) and cell != cell):
            return "–"
        if isinstance(cell, float):
            return f"{cell:.{self.decimals}f}"
        return f"{cell:,}" if isinstance(cell, int) else cell


@dataclass(frozen=True, kw_only=True)
class Chart:
    """
    Attributes:
        svg: The drawing.
        legend: Names of its series, which have the colours 0, 1, ...
    """

    title: str
    svg: Markup
    legend: Sequence[str] = ()
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Charts(Block):
    """Charts in as many columns as the page is wide for."""

    kind = "charts"
    charts: Sequence[Chart]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """
    Attributes:
        share: Of the whole width, 0 to 1.
        text: The value.
    """

    label: str
    share: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Bars(Block):
    """
    Attributes:
        middle: Whether the middle of the width has a line.
    """

    kind = "bars"
    title: str
    bars: Sequence[Bar]
    caption: str = ""
    middle: bool = False


@dataclass(frozen=True, kw_only=True)
class MatrixCell:
    """
    Attributes:
        share: Of its row, 0 to 1: the strength of its colour.
        text: In it.
        hint: Shown where a mouse points at it.
    """

    share: float
    text: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Matrix(Block):
    """A matrix whose cells have their own colours."""

    kind = "matrix"
    title: str
    row_names: Sequence[str]
    column_names: Sequence[str]
    cells: Sequence[Sequence[MatrixCell]]
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A picture as a data URI, under its title."""

    title: str
    uri: str


@dataclass(frozen=True, kw_only=True)
class Example:
    """Pictures of one image of a data set, such as ground truth and prediction."""

    caption: str
    panels: Sequence[Panel]


@dataclass(frozen=True, kw_only=True)
class Legend:
    """A class and its colour, such as ``rgb(255, 0, 0)``."""

    label: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class Examples(Block):
    """Images, such as the best or the worst ones.

    Attributes:
        legend: Of the colours in the pictures.
        least_width: Of an example in pixels, where the page is as wide.
    """

    kind = "examples"
    title: str
    examples: Sequence[Example]
    legend: Sequence[Legend] = ()
    least_width: int = 460


@dataclass(frozen=True, kw_only=True)
class Heading(Block):
    """Of a part of a section."""

    kind = "heading"
    text: str


@dataclass(frozen=True, kw_only=True)
class Folded(Block):
    """A long text, to be opened."""

    kind = "folded"
    title: str
    text: str
