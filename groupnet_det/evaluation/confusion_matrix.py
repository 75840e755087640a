"""Plot of a confusion matrix."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_NUMBERED_CLASSES = 20  # with more, cells are too small for counts
MAX_NAMED_CLASSES = 60


def plot_confusion_matrix(
    counts: NDArray[np.int64], class_names: Sequence[str], output: Path, *, unit: str = "images"
) -> None:
    """Plot a confusion matrix into a PNG, coloured by the share of each row (true class).

    Args:
        counts: (C, C), images of class i predicted as class j.
        class_names: C names; names and counts are shown up to `MAX_NUMBERED_CLASSES`.
        output: PNG file.
        unit: Unit of the counts. Units other than images are numerous, so cells show shares.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    number = len(class_names)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(2.5 + 0.45 * number, 5, 11))
    figure, axes = plt.subplots(figsize=(side + 1, side), layout="constrained")
    # The square root makes a few errors among many images visible.
    picture = axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    ticks = np.array([0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0])
    bar = figure.colorbar(picture, ax=axes, ticks=np.sqrt(ticks), shrink=0.8)
    bar.ax.set_yticklabels([f"{100 * share:.0f} %" for share in ticks])
    bar.set_label("share of the true class")
    accuracy = 100 * np.trace(counts) / max(int(counts.sum()), 1)
    axes.set(
        xlabel="predicted class",
        ylabel="true class",
        title=f"{int(counts.sum())} {unit}, {accuracy:.1f} % correct",
    )
    if number <= MAX_NAMED_CLASSES:
        long_names = max(map(len, class_names)) > 3
        size = 10 if number <= MAX_NUMBERED_CLASSES else 7
        axes.set_xticks(range(number), class_names, rotation=90 if long_names else 0, fontsize=size)
        axes.set_yticks(range(number), class_names, fontsize=size)
    if number <= MAX_NUMBERED_CLASSES:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.3 else "black"
                text = str(count) if unit == "images" else f"{100 * shares[row, column]:.1f}"
                axes.text(column, row, text, ha="center", va="center", color=colour)
    figure.savefig(output, dpi=110, bbox_inches="tight")
    plt.close(figure)
