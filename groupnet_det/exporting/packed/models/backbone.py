"""A `StagedBackbone` as steps of a program."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.program_builder import ProgramBuilder
from groupnet_det.exporting.packed.builder.step_builders import SourceBuilder
from groupnet_det.exporting.packed.eight_bits.float_layers import FloatConvs
from groupnet_det.exporting.packed.layers.exporter import Exporter
from groupnet_det.exporting.packed.layers.integer_stems import export_stem
from groupnet_det.layers.blocks.group_block import GroupBlock
from groupnet_det.modeling.backbones.detectron2_backbones import builder_names
from groupnet_det.modeling.backbones.staged_backbone import StagedBackbone

from .residual_blocks import BlockMaps, State, export_block


@dataclass
class ExportedBackbone:
    """The backbone's part of heads and of the file's ``info``.

    Attributes:
        features: The merged output of each stage; a stage that nothing reads costs nothing.
        blocks: Blocks by path.
        unpacked: Convolutions that are not computed with bits, with the reason.
    """

    stem: SourceBuilder
    features: dict[str, Callable[[], FeatureMap]]
    blocks: dict[str, BlockMaps]
    unpacked: dict[str, str]


def export_backbone(
    builder: ProgramBuilder,
    backbone: nn.Module,
    *,
    last_stage: str,
    mean: Tensor,
    std: Tensor,
    float_convs: FloatConvs,
) -> ExportedBackbone:
    """Append the steps of a backbone up to a stage.

    Args:
        backbone: In eval mode, on the CPU, float32.
        last_stage: Such as ``res5``.
        mean, std: Mean and standard deviation of the pixels, (C,).
        float_convs: How convolutions in full precision are computed, by their paths below the
            backbone.

    Raises:
        ConfigError: It is not a `StagedBackbone`, or no program can compute it.
    """
    if not isinstance(backbone, StagedBackbone):
        raise ConfigError(
            f"MODEL.BACKBONE.NAME gives a {type(backbone).__name__}, which cannot be exported; "
            f"valid: {builder_names('backbone')} (METHOD 'float' is its full-precision baseline)"
        )
    names = {id(module): name for name, module in backbone.named_modules()}
    exporter = Exporter(builder, names, float_convs)
    stem, error = export_stem(builder, backbone.stem, "stem", mean, std)
    exporter.unpacked.note(
        "stem.conv1",
        f"bytes times integers of 16 bits, exactly summed; rounding the weights changed sums by at "
        f"most {error:.1e} of the largest possible one",
    )
    state = State(lambda: stem.out, [])
    features: dict[str, Callable[[], FeatureMap]] = {}
    blocks: dict[str, BlockMaps] = {}
    for stage in backbone.stages[: 1 + backbone.stages.index(last_stage)]:
        for block in backbone.get_submodule(stage).children():
            if not isinstance(block, GroupBlock):
                raise ConfigError(
                    f"{names[id(block)]}: a block of the type {type(block).__name__} cannot be "
                    "exported; valid: GroupBlock"
                )
            state, blocks[names[id(block)]] = export_block(exporter, block, state)
        features[stage] = state.merged
    return ExportedBackbone(
        stem=stem, features=features, blocks=blocks, unpacked=exporter.unpacked.reasons
    )


def describe_blocks(
    builder: ProgramBuilder, exported: ExportedBackbone, merged: FeatureMap
) -> dict[str, Any]:
    """The ``blocks`` of ``info``, see `classifier`.

    Args:
        builder: Its program is finished.
        merged: What is read of the last block.
    """
    finished = builder.finished
    assert finished is not None
    described = {
        name: {
            "first_step": finished.number(maps.first),
            "last_step": finished.number(maps.last),
            "inputs": [finished.location(x) for x in maps.inputs],
            "units": {path: finished.location(x) for path, x in maps.units.items()},
            "merged": None,
        }
        for name, maps in exported.blocks.items()
    }
    described[list(described)[-1]]["merged"] = finished.location(merged)
    return described
