"""Confusion matrices, as tables or, for many classes, as an image."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .embedded_images import shares_uri
from .html_blocks import Block, Cell, Example, Examples, Matrix, MatrixCell, Panel, Table

MAX_CLASSES = 32  # in a table
MOST_CONFUSED = 15
COLOUR = (37, 99, 235)


def matrix_blocks(
    counts: NDArray[np.int64],
    row_names: Sequence[str],
    column_names: Sequence[str],
    *,
    title: str,
    unit: str,
    caption: str,
) -> list[Block]:
    """Make the blocks of a confusion matrix and of the most frequent confusions.

    Args:
        counts: (R, C); number of row i predicted as column j.
        row_names, column_names: True and predicted classes; a class has the same index in both.
        unit: Unit of the counts, such as ``images``.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # The square root makes a few errors among many visible.
    strengths = np.sqrt(shares)
    caption = f"{caption} Rows: true class; columns: predicted class; in per cent of the row."
    if len(row_names) > MAX_CLASSES:
        picture = Panel(title=caption, uri=shares_uri(strengths, COLOUR))
        examples = [Example(caption="", panels=[picture])]
        matrix: Block = Examples(title=title, examples=examples, least_width=900)
    else:
        matrix = Matrix(
            title=title,
            row_names=row_names,
            column_names=column_names,
            cells=[
                [
                    _cell(strengths[i, j], shares[i, j], counts[i, j], row, column, unit)
                    for j, column in enumerate(column_names)
                ]
                for i, row in enumerate(row_names)
            ],
            caption=caption,
        )
    return [matrix, *_most_confused(counts, shares, row_names, column_names, unit)]


def _cell(
    strength: float, share: float, count: int, row: str, column: str, unit: str
) -> MatrixCell:
    text = f"{100 * share:.0f}" if share >= 0.005 else ("·" if count else "")
    hint = f"true {row}, predicted {column}: {count:,} {unit}, {100 * share:.1f} %"
    return MatrixCell(share=round(float(strength), 3), text=text, hint=hint)


def _most_confused(
    counts: NDArray[np.int64],
    shares: NDArray[np.float64],
    row_names: Sequence[str],
    column_names: Sequence[str],
    unit: str,
) -> list[Block]:
    number = sum(row == column for row, column in zip(row_names, column_names, strict=True))
    wrong = counts[:number, :number].copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None)[:MOST_CONFUSED]
    places = [divmod(int(index), number) for index in order if wrong.flat[index]]
    rows: list[list[Cell]] = [
        [row_names[i], column_names[j], int(counts[i, j]), 100 * float(shares[i, j])]
        for i, j in places
    ]
    if not rows:
        return []
    headers = ["true", "predicted", unit, "% of the row"]
    return [Table(headers=headers, rows=rows, caption="Most frequent confusions")]
