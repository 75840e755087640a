"""Refusal of a training whose network has no binary layer although its config asks for some."""

from collections.abc import Sequence

import torch
from detectron2.config import CfgNode
from detectron2.modeling import BACKBONE_REGISTRY, build_model
from torch import nn

import groupnet_det.modeling.register  # noqa: F401 (makes our parts known to Detectron2)
from groupnet_det.analysis.precision_map import layer_precisions
from groupnet_det.config import part_method
from groupnet_det.errors import ConfigError
from groupnet_det.layers import QuantizedConv2d

FLOAT_BITS = 32
OURS = "groupnet_det."  # where the parts that obey METHOD are defined
# Keys of the documented first stage: same modules as the binary network, float weights.
FIRST_STAGE = {"ACTIVATION": "tanh", "WEIGHT": "float"}


def build_without_weights(cfg: CfgNode) -> nn.Module:
    """The network of a config with no memory for its weights, in some 0.1 s; it cannot be run.

    Neither random numbers are drawn nor is a device touched.

    Raises:
        ConfigError: The config does not fit together.
    """
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.DEVICE = "meta"
    with torch.device("meta"):
        return build_model(cfg)


def check_binary_share(cfg: CfgNode, model: nn.Module) -> None:
    """See that some layer is quantized where ``MODEL.GROUPNET.METHOD`` is not ``float``.

    The first of the two training stages, ``ACTIVATION tanh`` with ``WEIGHT float``, is accepted.

    Raises:
        ConfigError: None is; the message says why, and the key to set.
    """
    options = cfg.MODEL.GROUPNET
    if options.METHOD == "float" or _has_quantized_layer(model):
        return
    ours = any(isinstance(module, QuantizedConv2d) for module in model.modules())
    floats = [part for part in options.PARTS if part_method(cfg, part) == "float"]
    first_stage = all(options[key] == value for key, value in FIRST_STAGE.items())
    if ours and first_stage and len(floats) < len(options.PARTS):
        return
    raise ConfigError(
        f"no layer of this network is binary, although MODEL.GROUPNET.METHOD is "
        f"{options.METHOD!r}: {_cause(cfg, floats)}; for a full-precision network set "
        "MODEL.GROUPNET.METHOD float"
    )


def _has_quantized_layer(model: nn.Module) -> bool:
    return any(
        min(layer.weight_bits, layer.activation_bits) < FLOAT_BITS
        for layer in layer_precisions(model)
    )


def _cause(cfg: CfgNode, floats: Sequence[str]) -> str:
    """The fault and the key to set; `floats` are the parts that are to be float."""
    options, backbone = cfg.MODEL.GROUPNET, cfg.MODEL.BACKBONE.NAME
    if not _is_ours(backbone):
        return (
            f"MODEL.BACKBONE.NAME is {backbone!r} and MODEL.META_ARCHITECTURE "
            f"{cfg.MODEL.META_ARCHITECTURE!r}, which METHOD does not change; name one of "
            "configs/Base in _BASE_, or set MODEL.BACKBONE.NAME "
            "build_groupnet_resnet_backbone or build_groupnet_resnet_fpn_backbone"
        )
    if floats:
        return f"MODEL.GROUPNET.PARTS.{', '.join(floats)} is float; set it to method"
    return (
        f"MODEL.GROUPNET.ACTIVATION is {options.ACTIVATION!r} and WEIGHT {options.WEIGHT!r}; "
        "set both to sign"
    )


def _is_ours(backbone: str) -> bool:
    known = backbone in BACKBONE_REGISTRY
    return known and BACKBONE_REGISTRY.get(backbone).__module__.startswith(OURS)
