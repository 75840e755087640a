"""Images with their true and their predicted class, from saved results."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from groupnet_det.images.decoding import read_rgb

IMAGE_SIDE = 180  # pixels
TEXT_HEIGHT = 44
MARGIN = 8
COLOURS = {True: "darkgreen", False: "firebrick"}  # of a right and of a wrong prediction


def render_classes(
    rows: Sequence[Mapping[str, str]], output: Path, *, num_images: int = 6, columns: int = 6
) -> None:
    """Draw a sheet of evenly chosen images.

    Args:
        rows: With file, label, prediction and probability, as ``predictions.csv`` has them.
        output: PNG file.

    Raises:
        DataError: An image cannot be read.
    """
    chosen = np.linspace(0, len(rows) - 1, min(num_images, len(rows))).astype(int)
    tiles = [draw_class(rows[index]) for index in chosen]
    columns = min(columns, len(tiles))
    width, height = tiles[0].width + MARGIN, tiles[0].height + MARGIN
    num_lines = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width + MARGIN, num_lines * height + MARGIN), "white")
    for index, tile in enumerate(tiles):
        position = index % columns * width + MARGIN, index // columns * height + MARGIN
        sheet.paste(tile, position)
    sheet.save(output)


def draw_class(row: Mapping[str, str]) -> Image.Image:
    """One image over its true class and, in green or red, the predicted one.

    Raises:
        DataError: The image cannot be read.
    """
    upright = Image.fromarray(read_rgb(row["file"]))
    picture = ImageOps.pad(upright, (IMAGE_SIDE, IMAGE_SIDE), color="white")
    tile = Image.new("RGB", (IMAGE_SIDE, IMAGE_SIDE + TEXT_HEIGHT), "white")
    tile.paste(picture, (0, 0))
    draw = ImageDraw.Draw(tile)
    font = ImageFont.load_default(size=15)
    found = f"found: {row['prediction']}, {100 * float(row['probability']):.0f} %"
    draw.text((0, IMAGE_SIDE + 2), f"true: {row['label']}", fill="black", font=font)
    colour = COLOURS[row["label"] == row["prediction"]]
    draw.text((0, IMAGE_SIDE + 22), found, fill=colour, font=font)
    return tile
