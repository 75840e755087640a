"""Layout of ResNets: the blocks of each stage and their groups, names and numbers only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.layers.blocks.residual_branch import BOTTLENECK_EXPANSION

STAGES = ("res2", "res3", "res4", "res5")
STAGE_CHANNELS = (64, 128, 256, 512)
# Kind of block, and blocks per stage.
DEPTHS: dict[int, tuple[str, tuple[int, ...]]] = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
}
EXPANSIONS = {"basic": 1, "bottleneck": BOTTLENECK_EXPANSION}
# Output stride -> (stride, dilation) of the stages.
STAGE_STEPS: dict[int, tuple[tuple[int, int], ...]] = {
    32: ((1, 1), (2, 1), (2, 1), (2, 1)),
    16: ((1, 1), (2, 1), (2, 1), (1, 2)),
    8: ((1, 1), (2, 1), (1, 2), (1, 4)),
}


@dataclass(frozen=True, kw_only=True)
class BlockPlace:
    """One residual block.

    Attributes:
        stage: Such as ``res2``.
        stride, dilation: Stride and dilation of its convolutions; each branch may have a dilation.
        entry_dilation: Dilation of the convolution with the stride. If a stage dilates instead of
            striding, this one still sees the grid of the stage before.
        first_of_network, first_of_stage, last_of_stage, last_of_network: Its place.
    """

    stage: str
    stride: int
    dilation: int | Sequence[int]
    entry_dilation: int | Sequence[int]
    first_of_network: bool
    first_of_stage: bool
    last_of_stage: bool
    last_of_network: bool

    def starts_group(self, group: str) -> bool:
        """Whether a group of the decomposition starts with this block.

        Raises:
            ConfigError: Unknown group.
        """
        starts = {
            "layer": True,
            "block": True,
            "stage": self.first_of_stage,
            "network": self.first_of_network,
        }
        return lookup(starts, group, "MODEL.GROUPNET.GROUP")

    def ends_group(self, group: str) -> bool:
        """Whether a group ends with this block."""
        ends = {
            "layer": True,
            "block": True,
            "stage": self.last_of_stage,
            "network": self.last_of_network,
        }
        return lookup(ends, group, "MODEL.GROUPNET.GROUP")


def find_depth(depth: int) -> tuple[str, tuple[int, ...]]:
    """Kind of block and blocks per stage.

    Raises:
        ConfigError: No such depth.
    """
    return lookup(
        {str(key): value for key, value in DEPTHS.items()}, str(depth), "MODEL.GROUPNET.DEPTH"
    )


def block_places(
    depth: int,
    *,
    output_stride: int,
    dilations: Sequence[int | Sequence[int]] = (),
    num_stages: int,
) -> Iterator[BlockPlace]:
    """The blocks of the first `num_stages` stages, in their order.

    Args:
        depth: A key of `DEPTHS`.
        output_stride: A key of `STAGE_STEPS`.
        dilations: Dilations of all convolutions of each of the four stages, also the first ones;
            empty for those of `STAGE_STEPS`. A stage may have one for each branch.
        num_stages: 1 to 4.

    Raises:
        ConfigError: Unknown depth or output stride, or no four dilations above 0.
    """
    _, blocks_per_stage = find_depth(depth)
    steps = lookup(
        {str(key): value for key, value in STAGE_STEPS.items()},
        str(output_stride),
        "MODEL.GROUPNET.OUTPUT_STRIDE",
    )
    _check_dilations(dilations)
    previous_dilation: int | Sequence[int] = 1
    for number in range(num_stages):
        stride = steps[number][0]
        dilation: int | Sequence[int] = steps[number][1]
        if dilations:
            dilation = previous_dilation = dilations[number]
        last = blocks_per_stage[number] - 1
        for index in range(blocks_per_stage[number]):
            yield BlockPlace(
                stage=STAGES[number],
                stride=stride if index == 0 else 1,
                dilation=dilation,
                entry_dilation=previous_dilation if index == 0 else dilation,
                first_of_network=number == 0 and index == 0,
                first_of_stage=index == 0,
                last_of_stage=index == last,
                last_of_network=number == num_stages - 1 and index == last,
            )
        previous_dilation = dilation


def _check_dilations(dilations: Sequence[int | Sequence[int]]) -> None:
    numbers = [n for entry in dilations for n in ([entry] if isinstance(entry, int) else entry)]
    if dilations and (len(dilations) != len(STAGES) or min(numbers, default=0) < 1):
        raise ConfigError(
            f"MODEL.GROUPNET.DILATIONS is {list(dilations)}; valid: four numbers above 0, for "
            f"{STAGES[0]} to {STAGES[-1]} (or lists of them, one for each base)"
        )


def stage_bases(num_bases: int, own: Sequence[int], group: str) -> dict[str, int]:
    """K of each stage, by its name.

    Args:
        num_bases: K of all stages, where `own` is empty.
        own: K of each of the four stages.
        group: What is decomposed as one; see `BlockDesign`.

    Raises:
        ConfigError: `own` are not four numbers above 0, or differ within a group.
    """
    bases = tuple(own) or (num_bases,) * len(STAGES)
    if len(bases) != len(STAGES) or min(bases) < 1:
        raise ConfigError(
            f"MODEL.GROUPNET.STAGE_BASES is {list(own)}; valid: four numbers above 0, for "
            f"{STAGES[0]} to {STAGES[-1]}"
        )
    if group == "network" and len(set(bases)) > 1:
        raise ConfigError(
            f"MODEL.GROUPNET.STAGE_BASES is {list(own)}, but with MODEL.GROUPNET.GROUP 'network' "
            "all stages have the same branches; choose another GROUP"
        )
    return dict(zip(STAGES, bases, strict=True))


def scale_channels(channels: int, width: float) -> int:
    """`channels` times `width`, at least 1 and whole.

    Raises:
        ConfigError: `width` is not positive.
    """
    if width <= 0:
        raise ConfigError(f"MODEL.GROUPNET.WIDTH is {width}; it must be above 0")
    return max(1, round(channels * width))
