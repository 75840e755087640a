"""Mapper from a record with a mask to a segmentation network's input."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode, configurable
from detectron2.data import transforms as T
from numpy.typing import NDArray

from groupnet_det.config import own_node
from groupnet_det.data.checks.label_masks import check_sizes
from groupnet_det.errors import ConfigError, lookup
from groupnet_det.images.decoding import CHANNEL_ORDERS, read_rgb
from groupnet_det.images.label_images import check_range, read_mask

PAD_COLOUR = 128.0

FLIPS: dict[str, list[T.Augmentation]] = {
    "none": [],
    "horizontal": [T.RandomFlip(horizontal=True, vertical=False)],
    "vertical": [T.RandomFlip(horizontal=False, vertical=True)],
}


class RandomScale(T.Augmentation):
    """Resize by a uniform random factor; Detectron2's `ResizeScale` needs a fixed target."""

    def __init__(self, low: float, high: float, *, base_size: int) -> None:
        """
        Args:
            low, high: Smallest and largest factor.
            base_size: Length of the long side in pixels for a factor of 1; 0 for the image's own.
        """
        super().__init__()
        self.low, self.high, self.base_size = low, high, base_size

    def get_transform(self, image: NDArray) -> T.Transform:
        height, width = image.shape[:2]
        factor = np.random.uniform(self.low, self.high)
        if self.base_size:
            factor *= self.base_size / max(height, width)
        new_height, new_width = (max(1, round(factor * side)) for side in (height, width))
        return T.ResizeTransform(height, width, new_height, new_width)


class SemanticMapper:
    """Read and augment: ``{"image": uint8 (3, H, W), "height", "width", "file_name", ...}``, and
    in training ``"sem_seg": int64 (H, W)``.

    ``height`` and ``width`` are those of the file, the size of predictions. Unlike Detectron2's
    mapper, it reads the labels of palette masks, and checks them.
    """

    @configurable
    def __init__(
        self,
        *,
        is_train: bool,
        augmentations: Sequence[T.Augmentation],
        image_format: str,
        num_classes: int,
        ignore_label: int,
    ) -> None:
        """
        Args:
            is_train: Whether to read masks.
            augmentations: Augmentations of image and mask.
            image_format: Order of the channels, ``RGB`` or ``BGR``.
            num_classes, ignore_label: Valid labels of masks.

        Raises:
            ConfigError: Unknown `image_format`.
        """
        self.is_train = is_train
        self.augmentations = T.AugmentationList(list(augmentations))
        self.channels = lookup(CHANNEL_ORDERS, image_format, "INPUT.FORMAT")
        self.num_classes = num_classes
        self.ignore_label = ignore_label

    @classmethod
    def from_config(cls, cfg: CfgNode, is_train: bool) -> dict[str, Any]:
        options = own_node(cfg, "INPUT.SEMANTIC")
        ignore_label = cfg.MODEL.SEM_SEG_HEAD.IGNORE_VALUE
        if is_train:
            augmentations = _training_augmentations(
                scale_range=options.SCALE_RANGE,
                base_size=options.BASE_SIZE,
                crop=options.CROP,
                flip=cfg.INPUT.RANDOM_FLIP,
                ignore_label=ignore_label,
            )
        else:
            augmentations = inference_augmentations(short_side=options.TEST_SHORT_SIDE)
        return {
            "is_train": is_train,
            "augmentations": augmentations,
            "image_format": cfg.INPUT.FORMAT,
            "num_classes": cfg.MODEL.SEM_SEG_HEAD.NUM_CLASSES,
            "ignore_label": ignore_label,
        }

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """
        Raises:
            DataError: The image or its mask cannot be read, they differ in size, or the mask
                contains labels that are not classes.
        """
        pixels = read_rgb(record["file_name"])[:, :, self.channels]
        height, width = pixels.shape[:2]
        labels = self._labels(record, (width, height)) if self.is_train else None
        sample = T.AugInput(np.ascontiguousarray(pixels), sem_seg=labels)
        self.augmentations(sample)
        image = torch.from_numpy(np.ascontiguousarray(sample.image.transpose(2, 0, 1)))
        result = {**record, "image": image, "height": height, "width": width}
        if sample.sem_seg is not None:
            result["sem_seg"] = torch.from_numpy(sample.sem_seg.astype(np.int64))
        return result

    def _labels(self, record: dict[str, Any], size: tuple[int, int]) -> NDArray[np.uint8]:
        path = record["sem_seg_file_name"]
        labels = read_mask(record)
        check_sizes(record["file_name"], size, path, (labels.shape[1], labels.shape[0]))
        check_range(labels, path, num_classes=self.num_classes, ignore_label=self.ignore_label)
        return labels


def _training_augmentations(
    *,
    scale_range: Sequence[float],
    base_size: int,
    crop: int,
    flip: str,
    ignore_label: int,
) -> list[T.Augmentation]:
    """Random scale, a random square crop (padded if the image is smaller), and a flip.

    Raises:
        ConfigError: A value is out of range, or `flip` is unknown.
    """
    where = "INPUT.SEMANTIC"
    if len(scale_range) != 2 or not 0 < scale_range[0] <= scale_range[1]:
        raise ConfigError(f"{where}.SCALE_RANGE is {scale_range}; valid: two rising factors > 0")
    for key, side in (("BASE_SIZE", base_size), ("CROP", crop)):
        if side < 0:
            raise ConfigError(f"{where}.{key} is {side}; valid: pixels, or 0 for none")
    steps: list[T.Augmentation] = [RandomScale(*scale_range, base_size=base_size)]
    if crop:
        # The first one crops at random along both axes without padding; the second one only pads.
        steps += [
            T.RandomCrop("absolute", (crop, crop)),
            T.FixedSizeCrop((crop, crop), pad_value=PAD_COLOUR, seg_pad_value=ignore_label),
        ]
    return steps + lookup(FLIPS, flip, "INPUT.RANDOM_FLIP")


def inference_augmentations(*, short_side: int) -> list[T.Augmentation]:
    """Resize of the short side, or no augmentation for 0.

    Raises:
        ConfigError: The size is negative.
    """
    if short_side < 0:
        raise ConfigError(f"INPUT.SEMANTIC.TEST_SHORT_SIDE is {short_side}; valid: pixels, or 0")
    return [T.ResizeShortestEdge(short_side)] if short_side else []
