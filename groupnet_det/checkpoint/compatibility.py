"""Whether a checkpoint fits a model, and how a backbone moves between the tasks' models."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from groupnet_det.errors import CheckpointError

# The backbone within a model, with a pyramid around it or without.
BACKBONE_PREFIXES = ("backbone.bottom_up.", "backbone.")
# Layers whose size is that of the data set's list of classes: they start anew on other classes.
PREDICTORS = (
    "fc.",
    "head.cls_score.",
    "head.bbox_pred.",
    "roi_heads.box_predictor",
    "roi_heads.mask_head.predictor",
    "sem_seg_head.predictor",
)


def backbone_prefix(keys: Iterable[str]) -> str | None:
    """The prefix of the backbone's keys, or nothing where there is no backbone."""
    names = list(keys)
    for prefix in BACKBONE_PREFIXES:
        if any(name.startswith(f"{prefix}stem.") for name in names):
            return prefix
    return None


def move_backbone(state: dict[str, Any], model_keys: Sequence[str]) -> dict[str, Any]:
    """`state` with the backbone under the prefix that the model has.

    So a classifier's checkpoint starts a detector, whose backbone stands inside a pyramid.
    """
    theirs, ours = backbone_prefix(state), backbone_prefix(model_keys)
    if theirs is None or ours is None or theirs == ours:
        return state
    return {
        ours + key.removeprefix(theirs) if key.startswith(f"{theirs}") else key: value
        for key, value in state.items()
    }


def check_fit(
    path: str,
    *,
    missing: Sequence[str],
    unexpected: Sequence[str],
    incorrect_shapes: Sequence[tuple[str, Any, Any]],
    strict: bool,
) -> None:
    """Refuse a checkpoint of another network.

    Args:
        path: For the message.
        missing, unexpected: Keys that only the model, or only the checkpoint, has.
        incorrect_shapes: (key, shape in the checkpoint, shape in the model).
        strict: Whether every key of the model must be there, as in evaluation; else missing parts
            and predictors of other classes start anew.

    Raises:
        CheckpointError: The message names the first key and the config keys to look at.
    """
    _check_num_bases(path, missing, unexpected)
    for key, theirs, ours in incorrect_shapes:
        if strict or not key.startswith(PREDICTORS):
            mend = (
                "the number of classes"
                if key.startswith(PREDICTORS)
                else "MODEL.GROUPNET.WIDTH, DEPTH, NUM_BASES, GROUP and MODEL.FPN.OUT_CHANNELS"
            )
            raise CheckpointError(
                f"{path} is of another network: {key} has shape {tuple(theirs)}, the model's "
                f"{tuple(ours)}; compare {mend} with the config.yaml that was trained"
            )
    if strict and missing:
        raise CheckpointError(
            f"{path} lacks {len(missing)} keys of the model, such as {missing[0]}, which would "
            "stay random; is MODEL.WEIGHTS the right file for this config?"
        )


def _check_num_bases(path: str, missing: Sequence[str], unexpected: Sequence[str]) -> None:
    """A checkpoint of another K lacks branches, or has too many."""
    found, wanted = _last_branch(unexpected), _last_branch(missing)
    if found is None and wanted is None:
        return
    if found is not None and wanted is not None:
        return  # other blocks altogether: the general messages are better
    problem = "more" if wanted is None else "fewer"
    raise CheckpointError(
        f"{path} has {problem} branches in a block than the model ({(found or wanted)}); set "
        "MODEL.GROUPNET.NUM_BASES (K) and GROUP as they were trained"
    )


def _last_branch(keys: Sequence[str]) -> str | None:
    matches = [match[1] for key in keys if (match := re.match(r"(.*\.branches\.\d+)\.", key))]
    return matches[-1] if matches else None
