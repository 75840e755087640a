"""Maps of a packed program by their place, see `classifier`; kept as floats for comparisons."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch, Conv, Join
from groupnet_det.packed.steps.input_steps import Stem
from groupnet_det.packed.steps.parts import Buffer, Sinks

# A place as a key: step, at, index.
PlaceKey = tuple[int, str, int]
# A step, and a buffer with what it holds after that step.
Moment = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class KeptPlaces:
    """A program that computes the same, and where it keeps what.

    Attributes:
        packed: The file with more float sinks.
        floats: Where the value of each place is.
        bits: Where the first bits that were made of it are, if any.
    """

    packed: PackedFile
    floats: dict[PlaceKey, Moment]
    bits: dict[PlaceKey, Moment]


def key_of(place: dict[str, Any]) -> PlaceKey:
    return place["step"], place["at"], place["index"]


def keep_places(packed: PackedFile) -> KeptPlaces:
    """Give every place of ``info["blocks"]`` a float buffer, where it has none.

    Raises:
        PackedFileError: The file has no such member, or a wrong one.
    """
    try:
        keys = {key_of(place) for place in _places(packed.info["blocks"])}
    except (KeyError, TypeError, AttributeError) as error:
        raise PackedFileError(
            f"its info does not say where its blocks are ({type(error).__name__}: {error}); export "
            "it again"
        ) from error
    buffers, steps = list(packed.program.buffers), list(packed.program.steps)
    floats, bits = {}, {}
    for key in sorted(keys):
        if key[0] not in range(len(steps)):
            raise PackedFileError(
                f"info.blocks names step {key[0]} of {len(steps)}; export it again"
            )
        step = steps[key[0]]
        sinks = _find(step, key)
        if sinks.float_ is None:
            sinks = replace(sinks, float_=len(buffers))
            buffers.append(Buffer(kind="float", channels=_channels(buffers, sinks)))
            steps[key[0]] = _with(step, key, sinks)
        floats[key] = key[0], sinks.writes()[0]
        if sinks.bits:
            bits[key] = key[0], sinks.bits[0].buffer
    program = replace(packed.program, buffers=tuple(buffers), steps=tuple(steps))
    kept = PackedFile(program, packed.info, packed.tensors)
    return KeptPlaces(packed=kept, floats=floats, bits=bits)


def _places(blocks: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for block in blocks.values():
        yield from block["inputs"]
        yield from block["units"].values()
        if block["merged"] is not None:
            yield block["merged"]


def _channels(buffers: list[Buffer], sinks: Sinks) -> int:
    return next(buffers[number].channels for number in sinks.writes() if number < len(buffers))


def _find(step: Any, key: PlaceKey) -> Sinks:
    _, at, index = key
    sinks = None
    if index < 0 or (isinstance(step, Conv) and index >= len(step.branches)):
        raise PackedFileError(f"info.blocks names branch {index} of step {key[0]}; export it again")
    if isinstance(step, Stem) and at == "stem":
        sinks = step.sinks
    elif isinstance(step, Conv) and at == "branch":
        sinks = step.branches[index].sinks
    elif isinstance(step, Conv) and step.join:
        sinks = step.join.merged if at == "merged" else step.join.branches[index]
    if sinks is None:
        raise PackedFileError(f"step {key[0]} has no sinks at {at!r}, number {index}")
    return sinks


def _with(step: Any, key: PlaceKey, sinks: Sinks) -> Any:
    _, at, index = key
    if at == "stem":
        return replace(step, sinks=sinks)
    if at == "branch":
        branches: list[Branch] = list(step.branches)
        branches[index] = replace(branches[index], sinks=sinks)
        return replace(step, branches=tuple(branches))
    join: Join = step.join
    if at == "merged":
        return replace(step, join=replace(join, merged=sinks))
    after = list(join.branches)
    after[index] = sinks
    return replace(step, join=replace(join, branches=tuple(after)))
