"""Values of a config that an exported file depends on; exporting reads no key below this."""

import hashlib
from dataclasses import dataclass
from typing import Any

from detectron2.config import CfgNode

from groupnet_det.config import own_node
from groupnet_det.config.network import network_keys


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """The values of a config that decide over a file made of its network, or stand in it.

    Attributes:
        image_format: Order of the channels, such as ``BGR``.
        detector_sides: Shortest and longest side that images of detectors are resized to, pixels.
        classifier_sides: Shortest side that images of classifiers are resized to, and the side of
            the square that is cut out, pixels.
        segmenter_side: Shortest side that images of segmenters are resized to, pixels; 0 for none.
        inference: ``TEST.SEMANTIC.INFERENCE``; segmenters alone use it.
        window, stride: Size and stride of the sliding window, (height, width) in pixels.
        mask_threshold: Probability from which a pixel is part of an object's mask.
        is_augmented: Whether evaluation sees an image several times.
        dataset: The first one of ``DATASETS.TEST``; "" for none.
        architecture: Plain JSON that names the network.
        network_keys: The keys that build it, as `config.network.network_keys` returns them.
        weights: ``MODEL.WEIGHTS``.
        config_sha256: Digest of all keys.
    """

    image_format: str
    detector_sides: tuple[int, int]
    classifier_sides: tuple[int, int]
    segmenter_side: int
    inference: str
    window: tuple[int, ...]
    stride: tuple[int, ...]
    mask_threshold: float
    is_augmented: bool
    dataset: str
    architecture: dict[str, Any]
    network_keys: dict[str, Any]
    weights: str
    config_sha256: str

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "ExportSettings":
        """Read the keys. Values that no file can have are refused where they are used."""
        classification = own_node(cfg, "INPUT.CLASSIFICATION")
        segmentation = own_node(cfg, "TEST.SEMANTIC")
        return cls(
            image_format=cfg.INPUT.FORMAT,
            detector_sides=(cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MAX_SIZE_TEST),
            classifier_sides=(classification.TEST_RESIZE, classification.TEST_CROP),
            segmenter_side=own_node(cfg, "INPUT.SEMANTIC").TEST_SHORT_SIDE,
            inference=segmentation.INFERENCE,
            window=tuple(segmentation.WINDOW),
            stride=tuple(segmentation.STRIDE),
            mask_threshold=own_node(cfg, "MODEL.GROUPNET.HEAD").MASK_THRESHOLD,
            is_augmented=cfg.TEST.AUG.ENABLED,
            dataset=cfg.DATASETS.TEST[0] if cfg.DATASETS.TEST else "",
            architecture=_architecture(cfg),
            network_keys=network_keys(cfg),
            weights=cfg.MODEL.WEIGHTS,
            config_sha256=hashlib.sha256(cfg.dump().encode()).hexdigest(),
        )


def _architecture(cfg: CfgNode) -> dict[str, Any]:
    options = cfg.MODEL.GROUPNET
    keys = [key for key, value in options.items() if not isinstance(value, CfgNode)]
    summary = {key.lower(): options[key] for key in keys}
    return {
        "meta_architecture": cfg.MODEL.META_ARCHITECTURE,
        "backbone": cfg.MODEL.BACKBONE.NAME,
        "backbone_method": options.PARTS.BACKBONE,
        "parts": {key.lower(): method for key, method in options.PARTS.items()},
        **summary,
    }
