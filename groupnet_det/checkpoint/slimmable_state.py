"""Tensors of slimmable networks for networks with a fixed number of bases, and the reverse."""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from torch import Tensor, nn

from groupnet_det.errors import CheckpointError
from groupnet_det.layers import MAX_BASES
from groupnet_det.layers.slimmable import num_bases

# A tensor of one of the norms of a `SwitchableBatchNorm2d`.
SWITCHED = re.compile(r"(?P<norm>.*\.)of_bases\.(?P<bases>\d+)\.(?P<tensor>\w+)")
BRANCH = re.compile(r"\bbranches\.(\d+)\.")
# Tensors that hold bases along their first dimension.
WIDE = re.compile(r".*\.(conv\.weight|weight_quantizer\.\w+|(norm\.\d+|act)\.\w+|merge\.scales)")
SCALES = ".merge.scales"

StateDict = Mapping[str, Tensor]


def choices_of(keys: Sequence[str] | StateDict) -> list[int]:
    """The numbers of bases that a slimmable network runs with; none for other networks."""
    return sorted({int(match["bases"]) for match in map(SWITCHED.fullmatch, keys) if match})


def fit_bases(path: str, state: StateDict, model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a checkpoint under the keys of a model, where one of both is slimmable.

    * Of a slimmable network with K bases, a network of K' takes the first K' branches, the first
      channels of wide convolutions, the norms of K', and learned scales times K / K'.
    * All norms of a slimmable network start as those of another network.
    * Norms of numbers that another slimmable network lacks start as those of all its bases.

    Args:
        path: Path for the message.
        state: Tensors of the checkpoint.
        model: The model.

    Raises:
        CheckpointError: The slimmable network does not run with so many bases.
    """
    ours = model.state_dict()
    theirs, wanted = choices_of(state), choices_of(ours)
    if theirs and not wanted:
        number = num_bases(model)
        if number not in theirs:
            raise CheckpointError(
                f"{path} is of a network that runs with {theirs} bases, the model has {number}; "
                "set MODEL.GROUPNET.NUM_BASES (K) to one of these"
            )
        return _select(state, ours, number)
    if wanted and not theirs:
        return _spread(state, ours)
    if theirs != wanted and theirs[-1] == wanted[-1]:
        return {**_spread(plain_state(state), ours), **{k: state[k] for k in ours if k in state}}
    return dict(state)


def plain_state(state: StateDict) -> dict[str, Tensor]:
    """The tensors of a slimmable network as those of a network with all of its bases."""
    choices = choices_of(state)
    return _of_number(state, choices[-1]) if choices else dict(state)


def _of_number(state: StateDict, number: int) -> dict[str, Tensor]:
    """The tensors with the norms of a number of bases."""
    chosen = {}
    for key, value in state.items():
        match = SWITCHED.fullmatch(key)
        if match is None:
            chosen[key] = value
        elif int(match["bases"]) == number:
            chosen[match["norm"] + match["tensor"]] = value
    return chosen


def _select(state: StateDict, ours: StateDict, number: int) -> dict[str, Tensor]:
    selected = {}
    for key, value in _of_number(state, number).items():
        # A unit of a pyramid or a tower is not within a list of branches where it has one base.
        alone = BRANCH.sub("", key)
        name = key if key in ours or number > 1 or _branch(key) > 0 or alone not in ours else alone
        if name in ours:
            selected[name] = _first_rows(name, value, ours[name])
        elif _branch(key) < number and not _needs_bases(key, number):
            selected[name] = value  # of another network: for whoever compares the keys
    return selected


def _branch(key: str) -> int:
    numbers = [int(number) for number in BRANCH.findall(key)]
    return max(numbers, default=0)


def _needs_bases(key: str, number: int) -> bool:
    """Whether a single base has no use for a tensor: what mixes or scales several."""
    return number == 1 and key.endswith((".connect.gate", SCALES))


def _first_rows(key: str, value: Tensor, wanted: Tensor) -> Tensor:
    if value.shape == wanted.shape or not (value.dim() and wanted.dim() and WIDE.fullmatch(key)):
        return value
    if value.shape[1:] != wanted.shape[1:] or not 0 < len(wanted) < len(value):
        return value
    if Fraction(len(value), len(wanted)).numerator > MAX_BASES:  # K / K', such as 4 / 3
        return value
    rows = value[: len(wanted)]
    return rows * (len(value) / len(wanted)) if key.endswith(SCALES) else rows


def _spread(state: StateDict, ours: StateDict) -> dict[str, Tensor]:
    spread = dict(state)
    for key, wanted in ours.items():
        match = SWITCHED.fullmatch(key)
        source = match["norm"] + match["tensor"] if match else key
        if match and source in state:
            spread.pop(source, None)
            spread[key] = _first_rows(source, state[source], wanted)
    return spread
