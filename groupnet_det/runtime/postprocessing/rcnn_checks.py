"""Checks that a packed file has what the post-processing of its R-CNN reads."""

from groupnet_det.errors import DataError, PackedFileError, lookup, shortened
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.program import Program
from groupnet_det.packed.shapes import buffer_shapes
from groupnet_det.packed.steps.sizes import Shape

from .output_checks import channels_of, expect_channels
from .rcnn import CHUNK, CascadeStage, MaskStage, RegionPostprocessing
from .roi_pooling import Pooler
from .rpn import Proposals


def count_classes(postprocessing: RegionPostprocessing, packed: PackedFile) -> int:
    """The number of classes that all stages have.

    Raises:
        UserError: An output, or a part, is missing, or is not what the postprocessing takes.
    """
    _check_proposals(postprocessing.proposals, packed.program)
    numbers = {
        channels_of(_part(packed, stage), "scores") - 1  # without the background
        for stage in postprocessing.stages
    }
    if len(numbers) != 1 or 0 in numbers:
        raise PackedFileError(f"its stages tell {sorted(numbers)} classes apart; valid: one number")
    (classes,) = numbers
    for stage in postprocessing.stages:
        _check_stage(stage, packed, postprocessing.pooler, classes)
    mask = postprocessing.mask
    if mask:
        _shapes(packed, mask, mask.pooler)
        expect_channels(_part(packed, mask), "masks", 1 if mask.class_agnostic else classes)
    return classes


def _check_proposals(proposals: Proposals, program: Program) -> None:
    for level in proposals.levels:
        number = proposals.anchors.number(level)
        expect_channels(program, f"objectness.{level}", number)
        expect_channels(program, f"anchor_deltas.{level}", 4 * number)


def _check_stage(stage: CascadeStage, packed: PackedFile, pooler: Pooler, classes: int) -> None:
    boxes = 1 if stage.class_agnostic else classes
    shapes = _shapes(packed, stage, pooler)
    for name, channels in {"scores": classes + 1, "deltas": 4 * boxes}.items():
        expected = (CHUNK, 1, 1, channels)
        if shapes.get(name) != expected:
            raise PackedFileError(
                f"part {shortened(stage.part)} gives {name} of the shape {shapes.get(name)} for "
                f"{CHUNK} regions; its postprocessing takes {expected}"
            )


def _part(packed: PackedFile, stage: CascadeStage | MaskStage) -> Program:
    return lookup(packed.program.parts, stage.part, "the part of a stage")


def _shapes(
    packed: PackedFile, stage: CascadeStage | MaskStage, pooler: Pooler
) -> dict[str, Shape]:
    """The shapes of the outputs of a part for the greatest number of regions at a time."""
    part = _part(packed, stage)
    for level in pooler.levels:
        expect_channels(packed.program, level, part.input_channels)
    given = (CHUNK, pooler.resolution[0], pooler.resolution[1], part.input_channels)
    try:
        shapes = buffer_shapes(part, packed.tensors, given)
    except DataError as error:  # which speaks of images
        raise PackedFileError(
            f"part {shortened(stage.part)} does not run on {CHUNK} regions of postprocessing."
            f"pooler.resolution {list(pooler.resolution)}"
        ) from error
    return {name: shapes[number] for name, number in part.outputs.items()}
