"""Masks drawn over their images, with a legend."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from detectron2.data import DatasetCatalog, Metadata, MetadataCatalog
from detectron2.utils.visualizer import Visualizer
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from groupnet_det.errors import DataError
from groupnet_det.evaluation.semantic_evaluator import class_colours
from groupnet_det.images.decoding import read_rgb
from groupnet_det.images.label_images import Labels, read_labels, read_mask

from .prediction_sheets import make_sheet, titled_row

OPACITY = 0.6  # of colours over images
BORDER = 0.35  # brightness of the line around regions
PANEL_HEIGHT = 280  # pixels
LEGEND_LINE = 24
IGNORED_COLOUR = (255, 255, 255)


def draw_labels(
    pixels: NDArray[np.uint8], labels: Labels, colours: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Colour the pixels of an image by their labels, with dark lines between regions.

    Below a colour the image is grey, so that the hue shows the class alone. Where the colour is
    black, as of most data sets' background, the image stays as it is. Labels without a colour are
    those to be ignored, and white.

    Args:
        pixels: RGB (H, W, 3).
        labels: (H, W).
        colours: (C, 3).

    Returns:
        RGB (H, W, 3).
    """
    table = np.full((256, 3), IGNORED_COLOUR, dtype=np.float32)
    table[: len(colours)] = colours
    opacity = np.where(table.any(axis=1), OPACITY, 0.0)[labels][..., None]
    below = np.where(opacity > 0, pixels.mean(axis=2, keepdims=True), pixels)
    drawn = (1 - opacity) * below + opacity * table[labels]
    drawn[_borders(labels)] *= BORDER
    return drawn.astype(np.uint8)


def draw_segments(
    pixels: NDArray[np.uint8], labels: Labels, metadata: Metadata
) -> NDArray[np.uint8]:
    """Draw like `draw_labels`, with the names of the classes in their regions.

    Args:
        pixels: RGB (H, W, 3).
        labels: (H, W); those beyond the names are ignored, and not coloured.
        metadata: With ``stuff_classes`` and, for each, a colour in ``stuff_colors``.

    Returns:
        RGB (H, W, 3).
    """
    visualizer = Visualizer(pixels, metadata)
    names, colours = metadata.stuff_classes, metadata.stuff_colors
    found, areas = np.unique(labels, return_counts=True)
    for label in found[np.argsort(-areas)].tolist():  # small ones last, over the others
        if label < len(names) and any(colours[label]):
            visualizer.draw_binary_mask(
                (labels == label).astype(np.uint8),
                color=tuple(share / 255 for share in colours[label]),
                text=names[label],
                alpha=OPACITY,
            )
    return visualizer.output.get_image()


def _borders(labels: Labels) -> NDArray[np.bool_]:
    """Pixels whose right or lower neighbour has another label."""
    border = np.zeros(labels.shape, dtype=bool)
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    border[:-1] |= labels[:-1] != labels[1:]
    return border


def draw_legend(
    class_names: Sequence[str], colours: NDArray[np.uint8], *, width: int, ignored: bool
) -> Image.Image:
    """Class names beside their colours, in as many lines as it takes.

    Args:
        width: Pixels.
        ignored: Whether to name the colour of ignored pixels, too.
    """
    entries = [(name, tuple(map(int, c))) for name, c in zip(class_names, colours, strict=True)]
    if ignored:
        entries.append(("ignored", IGNORED_COLOUR))
    font = ImageFont.load_default(size=15)
    column = 44 + max(int(font.getlength(name)) for name, _ in entries)
    per_line = max(1, width // column)
    num_lines = -(-len(entries) // per_line)
    legend = Image.new("RGB", (width, num_lines * LEGEND_LINE + 8), "white")
    draw = ImageDraw.Draw(legend)
    for index, (name, colour) in enumerate(entries):
        left = index % per_line * column + 8
        top = index // per_line * LEGEND_LINE + 6
        fill = colour if any(colour) else None  # the image shows through
        draw.rectangle((left, top, left + 16, top + 14), fill=fill, outline="black")
        draw.text((left + 23, top - 2), name, fill="black", font=font)
    return legend


def render_label_maps(
    dataset_name: str,
    label_maps: Path,
    output: Path,
    *,
    num_images: int = 6,
    columns: int = 2,
) -> None:
    """Draw a sheet of evenly chosen images of a registered data set, each beside its mask and the
    predicted one, into the PNG `output`.

    Args:
        label_maps: Folder of predicted masks, as `SemanticEvaluator` writes them.

    Raises:
        DataError: A prediction, mask or image is missing or broken, or they differ in size.
    """
    if not label_maps.is_dir():
        raise DataError(f"folder {label_maps} does not exist; evaluation writes it")
    records = DatasetCatalog.get(dataset_name)
    names = MetadataCatalog.get(dataset_name).stuff_classes
    colours = class_colours(dataset_name)
    chosen = np.linspace(0, len(records) - 1, min(num_images, len(records))).astype(int)
    rows, used = [], set()
    for record in (records[index] for index in chosen):
        mask = Path(record["sem_seg_file_name"])
        pixels = read_rgb(record["file_name"])
        panels = [("image", pixels)]
        predicted = label_maps / mask.name
        for title, path, labels in (
            ("ground truth", mask, read_mask(record)),
            ("prediction", predicted, read_labels(predicted)),
        ):
            if labels.shape != pixels.shape[:2]:
                raise DataError(f"{path} is not of the size of image {record['file_name']}")
            used |= set(np.unique(labels).tolist())
            panels.append((title, draw_labels(pixels, labels, colours)))
        rows.append(titled_row([(title, _resized(panel)) for title, panel in panels]))
    sheet = make_sheet(rows, columns)
    shown = [label for label in range(len(names)) if label in used]
    legend = draw_legend(
        [names[label] for label in shown],
        colours[shown],
        width=sheet.width,
        ignored=max(used) >= len(names),
    )
    result = Image.new("RGB", (sheet.width, sheet.height + legend.height), "white")
    result.paste(sheet, (0, 0))
    result.paste(legend, (0, sheet.height))
    output.parent.mkdir(parents=True, exist_ok=True)
    result.save(output)


def _resized(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    width = max(1, round(pixels.shape[1] * PANEL_HEIGHT / pixels.shape[0]))
    return np.asarray(Image.fromarray(pixels).resize((width, PANEL_HEIGHT)))
