"""The heads of semantic segmentation as steps: FCN-32s, -16s, -8s, DeepLabV3 and V3+.

Auxiliary heads, which only training has, are left out.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.float_to_sinks import stored
from groupnet_det.exporting.packed.builder.folding import Chain
from groupnet_det.exporting.packed.builder.step_builders import ConvBuilder
from groupnet_det.exporting.packed.layers.conv_bases import (
    Base,
    Reading,
    base_channels,
    side_by_side,
    unit_chain,
    whole,
)
from groupnet_det.exporting.packed.layers.conv_layers import export_chain
from groupnet_det.exporting.packed.layers.conv_terms import averaged_terms, base_terms
from groupnet_det.exporting.packed.layers.exporter import Exporter
from groupnet_det.exporting.packed.layers.float_convs import (
    export_float_conv,
    float_chain,
    float_terms,
)
from groupnet_det.exporting.packed.layers.last_layers import Predictors, export_predictor
from groupnet_det.layers.convs.averaged_conv import AveragedConv
from groupnet_det.layers.convs.base_merge import WideScales
from groupnet_det.layers.convs.conv_unit import ConvUnit
from groupnet_det.modeling.heads.segmentation.deeplab_head import (
    DeepLabHead,
    GroupNetDeepLabV3Head,
    GroupNetDeepLabV3PlusHead,
)
from groupnet_det.modeling.heads.segmentation.fcn_head import GroupNetFCNHead
from groupnet_det.packed.steps.float_maps import Mean, Resize

from .pyramid import Features


def export_segmentation_head(
    exporter: Exporter, predictors: Predictors, head: Any, features: Features
) -> dict[str, int]:
    """Append the steps of a head and the upsampling to the canvas; the buffer of ``logits``.

    Raises:
        ConfigError: It is another head, or no program can compute it.
    """
    if type(head) not in HEADS:
        raise ConfigError(
            f"MODEL.SEM_SEG_HEAD.NAME gives a {type(head).__name__}, which cannot be exported; "
            f"valid: {', '.join(kind.__name__ for kind in HEADS)}"
        )
    logits = HEADS[type(head)](exporter, predictors, head, features)
    return {"logits": exporter.builder.float_step(Resize, "upsampling", logits, factor=head.stride)}


def in_features(head: Any) -> list[str]:
    """The maps of the backbone that a head reads."""
    names = [*getattr(head, "in_features", ()), getattr(head, "in_feature", "")]
    return [name for name in [*names, getattr(head, "low_level_feature", "")] if name]


def _fcn(
    exporter: Exporter, predictors: Predictors, head: GroupNetFCNHead, features: Features
) -> FeatureMap:
    *skips, name = head.in_features
    norm, *units = [*head.units] or [None]
    x = export_chain(exporter, units, features[name](), input_norm=norm)
    logits = export_predictor(exporter, predictors, head.predictors[name], x)
    stride = head.strides[name]
    for name in reversed(skips):
        x = features[name]()
        factor = stride // head.strides[name]
        residual = logits.as_float()
        if factor > 1:
            like = x.as_float()
            residual = exporter.builder.float_step(
                Resize, f"{name}.upsampling", logits, factor=factor, like=like
            )
        logits = export_predictor(exporter, predictors, head.predictors[name], x, residual=residual)
        stride = head.strides[name]
    return logits


def _deeplab_v3(
    exporter: Exporter, predictors: Predictors, head: GroupNetDeepLabV3Head, features: Features
) -> FeatureMap:
    x = _float_unit(exporter, head.refine, whole(_pyramid(exporter, head, features))).joined()
    return export_predictor(exporter, predictors, head.predictor, x)


def _deeplab_v3_plus(
    exporter: Exporter,
    predictors: Predictors,
    head: GroupNetDeepLabV3PlusHead,
    features: Features,
) -> FeatureMap:
    early = features[head.low_level_feature]()
    low = export_chain(exporter, [head.reduce], early, input_norm=head.low_level_norm)
    context = _pyramid(exporter, head, features)
    factor = head.in_stride // head.stride
    if factor > 1:
        buffer = exporter.builder.float_step(
            Resize, "context", context, factor=factor, like=low.as_float()
        )
        context = stored(exporter.builder, "context.passed", buffer)
    first: Any = head.decoder[0]
    x = _unit_of_several(exporter, first, side_by_side([low, context])).joined()
    x = export_chain(exporter, list(head.decoder)[1:], x)
    return export_predictor(exporter, predictors, head.predictor, x)


HEADS: dict[type, Callable[..., FeatureMap]] = {
    GroupNetFCNHead: _fcn,
    GroupNetDeepLabV3Head: _deeplab_v3,
    GroupNetDeepLabV3PlusHead: _deeplab_v3_plus,
}


def _pyramid(exporter: Exporter, head: DeepLabHead, features: Features) -> FeatureMap:
    """The ASPP and its projection.

    What the projection makes of the image pooling is one pixel, which is added everywhere.
    """
    builder, x = exporter.builder, features[head.in_feature]()
    parts = [_averaged(exporter, part, x, head.input_norm) for part in head.aspp.branches]  # type: ignore[arg-type]
    mean = builder.float_step(Mean, f"{exporter.name(head.aspp.pooling)}.mean", x)
    pooled = stored(builder, f"{exporter.name(head.aspp.pooling)}.passed", mean)
    pooled = _averaged(exporter, head.aspp.pooling.unit, pooled, head.input_norm)
    *readings, last = side_by_side([*parts, pooled])
    conv, norm, act = (getattr(head.project, part, None) for part in ("conv", "norm", "act"))
    assert isinstance(conv, nn.Conv2d)
    name = exporter.name(conv)
    chain = float_chain(conv, norm, name)
    pixel = builder.conv(f"{name}.pooling", num_branches=1, channels=conv.out_channels)
    pixel.branches[0].terms = float_terms(exporter, conv, [last], chain, f"{name}.pooling")
    step = builder.conv(name, num_branches=1, channels=conv.out_channels)
    (branch,) = step.branches
    branch.terms = float_terms(exporter, conv, readings, chain.without_shift(), name)
    branch.residual, branch.residual_factor = pixel.joined().as_float(), 0
    if act is not None:
        final = Chain.identity(conv.out_channels).then_act(act)
        branch.final = builder.map(f"{name}.final", final.values())
    return step.joined()


def _averaged(
    exporter: Exporter, unit: AveragedConv, feature: FeatureMap, input_norm: nn.Module
) -> FeatureMap:
    name, channels = exporter.name(unit), unit.norm.num_features
    step = exporter.builder.conv(name, num_branches=1, channels=channels)
    (branch,) = step.branches
    branch.terms = averaged_terms(exporter, unit, feature, input_norm)
    final = Chain.identity(channels).then_act(unit.act)
    branch.final = exporter.builder.map(f"{name}.final", final.values())
    return branch.out


def _float_unit(exporter: Exporter, unit: nn.Sequential, readings: list[Reading]) -> ConvBuilder:
    conv, norm, act = (getattr(unit, part, None) for part in ("conv", "norm", "act"))
    assert isinstance(conv, nn.Conv2d)
    name = exporter.name(conv)
    return export_float_conv(exporter, conv, readings, norm=norm, act=act, name=name)


def _unit_of_several(exporter: Exporter, unit: ConvUnit, readings: list[Reading]) -> ConvBuilder:
    """A unit whose input is several maps: a branch for each base, as f(a + b) is not a sum."""
    name, builder = exporter.name(unit), exporter.builder
    chain = unit_chain(unit)
    channels = base_channels(unit)
    step = builder.conv(name, num_branches=unit.num_bases, channels=len(channels[0]))
    norm = unit.norm_before_sign(0)
    for k, (branch, part) in enumerate(zip(step.branches, channels, strict=True)):
        plain = Base(channels=part, chain=Chain.identity(len(part)))
        own = f"{name}.{k}"
        branch.terms = base_terms(exporter, unit.conv, own, readings, [plain], norm)
        branch.final = builder.map(own, chain.part(part).values())
    if isinstance(unit.merge, WideScales):
        scales = unit.merge.scales.detach().float()
        step.scales = builder.tensor(f"{name}.merge.scales", scales)
    return step
