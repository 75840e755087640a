"""Mapper from a classification record to the network's input."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from detectron2.config import CfgNode, configurable
from numpy.typing import NDArray
from PIL import Image
from torchvision import transforms

from groupnet_det.config import own_node
from groupnet_det.errors import ConfigError, lookup
from groupnet_det.images.decoding import (
    CHANNEL_ORDERS,
    TEST_OVERSAMPLING,
    center_crop_transform,
    read_rgb,
    to_channels,
)

FLIPS: dict[str, list[Callable]] = {
    "none": [],
    "horizontal": [transforms.RandomHorizontalFlip()],
    "vertical": [transforms.RandomVerticalFlip()],
}
LEAST_ASPECT = 3 / 4  # of the crops of RandomResizedCrop; the largest one is its inverse


@functools.cache
def read_rgb_cached(file_name: str, least_side: int) -> NDArray[np.uint8]:
    """Call `read_rgb` with a cache; one per process, so that it outlives a loader."""
    return read_rgb(file_name, least_side)


class ClassificationMapper:
    """Read, augment and crop: ``{"image": uint8 (3, size, size), "label", "file_name"}``.

    As in the paper (Section 5.1): training uses a random crop of random size and aspect, resized,
    and a random flip; testing uses the centre of the resized image.
    """

    @configurable
    def __init__(
        self,
        *,
        transform: Callable[[Image.Image], Image.Image],
        image_format: str,
        least_side: int,
        cache_images: bool = False,
    ) -> None:
        """
        Args:
            transform: Function from an RGB image to one of the network's size.
            image_format: Order of the channels, ``RGB`` or ``BGR``.
            least_side: See `read_rgb`.
            cache_images: Keep decoded images in memory; the files must not change then.

        Raises:
            ConfigError: Unknown `image_format`.
        """
        self.transform = transform
        self.channels = lookup(CHANNEL_ORDERS, image_format, "INPUT.FORMAT")
        self.least_side = least_side
        self.read = read_rgb_cached if cache_images else read_rgb

    @classmethod
    def from_config(cls, cfg: CfgNode, is_train: bool) -> dict[str, Any]:
        options = own_node(cfg, "INPUT.CLASSIFICATION")
        if is_train:
            transform = _random_crop_transform(
                crop=options.TRAIN_CROP,
                scale=options.CROP_SCALE,
                flip=cfg.INPUT.RANDOM_FLIP,
                color_jitter=options.COLOR_JITTER,
            )
            least_cut = math.sqrt(options.CROP_SCALE[0] * LEAST_ASPECT)  # share of a side
            least_side = math.ceil(options.TRAIN_CROP / least_cut)
        else:
            transform = center_crop_transform(resize=options.TEST_RESIZE, crop=options.TEST_CROP)
            least_side = TEST_OVERSAMPLING * options.TEST_RESIZE
        return {
            "transform": transform,
            "image_format": cfg.INPUT.FORMAT,
            "least_side": least_side,
            "cache_images": cfg.DATALOADER.CACHE_IMAGES,
        }

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """
        Raises:
            DataError: The image cannot be read.
        """
        pixels = self.read(record["file_name"], self.least_side)
        image = to_channels(self.transform(Image.fromarray(pixels)), self.channels)
        return {**record, "image": image}


def _random_crop_transform(
    *, crop: int, scale: list[float], flip: str, color_jitter: float
) -> transforms.Compose:
    """RandomResizedCrop of `crop` pixels, flip, and colour jitter if it is positive.

    Raises:
        ConfigError: A value is out of range, or `flip` is unknown.
    """
    where = "INPUT.CLASSIFICATION"
    if crop < 1:
        raise ConfigError(f"{where}.TRAIN_CROP is {crop}; it must be positive")
    if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
        raise ConfigError(f"{where}.CROP_SCALE is {scale}; valid: two rising fractions in (0, 1]")
    if not 0 <= color_jitter <= 1:
        raise ConfigError(f"{where}.COLOR_JITTER is {color_jitter}; valid: 0 to 1")
    steps = [
        transforms.RandomResizedCrop(crop, scale=scale, ratio=(LEAST_ASPECT, 1 / LEAST_ASPECT)),
        *lookup(FLIPS, flip, "INPUT.RANDOM_FLIP"),
    ]
    if color_jitter:
        steps.append(transforms.ColorJitter(*[color_jitter] * 3))
    return transforms.Compose(steps)
