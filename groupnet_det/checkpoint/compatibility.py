"""Checks that a checkpoint fits a model; renaming of backbones for models of other tasks.

Keys of a backbone are ``<prefix>res3.0.branches.1.unit2.conv.weight``: stage, block, branch, unit.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from groupnet_det.errors import CheckpointError
from groupnet_det.packed.packed_file import FORMAT

HEAD_BYTES = 64  # that contain the format of a packed file

# Shapes of the tensors of a state dict, by key.
Shapes = Mapping[str, tuple[int, ...]]

# Prefixes of the backbone within a model, with and without a pyramid around it.
BACKBONE_PREFIXES = ("backbone.bottom_up.", "backbone.")
# Layers whose size is the number of classes; they are initialized again for other classes.
PREDICTORS = (
    "fc.",
    "head.cls_score.",
    "head.bbox_pred.",
    "roi_heads.box_predictor",
    "roi_heads.mask_head.predictor",
    "sem_seg_head.predictor",  # also .predictors
    "sem_seg_head.auxiliary.predictor",
)
# Keys without effect that only old files or only new models have.
IRRELEVANT = ("num_batches_tracked", "pixel_mean", "pixel_std", "anchor_generator.cell_anchors")

BLOCK = re.compile(r"((?:.*\.)?(res\d)\.(\d+))\.(.+)")
BRANCH = re.compile(r"branches\.(\d+)\.")


def backbone_prefix(keys: Iterable[str]) -> str | None:
    """The prefix of the backbone's keys; None without a backbone."""
    names = list(keys)
    for prefix in BACKBONE_PREFIXES:
        if any(name.startswith(f"{prefix}stem.") for name in names):
            return prefix
    return None


def move_backbone(state: dict[str, Any], model_keys: Sequence[str]) -> dict[str, Any]:
    """Return `state` with the backbone under the model's prefix.

    So a classifier's checkpoint can initialize a detector, whose backbone is inside a pyramid.
    """
    theirs, ours = backbone_prefix(state), backbone_prefix(model_keys)
    if theirs is None or ours is None or theirs == ours:
        return state
    return {
        ours + key.removeprefix(theirs) if key.startswith(theirs) else key: value
        for key, value in state.items()
    }


def check_fit(path: str, theirs: Shapes, ours: Shapes, *, strict: bool) -> None:
    """Refuse a checkpoint of another network.

    Args:
        path: Path for the message.
        theirs, ours: Shapes of the checkpoint, under the model's prefixes, and of the model.
        strict: If True, all keys and shapes must agree, as for evaluation and for resuming. If
            False, parts other than the backbone, gates, states of quantizers and prediction layers
            of other classes may be initialized again.

    Raises:
        CheckpointError: They do not fit; the message names the difference and the config keys.
    """
    _check_related(path, theirs, ours)
    _check_depth(path, theirs, ours)
    _check_branches(path, theirs, ours)
    _check_groups(path, theirs, ours)
    _check_shapes(path, theirs, ours, strict)
    _check_keys(path, theirs, ours, strict)


def _check_related(path: str, theirs: Shapes, ours: Shapes) -> None:
    common = [key for key in ours if key in theirs]
    if ours and all(key.startswith(PREDICTORS) for key in common):
        raise CheckpointError(
            f"{path}: no key of the checkpoint belongs to this model (it has {sorted(theirs)[:3]}, "
            f"the model {sorted(ours)[:3]}); is MODEL.WEIGHTS the right file for this config? "
            "Weights of other projects: groupnet-det convert"
        )


def _check_depth(path: str, theirs: Shapes, ours: Shapes) -> None:
    found, wanted = _blocks(theirs), _blocks(ours)
    for stage, blocks in wanted.items():
        if found.get(stage) != blocks:
            raise CheckpointError(
                f"{path} has {len(found.get(stage, ()))} blocks in {stage}, the model "
                f"{len(blocks)}; set MODEL.GROUPNET.DEPTH (and OUT_FEATURES) as they were trained"
            )


def _check_branches(path: str, theirs: Shapes, ours: Shapes) -> None:
    found, wanted = _num_branches(theirs), _num_branches(ours)
    if found != wanted:
        raise CheckpointError(
            f"{path} has {found} branches in a block, the model {wanted}; set "
            "MODEL.GROUPNET.NUM_BASES (K), GROUP and METHOD as they were trained"
        )


def _check_groups(path: str, theirs: Shapes, ours: Shapes) -> None:
    """Compare gates and scales, which are where groups start and end, if both have any."""
    stages = _blocks(ours)
    for part in (".connect.gate", ".merge.scales"):
        found, wanted = (
            {key for key in keys if key.endswith(part) and _stage(key) in stages}
            for keys in (theirs, ours)
        )
        if found and wanted and found != wanted:
            raise CheckpointError(
                f"{path} is of a network with other groups: only one of the two has "
                f"{min(found ^ wanted)}; set MODEL.GROUPNET.GROUP as it was trained"
            )


def _check_shapes(path: str, theirs: Shapes, ours: Shapes, strict: bool) -> None:
    for key, shape in ours.items():
        predictor = key.startswith(PREDICTORS)
        if theirs.get(key, shape) == shape or (predictor and not strict):
            continue
        fix = (
            "the number of classes"
            if predictor
            else "MODEL.GROUPNET.METHOD, WIDTH, DEPTH, NUM_BASES, GROUP and MODEL.FPN.OUT_CHANNELS"
        )
        raise CheckpointError(
            f"{path} is of another network: {key} has shape {theirs[key]}, the model's {shape}; "
            f"compare {fix} with the config.yaml that was trained"
        )


def _check_keys(path: str, theirs: Shapes, ours: Shapes, strict: bool) -> None:
    missing = [key for key in ours if key not in theirs and not _irrelevant(key)]
    # A backbone with random parts is not a useful start.
    missing = [key for key in missing if strict or (_stage(key) and key.endswith("conv.weight"))]
    unexpected = [key for key in theirs if key not in ours and not _irrelevant(key) and strict]
    for keys, what in ((missing, "lacks"), (unexpected, "has, but the model lacks,")):
        if keys:
            raise CheckpointError(
                f"{path} {what} {len(keys)} tensors, such as {keys[0]}; is MODEL.WEIGHTS the right "
                "file for this config?"
            )


def _irrelevant(key: str) -> bool:
    return any(name in key for name in IRRELEVANT)


def _stage(key: str) -> str | None:
    match = BLOCK.match(key)
    return match[2] if match else None


def _blocks(keys: Iterable[str]) -> dict[str, set[str]]:
    """Stage -> numbers of its blocks."""
    result: dict[str, set[str]] = {}
    for match in filter(None, map(BLOCK.match, keys)):
        result.setdefault(match[2], set()).add(match[3])
    return result


def _num_branches(keys: Iterable[str]) -> int:
    """The number of branches of a block of the backbone; 0 without a backbone."""
    blocks = filter(None, map(BLOCK.match, keys))
    numbers = [int(branch[1]) for block in blocks if (branch := BRANCH.match(block[4]))]
    return 1 + max(numbers, default=-1)


def refuse_packed(path: str) -> None:
    """
    Raises:
        CheckpointError: The file is a packed file.
    """
    if os.path.isfile(path):
        with open(path, "rb") as file:
            if FORMAT.encode() in file.read(HEAD_BYTES):
                raise CheckpointError(
                    f"{path} is a packed file, which has no weights to load; name the "
                    "checkpoint that it was made from"
                )
