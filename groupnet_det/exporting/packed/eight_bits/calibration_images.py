"""Images on which the scales of 8-bit layers are found: some of the training images."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog

from groupnet_det.data.loading.loaders import build_test_loader
from groupnet_det.errors import ConfigError

DEFAULT_IMAGES = 32


def calibration_images(
    cfg: CfgNode, number: int, flag: str = "int8"
) -> Iterator[list[dict[str, Any]]]:
    """Images of ``DATASETS.TRAIN[0]``, evenly spread over it, as evaluation gives them to the
    network; each is a batch.

    Args:
        cfg: Its data sets are registered.
        number: How many; all of a smaller data set.
        flag: The flag that asked for 8 bits, for messages.

    Raises:
        ConfigError: The data set is not registered, or `number` is below 1.
        DataError: An image cannot be read.
    """
    if number < 1:
        raise ConfigError(f"--calibration-images is {number}; valid: 1 and more")
    names = list(cfg.DATASETS.TRAIN)
    if not names or names[0] not in DatasetCatalog.list():
        raise ConfigError(
            f"{flag} needs sample images, and DATASETS.TRAIN is {names}; name a data set there"
        )
    plain = cfg.clone()
    plain.defrost()
    plain.DATALOADER.NUM_WORKERS = 0
    images: Any = build_test_loader(plain, names[0]).dataset
    step = max(1, len(images) // number)
    return ([images[index]] for index in islice(range(0, len(images), step), number))
