"""Box and mask heads as parts of a program: they run on the pooled features of regions."""

from typing import Any

import torch
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers
from torch import Tensor

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.float_to_sinks import stored
from groupnet_det.exporting.packed.builder.program_builder import ProgramBuilder
from groupnet_det.exporting.packed.layers.conv_layers import export_chain, units_of
from groupnet_det.exporting.packed.layers.exporter import Exporter
from groupnet_det.exporting.packed.layers.last_layers import Predictors, export_predictor
from groupnet_det.modeling.heads.box_head import GroupNetBoxHead
from groupnet_det.modeling.heads.mask_head import MASK_UPSAMPLING, GroupNetMaskHead
from groupnet_det.packed.program import Program
from groupnet_det.packed.steps.float_maps import DepthToSpace


def export_box_part(
    exporter: Exporter, predictors: Predictors, head: Any, predictor: Any
) -> Program:
    """A box head with its predictor: a region's features -> ``scores`` and ``deltas``.

    Raises:
        ConfigError: They are of another kind, or no program can compute them.
    """
    if not isinstance(head, GroupNetBoxHead):
        raise _unknown("MODEL.ROI_BOX_HEAD.NAME", head, GroupNetBoxHead)
    if type(predictor) is not FastRCNNOutputLayers:
        raise _unknown("MODEL.ROI_HEADS.NAME", predictor, FastRCNNOutputLayers)
    exporter, feature = _start(exporter, head)
    x = export_chain(exporter, list(head.tower), feature)
    modules = {"scores": predictor.cls_score, "deltas": predictor.bbox_pred}
    outputs = {
        name: export_predictor(exporter, predictors, module, x).as_float()
        for name, module in modules.items()
    }
    return exporter.builder.finish(outputs)[0]


def export_mask_part(exporter: Exporter, predictors: Predictors, head: Any) -> Program:
    """A mask head: a region's features -> ``masks``.

    Raises:
        ConfigError: It is of another kind, or no program can compute it.
    """
    if not isinstance(head, GroupNetMaskHead):
        raise _unknown("MODEL.ROI_MASK_HEAD.NAME", head, GroupNetMaskHead)
    exporter, feature = _start(exporter, head)
    layers = list(head.tower)
    units = units_of(layers[-1], exporter.name(layers[-1]))
    if any(unit.shortcut for unit in units):
        raise ConfigError(
            "MODEL.ROI_MASK_HEAD.CONV_DIM is a quarter of the channels in front of the upsampling, "
            "which then has a shortcut around it and cannot be exported; choose another"
        )
    order = pixels_first(units[0].conv.out_channels // units[0].num_bases)
    x = export_chain(exporter, layers, feature, last_order=order)
    builder = exporter.builder
    buffer = builder.float_step(DepthToSpace, "channels_to_pixels", x, factor=MASK_UPSAMPLING)
    pixels = stored(builder, "channels_to_pixels.passed", buffer)
    masks = export_predictor(exporter, predictors, head.predictor, pixels)
    return builder.finish({"masks": masks.as_float()})[0]


def pixels_first(channels: int) -> Tensor:
    """Indices of the channels (C, 2, 2) of the head's upsampling in the order (2, 2, C)."""
    return torch.arange(channels).view(-1, MASK_UPSAMPLING**2).T.flatten()


def _start(exporter: Exporter, head: Any) -> tuple[Exporter, FeatureMap]:
    first = units_of(head.tower[0], exporter.name(head.tower[0]))[0]
    builder = ProgramBuilder(first.conv.in_channels, exporter.builder.store)
    return exporter.on(builder), builder.input("regions")


def _unknown(key: str, module: Any, valid: type) -> ConfigError:
    return ConfigError(
        f"{key} gives a {type(module).__name__}, which cannot be exported; valid: {valid.__name__}"
    )
