"""The keys that say which network a config builds, as plain JSON for a packed file."""

from collections.abc import Iterator, Mapping
from typing import Any

from detectron2.config import CfgNode

from groupnet_det.errors import ConfigError, shortened

from .load import load_config

KEPT = ("MODEL.", "TEST.SEMANTIC.", "TEST.DETECTIONS_PER_IMAGE")
# Keys of the training, or of one machine, whose paths mean nothing elsewhere.
LEFT_OUT = ("MODEL.WEIGHTS", "MODEL.DEVICE", "MODEL.INIT.", "MODEL.DISTILLATION.")


def network_keys(cfg: CfgNode) -> dict[str, Any]:
    """Keys whose values differ from the defaults, such as ``{"MODEL.MASK_ON": True}``."""
    default = dict(leaves(load_config("")))
    return {
        key: value
        for key, value in leaves(cfg)
        if key.startswith(KEPT) and not key.startswith(LEFT_OUT) and value != default.get(key)
    }


def config_of_keys(keys: Mapping[str, Any]) -> CfgNode:
    """A config of the same network, on the CPU.

    Args:
        keys: A result of `network_keys`, also after a round trip through JSON.

    Raises:
        ConfigError: A key is unknown or none of a network, or has a value of another type.
    """
    for key in keys:
        if not key.startswith(KEPT) or key.startswith(LEFT_OUT):
            raise ConfigError(f"info.network_keys has {shortened(key)}, which says no network")
    options: list[Any] = [word for item in keys.items() for word in item]
    return load_config("", [*options, "MODEL.DEVICE", "cpu"])


def with_bases(cfg: CfgNode, number: int) -> CfgNode:
    """The config of a slimmable network with so many of its bases."""
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.GROUPNET.NUM_BASES = number
    return cfg


def float_baseline_of(cfg: CfgNode, *, device: str = "cpu") -> CfgNode:
    """The config of the same network in full precision: float layers in all parts, one base, and
    the dilations that belong to the output stride."""
    options = cfg.MODEL.GROUPNET
    parts = [item for part in options.PARTS for item in (f"MODEL.GROUPNET.PARTS.{part}", "method")]
    # Dilations, of which there may be one for each base, change no size.
    plain = ["MODEL.GROUPNET.BPAC.ENABLED", False, "MODEL.GROUPNET.DILATIONS", []]
    plain += ["MODEL.GROUPNET.SLIMMABLE_BASES", []]
    baseline = cfg.clone()
    baseline.defrost()
    baseline.merge_from_list(
        ["MODEL.DEVICE", device, "MODEL.GROUPNET.METHOD", "float", *parts, *plain]
    )
    return baseline


def leaves(node: CfgNode, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All keys with their values, such as ``("MODEL.MASK_ON", False)``."""
    for name, value in node.items():
        key = f"{prefix}{name}"
        if isinstance(value, CfgNode):
            yield from leaves(value, f"{key}.")
        else:
            yield key, value
