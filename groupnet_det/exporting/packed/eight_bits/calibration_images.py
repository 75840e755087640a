"""Images on which the scales of 8-bit layers are found: the first ones of a data set."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog

from groupnet_det.data.loading.loaders import build_test_loader
from groupnet_det.errors import ConfigError

DEFAULT_IMAGES = 32


def sample_batches(cfg: CfgNode, number: int) -> Iterator[list[dict[str, Any]]]:
    """The first images of ``DATASETS.TEST[0]``, as evaluation gives them to the network.

    Raises:
        ConfigError: It is not registered, or `number` is below 1.
        DataError: An image cannot be read.
    """
    if number < 1:
        raise ConfigError(f"--calibration-images is {number}; valid: 1 and more")
    names = list(cfg.DATASETS.TEST)
    if not names or names[0] not in DatasetCatalog.list():
        raise ConfigError(
            f"--predictors int8 needs sample images, and DATASETS.TEST is {names}; name a data set "
            "there"
        )
    plain = cfg.clone()
    plain.defrost()
    plain.DATALOADER.NUM_WORKERS = 0
    return islice(iter(build_test_loader(plain, names[0])), number)
