"""Blocks of a report's sections as plain values, which the templates render as HTML.

The templates escape texts; `Markup` comes from `svg_charts` or `embedded_images`.
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
        kind: Name of the macro in ``templates/blocks.html`` that renders the block.
    """

    kind: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class Note(Block):
    """A paragraph.

    Attributes:
        warning: Whether to highlight it as a warning.
    """

    kind = "note"
    text: str
    warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Missing(Block):
    """A placeholder for missing content.

    Attributes:
        reason: One line.
        command: Command that makes the content; empty if the reason states it.
    """

    kind = "missing"
    reason: str
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A key figure."""

    label: str
    value: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Tiles(Block):
    """Key figures side by side."""

    kind = "tiles"
    tiles: Sequence[Tile]


@dataclass(frozen=True, kw_only=True)
class Table(Block):
    """A table.

    Attributes:
        headers: Headers of the columns; numbers are aligned to the right.
        rows: Rows of cells; see `text_of`.
        caption: Text above the table.
        decimals: Number of decimals of floats.
        total: Whether the last row is the sum or mean of the others.
    """

    kind = "table"
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    decimals: int = 1
    total: bool = False

    def text_of(self, cell: Cell) -> str:
        """The text of a cell; a dash for nan, which means no ground truth."""
        if cell is None or (isinstance(cell, float) and cell != cell):
            return "–"
        if isinstance(cell, float):
            return f"{cell:.{self.decimals}f}"
        return f"{cell:,}" if isinstance(cell, int) else cell


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart.

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
    """Charts in as many columns as fit the page."""

    kind = "charts"
    charts: Sequence[Chart]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar.

    Attributes:
        share: Share of the full width, 0 to 1.
        text: The value.
    """

    label: str
    share: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Bars(Block):
    """A bar chart.

    Attributes:
        middle: Whether to draw a line at the middle of the width.
    """

    kind = "bars"
    title: str
    bars: Sequence[Bar]
    caption: str = ""
    middle: bool = False


@dataclass(frozen=True, kw_only=True)
class MatrixCell:
    """A cell of a matrix.

    Attributes:
        share: Share of its row, 0 to 1, which sets the strength of its colour.
        text: Text in the cell.
        hint: Text shown when the mouse points at it.
    """

    share: float
    text: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Matrix(Block):
    """A matrix with coloured cells."""

    kind = "matrix"
    title: str
    row_names: Sequence[str]
    column_names: Sequence[str]
    cells: Sequence[Sequence[MatrixCell]]
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """An image as a data URI, with a title."""

    title: str
    uri: str


@dataclass(frozen=True, kw_only=True)
class Example:
    """Panels of one image of a data set, such as ground truth and prediction."""

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
        legend: Legend of the colours in the panels.
        least_width: Minimum width of an example in pixels, if the page is as wide.
    """

    kind = "examples"
    title: str
    examples: Sequence[Example]
    legend: Sequence[Legend] = ()
    least_width: int = 460


@dataclass(frozen=True, kw_only=True)
class Heading(Block):
    """Heading of a part of a section."""

    kind = "heading"
    text: str


@dataclass(frozen=True, kw_only=True)
class Folded(Block):
    """A long text that is folded at first."""

    kind = "folded"
    title: str
    text: str
