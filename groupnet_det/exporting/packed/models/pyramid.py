"""Feature pyramids as steps: ours with binary convolutions, and Detectron2's in full precision."""

from collections.abc import Callable, Mapping
from typing import Any

from detectron2.modeling import FPN
from detectron2.modeling.backbone.fpn import LastLevelMaxPool, LastLevelP6P7
from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.float_to_sinks import pass_on, stored
from groupnet_det.exporting.packed.builder.folding import Chain
from groupnet_det.exporting.packed.builder.step_builders import ConvBuilder
from groupnet_det.exporting.packed.layers.conv_bases import whole
from groupnet_det.exporting.packed.layers.conv_layers import connect, export_layer, is_gated
from groupnet_det.exporting.packed.layers.exporter import Exporter
from groupnet_det.exporting.packed.layers.float_convs import export_float_conv
from groupnet_det.modeling.backbones.detectron2_backbones import builder_names
from groupnet_det.modeling.necks.binary_fpn import BinaryFPN
from groupnet_det.modeling.necks.top_blocks import BinaryP6P7
from groupnet_det.packed.steps.float_maps import MaxPool
from groupnet_det.packed.steps.parts import Map, Pool

UPSAMPLING = 2  # from a level to the next finer one

# The backbone's maps by name; one that nothing asks for costs nothing.
Features = Mapping[str, Callable[[], FeatureMap]]


def export_pyramid(
    exporter: Exporter, neck: nn.Module, features: Features
) -> dict[str, FeatureMap]:
    """Append the steps of a pyramid; its levels by name, from fine to coarse.

    Args:
        exporter: Exporter of the program.
        neck: A `BinaryFPN`, or Detectron2's ``FPN``.
        features: Features of its ``bottom_up``.

    Raises:
        ConfigError: It is another one, or no program can compute it.
    """
    kinds: dict[type, Any] = {BinaryFPN: _BinaryPyramid, FPN: _FloatPyramid}
    if type(neck) not in kinds:
        raise ConfigError(
            f"MODEL.BACKBONE.NAME gives a {type(neck).__name__}, which cannot be exported; valid: "
            f"{builder_names('fpn_backbone')}"
        )
    return kinds[type(neck)](exporter, neck, features).export()


class _Pyramid:
    """The levels from the coarsest to the finest one; then those above."""

    stages: list[int]

    def __init__(self, exporter: Exporter, neck: Any, features: Features) -> None:
        self.exporter, self.neck, self.features = exporter, neck, features

    def export(self) -> dict[str, FeatureMap]:
        levels: dict[str, FeatureMap] = {}
        above: list[int] = []  # buffers of the level above, before its output convolution
        pairs = list(zip(self.neck.in_features, self.stages, strict=True))
        for name, stage in reversed(pairs):
            is_finest = stage == self.stages[0]
            output, above = self.level(name, stage, above, is_finest=is_finest)
            levels[f"p{stage}"] = output
        levels = dict(reversed(levels.items()))
        top: Any = self.neck.top_block
        if top is not None:
            last = self.stages[-1]
            feature = levels.get(top.in_feature) or self.features[top.in_feature]()
            for number, level in enumerate(self.top(top, feature), start=last + 1):
                levels[f"p{number}"] = level
        return levels

    def level(
        self, name: str, stage: int, above: list[int], *, is_finest: bool
    ) -> tuple[FeatureMap, list[int]]:
        """The level, and the buffers that the next finer one adds."""
        raise NotImplementedError

    def top(self, top: Any, feature: FeatureMap) -> list[FeatureMap]:
        """The levels above."""
        if isinstance(top, LastLevelMaxPool):
            pool = Pool(kernel=1, stride=2, padding=0)
            builder = self.exporter.builder
            buffer = builder.float_step(MaxPool, "top_block", feature, pool=pool)
            return [stored(builder, "top_block.passed", buffer)]
        raise ConfigError(
            f"MODEL.GROUPNET.FPN.TOP_BLOCK gives a {type(top).__name__}, which cannot be exported"
        )

    def fuse(self, step: ConvBuilder, above: list[int], factor: float) -> None:
        """Add the upsampled level above."""
        for branch, buffer in zip(step.branches, above, strict=True):
            branch.residual, branch.residual_factor = buffer, UPSAMPLING
            chain = Chain.identity(branch.out.channels).then_affine(factor)
            branch.final = self.exporter.builder.map(f"{step.name}.fuse", chain.values())


class _BinaryPyramid(_Pyramid):
    def __init__(self, exporter: Exporter, neck: BinaryFPN, features: Features) -> None:
        super().__init__(exporter, neck, features)
        self.stages = neck.stages

    def level(
        self, name: str, stage: int, above: list[int], *, is_finest: bool
    ) -> tuple[FeatureMap, list[int]]:
        lateral = self.neck.get_submodule(f"fpn_lateral{stage}")
        output = self.neck.get_submodule(f"fpn_output{stage}")
        step = export_layer(
            self.exporter,
            lateral,
            [self.features[name]()],
            name=self.exporter.name(lateral),
            input_norm=None if self.neck.has_float_laterals else self.input_norm(name),
        )
        if above:
            self.fuse(step, above, self.neck.fuse_factor)
        own: list[int] = []
        if not is_finest:
            own = [branch.out.as_float() for branch in step.branches]
            if is_gated(output, len(step.branches)):  # the level below adds what has no gate
                step = pass_on(self.exporter.builder, f"{step.name}.passed", own)
        inputs = connect(self.exporter, output, step)
        name = self.exporter.name(output)
        return export_layer(self.exporter, output, inputs, name=name).joined(), own

    def input_norm(self, name: str) -> nn.Module | None:
        norms: Any = self.neck.input_norms
        return dict(norms.items()).get(name)

    def top(self, top: Any, feature: FeatureMap) -> list[FeatureMap]:
        if not isinstance(top, BinaryP6P7):
            return super().top(top, feature)
        name = self.exporter.name
        norm = self.input_norm(top.in_feature)
        p6 = export_layer(self.exporter, top.p6, [feature], name=name(top.p6), input_norm=norm)
        inputs = connect(self.exporter, top.p7, p6)
        p7 = export_layer(self.exporter, top.p7, inputs, name=name(top.p7))
        return [p6.joined(), p7.joined()]


class _FloatPyramid(_Pyramid):
    def __init__(self, exporter: Exporter, neck: FPN, features: Features) -> None:
        super().__init__(exporter, neck, features)
        strides = {name: neck.output_shape()[name].stride for name in neck.output_shape()}
        self.stages = [int(name.removeprefix("p")) for name in strides][: len(neck.in_features)]

    def level(
        self, name: str, stage: int, above: list[int], *, is_finest: bool
    ) -> tuple[FeatureMap, list[int]]:
        lateral: Any = self.neck.get_submodule(f"fpn_lateral{stage}")
        output: Any = self.neck.get_submodule(f"fpn_output{stage}")
        step = self.conv(lateral, self.features[name]())
        if above:
            factors = {"sum": 1.0, "avg": 0.5}
            self.fuse(step, above, factors[self.neck._fuse_type])
        own = [] if is_finest else [step.joined().as_float()]
        return self.conv(output, step.joined()).joined(), own

    def conv(self, conv: Any, feature: FeatureMap) -> ConvBuilder:
        name = self.exporter.name(conv)
        return export_float_conv(
            self.exporter, conv, whole(feature), norm=getattr(conv, "norm", None), name=name
        )

    def top(self, top: Any, feature: FeatureMap) -> list[FeatureMap]:
        if not isinstance(top, LastLevelP6P7):
            return super().top(top, feature)
        builder = self.exporter.builder
        p6 = self.conv(top.p6, feature).joined()
        buffers = [p6.as_float()]
        positive = pass_on(builder, "top_block.relu", buffers, Map(act="relu")).joined()
        return [p6, self.conv(top.p7, positive).joined()]
