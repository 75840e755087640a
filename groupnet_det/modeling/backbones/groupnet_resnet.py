"""The Group-Net ResNet, a `StagedBackbone`. It needs torch only."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.layers.blocks.group_block import GroupBlock
from groupnet_det.layers.methods import Method
from groupnet_det.layers.scripting import Scriptable

from .resnet_layout import (
    EXPANSIONS,
    STAGE_CHANNELS,
    STAGE_STEPS,
    STAGES,
    BlockPlace,
    block_places,
    find_depth,
    scale_channels,
    stage_bases,
)
from .stems import STEMS


class GroupNetResNet(Scriptable):
    """ResNet-18, -34 or -50 whose groups of layers are decomposed into K binary branches.

    With another method it is one of the networks that Group-Net is compared with; with ``float``,
    the ResNet of He et al. (arXiv 1512.03385). Stem and BN are always float.

    Source: Zhuang et al., Structured Binary Neural Networks (arXiv 1909.09934).
    """

    def __init__(
        self,
        *,
        depth: int = 18,
        width: float = 1.0,
        in_channels: int = 3,
        method: Method | None = None,
        output_stride: int = 32,
        dilations: Sequence[int | Sequence[int]] = (),
        out_features: Sequence[str] = STAGES,
    ) -> None:
        """
        Args:
            depth: A key of `DEPTHS`.
            width: Factor on all channel counts.
            in_channels: Channels of the image.
            method: Quantizers and block design; Group-Net with K = 4 and gates by default.
            output_stride: Output stride of the last stage: 32; or 16 or 8, with dilation.
            dilations: Dilations of the 3x3 convolutions of each stage; empty for those that
                `output_stride` gives. A stage may have K of them, one for each base (`bpac`).
            out_features: Stages whose merged output `forward` returns; those after the last of
                them are not built.

        Raises:
            ConfigError: A value is not among the valid ones, which the message lists.
        """
        super().__init__()
        method = method or Method()
        kind, _ = find_depth(depth)
        if not out_features:
            raise ConfigError(f"MODEL.GROUPNET.OUT_FEATURES is empty; choose from {list(STAGES)}")
        for name in out_features:
            lookup(dict.fromkeys(STAGES), name, "an entry of MODEL.GROUPNET.OUT_FEATURES")
        self.out_features = tuple(out_features)
        # Stages after the last one asked for would be computed in vain.
        self.stages = STAGES[: 1 + max(map(STAGES.index, self.out_features))]
        self.feature_channels = {
            name: EXPANSIONS[kind] * scale_channels(channels, width)
            for name, channels in zip(STAGES, STAGE_CHANNELS, strict=True)
        }

        bases = stage_bases(
            method.quantization.num_bases, method.design.stage_bases, method.design.group
        )
        before = bases[STAGES[0]]
        channels = scale_channels(STAGE_CHANNELS[0], width)
        self.stem = lookup(STEMS, method.stem, "the stem")(in_channels, channels)
        for name in self.stages:
            self.add_module(name, nn.ModuleList())
        for place in block_places(
            depth,
            output_stride=output_stride,
            dilations=dilations,
            num_stages=len(self.stages),
        ):
            own = bases[place.stage]
            block = _make_block(
                kind,
                channels,
                self.feature_channels[place.stage],
                place,
                replace(method, quantization=replace(method.quantization, num_bases=own)),
                chained=own == before,
            )
            self.get_submodule(place.stage).append(block)  # type: ignore[operator]
            channels, before = self.feature_channels[place.stage], own
        self.feature_strides = _strides(output_stride)
        self.signed_output = method.design.signed_output

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(N, C, H, W) -> the `out_features` by name, each (N, C_i, H/stride_i, W/stride_i)."""
        # The binary convolutions write channels last; a stem in that layout is faster too.
        merged = self.stem(images.contiguous(memory_format=torch.channels_last))
        branches: Sequence[Tensor] = []
        features: dict[str, Tensor] = {}
        for name in self.stages:
            for block in self.get_submodule(name).children():
                merged, branches = block(merged, branches)
            features[name] = merged
        return {name: features[name] for name in self.out_features}


def _make_block(
    kind: str,
    in_channels: int,
    out_channels: int,
    place: BlockPlace,
    method: Method,
    *,
    chained: bool,
) -> GroupBlock:
    """Arguments as of `GroupBlock`; `chained` where the block before has as many branches."""
    design = method.design
    connection = "chained"
    if place.starts_group(design.group):
        gated = chained and design.gates and design.group != "layer" and not place.first_of_network
        connection = "gated" if gated else "merged"
    merge = None  # inside a group the branches do not meet ...
    if place.ends_group(design.group):
        # A block decomposed by layers has one branch: nothing is left to merge.
        merge = "mean" if design.group == "layer" else design.merge
    elif place.last_of_stage:
        merge = "mean"  # ... but a stage's output is one map
    return GroupBlock(
        kind,
        in_channels,
        out_channels,
        stride=place.stride,
        dilation=place.dilation,
        entry_dilation=place.entry_dilation,
        connection=connection,
        merge=merge,
        design=design,
        quantization=method.quantization,
    )


def _strides(output_stride: int) -> dict[str, int]:
    stride = 4  # of the stem
    strides = {}
    for name, (step, _) in zip(STAGES, STAGE_STEPS[output_stride], strict=True):
        stride *= step
        strides[name] = stride
    return strides
