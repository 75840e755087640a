"""Tensors of slimmable networks for networks with a fixed number of bases, and the reverse."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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
      channels of wide convolutions, the norms of K', and learned scales times K / K'. If its parts
      have different K', each takes those of its own; the statistics of its norms are then those of
      other inputs, and can be measured again (`engine.hooks.set_precise_statistics`).
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
        numbers = _RunningBases(state, ours, model)
        missing = sorted(numbers.used() - set(theirs))
        if missing:
            raise CheckpointError(
                f"{path} is of a network that runs with {theirs} bases, the model has "
                f"{missing[-1]}; set MODEL.GROUPNET.NUM_BASES (K) to one of these"
            )
        return _select(state, ours, numbers)
    if wanted and not theirs:
        return _spread(state, ours)
    if theirs != wanted and theirs[-1] == wanted[-1]:
        return {**_spread(plain_state(state), ours), **{k: state[k] for k in ours if k in state}}
    return dict(state)


def plain_state(state: StateDict) -> dict[str, Tensor]:
    """The tensors of a slimmable network as those of a network with all of its bases."""
    choices = choices_of(state)
    return _of_number(state, lambda _: choices[-1]) if choices else dict(state)


def _of_number(state: StateDict, number_of: Callable[[str], int]) -> dict[str, Tensor]:
    """The tensors with norms of single numbers of bases.

    Args:
        number_of: From the name of a norm's tensor to the number of bases.
    """
    chosen = {}
    for key, value in state.items():
        match = SWITCHED.fullmatch(key)
        name = match["norm"] + match["tensor"] if match else key
        if match is None or int(match["bases"]) == number_of(name):
            chosen[name] = value
    return chosen


class _RunningBases:
    """The number K' of bases with which each part of a model with fixed numbers was trained in a
    slimmable network, of which it takes its tensors.

    A part may have fewer bases than others because it takes fewer of those that it had (it ran with
    so many), or because it never had more (it ran with the others' number).
    """

    def __init__(self, state: StateDict, ours: StateDict, model: nn.Module) -> None:
        self.most = num_bases(model)
        self._groups = set(_groups(model))
        # Each module with bases in it, by name.
        self._bases = {
            name: num_bases(module)
            for name, module in model.named_modules()
            if any(group == name or group.startswith(f"{name}.") for group in self._groups)
            or not name
        }
        plain = [key for key in state if not SWITCHED.fullmatch(key)]
        sliced = [k for k in plain if k not in ours or state[k].shape != ours[k].shape]
        self._sliced = {BRANCH.sub("", key) for key in sliced}
        self._of_part: dict[str, int] = {}

    def of(self, key: str) -> int:
        """The number of the part that a tensor belongs to."""
        part = self._part(key)
        if part not in self._of_part:
            is_sliced = any(name.startswith(f"{part}.") for name in self._sliced)
            self._of_part[part] = self._bases[part] if is_sliced else self.most
        return self._of_part[part]

    def used(self) -> set[int]:
        """The numbers of all parts with bases."""
        return {self.most, *(self.of(f"{group}.tensor") for group in self._groups)}

    @property
    def is_uniform(self) -> bool:
        """Whether all parts have the same number."""
        return len(self.used()) == 1

    def _part(self, key: str) -> str:
        """The name of the group of bases that a tensor is in, else of the nearest module that has
        such groups."""
        names, part = BRANCH.sub("", key).split(".")[:-1], ""
        for depth in range(1, len(names) + 1):
            name = ".".join(names[:depth])
            part = name if name in self._bases else part
            if name in self._groups:
                break
        return part


def _groups(module: nn.Module, name: str = "") -> Iterator[str]:
    """The names of the outermost modules that run a number of bases."""
    if hasattr(module, "run_bases"):
        yield name
        return
    for child_name, child in module.named_children():
        yield from _groups(child, f"{name}.{child_name}" if name else child_name)


def _select(state: StateDict, ours: StateDict, numbers: _RunningBases) -> dict[str, Tensor]:
    number, is_uniform, selected = numbers.most, numbers.is_uniform, {}
    for key, value in _of_number(state, numbers.of).items():
        # A unit of a pyramid or a tower is not within a list of branches where it has one base.
        alone = BRANCH.sub("", key)
        takes_alone = key not in ours and _branch(key) == 0 and alone in ours
        name = alone if takes_alone else key
        if name in ours:
            selected[name] = _first_rows(name, value, ours[name])
        elif is_uniform and _branch(key) < number and not _needs_bases(key, number):
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
