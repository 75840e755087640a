"""The semantic head of Panoptic FPN as steps, and how its labels meet the objects."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.float_to_sinks import pass_on
from groupnet_det.exporting.packed.builder.program_builder import ProgramBuilder
from groupnet_det.exporting.packed.builder.step_builders import ConvBuilder
from groupnet_det.exporting.packed.layers.conv_layers import connect, export_layer
from groupnet_det.exporting.packed.layers.exporter import Exporter
from groupnet_det.exporting.packed.layers.last_layers import Predictors, export_predictor
from groupnet_det.modeling.heads.panoptic_head import GroupNetPanopticHead
from groupnet_det.packed.steps.float_maps import Interpolate

from .pyramid import UPSAMPLING


def export_panoptic_head(
    exporter: Exporter,
    predictors: Predictors,
    head: Any,
    levels: Mapping[str, FeatureMap],
    strides: Mapping[str, int],
) -> dict[str, int]:
    """Append the steps of the head and the upsampling to the canvas; the buffer of ``logits``.

    Args:
        exporter: Exporter of the program.
        predictors: How the last layer is computed.
        head: A `GroupNetPanopticHead`.
        levels: Levels of the pyramid, by name.
        strides: Theirs.

    Raises:
        ConfigError: It is another head, or no program can compute it.
    """
    if type(head) is not GroupNetPanopticHead:
        raise ConfigError(
            f"MODEL.SEM_SEG_HEAD.NAME gives a {type(head).__name__}, which cannot be exported; "
            "valid: GroupNetPanopticHead"
        )
    by_stride = {strides[name]: feature for name, feature in levels.items()}
    if head.common_stride not in by_stride:
        raise ConfigError(
            f"MODEL.SEM_SEG_HEAD.COMMON_STRIDE is {head.common_stride}, which cannot be exported; "
            f"choose the stride of a level: {', '.join(map(str, sorted(by_stride)))}"
        )
    builder = exporter.builder
    maps = [
        _export_chain(exporter, head.get_submodule(name), levels[name], strides[name], by_stride)
        for name in head.in_features
    ]
    total = _sum(builder, f"{exporter.name(head)}.sum", maps)
    logits = export_predictor(exporter, predictors, head.predictor, total)
    return {
        "logits": builder.float_step(Interpolate, "upsampling", logits, factor=head.common_stride)
    }


def _export_chain(
    exporter: Exporter,
    chain: Any,
    feature: FeatureMap,
    stride: int,
    by_stride: Mapping[int, FeatureMap],
) -> int:
    """The buffer of a level's map at the common stride.

    After the last convolution the branches meet before they are upsampled: both are linear, and so
    there is one map to upsample.
    """

    def upsampled(name: str, maps: Sequence[FeatureMap]) -> list[int]:
        like = by_stride[stride].as_float()
        return [
            exporter.builder.float_step(
                Interpolate, f"{name}.upsampling.{k}", x, factor=UPSAMPLING, like=like
            )
            for k, x in enumerate(maps)
        ]

    step: ConvBuilder | None = None
    inputs = [feature]
    for layer in chain.tower:
        if step is not None:
            stride //= UPSAMPLING
            buffers = upsampled(step.name, [branch.out for branch in step.branches])
            step = pass_on(exporter.builder, f"{step.name}.passed", buffers)
            inputs = connect(exporter, layer, step)
        step = export_layer(exporter, layer, inputs, name=exporter.name(layer))
    assert step is not None  # there is always a layer
    if chain.scale == 1:
        return step.joined().as_float()
    stride //= UPSAMPLING
    return upsampled(step.name, [step.joined()])[0]


def _sum(builder: ProgramBuilder, name: str, buffers: Sequence[int]) -> FeatureMap:
    """Add the maps from the first to the last."""
    step = pass_on(builder, name, buffers)
    step.scales = builder.tensor("ones", torch.ones(len(buffers)))
    return step.joined()


def describe_combination(model: Any) -> dict[str, Any]:
    """The rules by which Detectron2's ``PanopticFPN`` makes segments of objects and labels."""
    return {
        "overlap_threshold": float(model.combine_overlap_thresh),
        "stuff_area_limit": int(model.combine_stuff_area_thresh),
        "score_threshold": float(model.combine_instances_score_thresh),
    }
