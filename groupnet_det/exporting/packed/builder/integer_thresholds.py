"""Thresholds on the integer sum of a binary convolution, instead of a map and float ones.

Where a branch keeps no floats (nothing is added to it, and only signs are read from it), all
sums that can occur are tried. The map is computed in the order and the roundings of the format, so
the bits are the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from groupnet_det.packed.steps.conv import Branch
from groupnet_det.packed.steps.parts import BitsSink, Buffer, Map, Sinks
from groupnet_det.packed.value_maps import apply_map, sink_bits

# From the name of a member and its value to the name of the kept tensor.
Keep = Callable[[str, Tensor], str]


def on_the_sum(
    branch: Branch, buffers: Sequence[Buffer], tensors: Mapping[str, Tensor], keep: Keep
) -> Branch:
    """The same branch without a map, where each of its bits has one threshold on the sum.

    Args:
        branch: Any; one that is not of this kind, or has no map, is returned as it is.
        buffers, tensors: Buffers and tensors of the program.
        keep: Keeps the new thresholds.
    """
    sinks = branch.sinks
    if sinks is None or not sinks.bits or sinks.float_ is not None:
        return branch
    if sinks.levels or sinks.bytes:
        return branch
    if len(branch.terms) != 1 or branch.residual is not None:
        return branch
    (term,) = branch.terms
    if buffers[term.input].kind != "bits" or (term.map == Map() and branch.final == Map()):
        return branch
    weight = tensors[term.weight]
    positions = weight.shape[1] * weight.shape[2] * buffers[term.input].channels
    offset = None if term.offset is None else tensors[term.offset]
    sums = possible_sums(positions, len(weight), offset)
    values = apply_map(apply_map(sums, term.map, tensors), branch.final, tensors)
    bits = []
    for number, sink in enumerate(sinks.bits):
        switch = find_switch(sums, sink_bits(values, sink, tensors))
        if switch is None:
            return branch
        threshold, invert = (
            keep(f"bits{number}.{member}", value) if bool((value != 0).any()) else None
            for member, value in zip(("sum_threshold", "invert"), switch, strict=True)
        )
        bits.append(BitsSink(buffer=sink.buffer, threshold=threshold, invert=invert))
    return replace(
        branch, terms=(replace(term, map=Map()),), final=Map(), sinks=Sinks(bits=tuple(bits))
    )


def possible_sums(positions: int, channels: int, offset: Tensor | None) -> Tensor:
    """All sums ``offset - 2 m``, rising, float32 (n, C); m is at most the number of positions."""
    mismatches = torch.arange(positions, -1, -1)
    whole = torch.full((channels,), positions) if offset is None else offset.long()
    return (whole - 2 * mismatches[:, None]).float()


def find_switch(sums: Tensor, bits: Tensor) -> tuple[Tensor, Tensor] | None:
    """The least sum from which on the bits are those of the largest one.

    Args:
        sums: Rising, (n, C).
        bits: For each sum.

    Returns:
        Thresholds, float32 (C,), and uint8 (C,) for `BitsSink`; infinite where the bit is always
        the same. None where a channel's bit changes more than once.
    """
    changes = bits[1:] != bits[:-1]
    number = changes.sum(dim=0)
    if bool((number > 1).any()):
        return None
    first = changes.to(torch.uint8).argmax(dim=0)
    threshold = sums[1:].gather(0, first[None])[0]
    always = torch.where(bits[-1], torch.inf, -torch.inf)  # bit 1 is what is not reached
    threshold = torch.where(number == 0, always, threshold)
    invert = (bits[-1] & (number == 1)).to(torch.uint8)
    return threshold, invert
