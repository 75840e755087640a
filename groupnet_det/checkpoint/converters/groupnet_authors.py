"""Conversion of the weights that the authors of Group-Net publish.

Their layout: ``layerL.j.conv1.k.weight`` is base k of the first convolution in block j of stage L,
beside ``bn1.k``, ``scales.k``, ``block_gate`` and ``downsample.{conv,batch_norm}``; segmentation
files carry the backbone under ``pretrained.`` and the decoder under ``head.``.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import CheckpointError

from .conversion import (
    Conversion,
    add_once,
    find_network,
    refuse_unknown_in_blocks,
    stage_key,
    tensors_by_name,
)
from .groupnet_authors_head import HEAD, convert_head, has_binary_aspp

DEPTHS = (18, 34)
BASE = re.compile(r"(conv|bn)([12])\.(\d+)\.(\w+)")
FIRST_BASES = re.compile(r"layer1\.0\.conv1\.(\d+)\.weight")
SCALE = re.compile(r"(layer\d\.\d+)\.scales\.(\d+)")
DOWNSAMPLE = re.compile(r"downsample\.(conv|batch_norm)\.(\w+)")
UNIT_PARTS = {"conv": "conv", "bn": "norm.0"}
DOWNSAMPLE_PARTS = {"conv": "conv", "batch_norm": "norm.0"}
SEGMENTATION_PREFIX = "pretrained."
OUTPUT_STRIDE = 8  # of their segmentation networks
BPAC_KEY = "MODEL.GROUPNET.BPAC"


def is_authors_layout(state: Mapping[Any, Any]) -> bool:
    """Whether the keys are those of the authors' classification or segmentation networks."""
    names = (str(key).removeprefix("module.").removeprefix(SEGMENTATION_PREFIX) for key in state)
    return any(FIRST_BASES.fullmatch(name) for name in names)


def convert_authors(state: Mapping[str, Any], *, bpac: bool = False) -> Conversion:
    """Rename the authors' weights, and recognise their variant.

    The stem's bias, which some files have, is folded into the BN after it: max-pooling commutes
    with a shift per channel, so ``running_mean - bias`` gives the same output. The mean is then a
    float64 tensor, so that nothing is rounded here.

    Networks with gates and without scales were trained with an accumulator that shares its memory
    with branch 0; the options set ``MERGE aliased_mean``, which does the same. Networks with BPAC
    were trained with the last rate in all branches; the options set ``BPAC.LAST_RATE_ONLY``. A
    segmentation network with a binary ASPP is converted with its head.

    Args:
        state: Their ``state_dict``, with or without ``module.``.
        bpac: Whether a segmentation file was trained with BPAC, which its tensors do not show.

    Raises:
        CheckpointError: The tensors do not match, or `bpac` is set for a classifier.
    """
    named = tensors_by_name(state)
    segmentation = any(key.startswith(SEGMENTATION_PREFIX) for key in named)
    if bpac and not segmentation:
        raise CheckpointError("the file is a classification network, which has no BPAC")
    theirs: dict[str, Tensor] = {}
    head: dict[str, Tensor] = {}
    whole = segmentation and has_binary_aspp(named)
    for key, value in named.items():
        target = head if whole and key.startswith(HEAD) else theirs
        add_once(target, key.removeprefix(SEGMENTATION_PREFIX), value, key)
    options = _recognise(theirs)
    source, notes = "Group-Net classification", []
    if segmentation:
        # The classifier that was kept next to the decoder is not part of the network.
        options.pop("MODEL.CLASSIFIER.NUM_CLASSES", None)
        options |= _segmentation_options(bpac)
        source, notes = "Group-Net segmentation", _segmentation_notes(whole, bpac)
    ours, unused = _rename_all(theirs, classifier=not segmentation)
    if whole:
        of_head, head_options = convert_head(head)
        ours |= of_head
        options |= head_options
    return Conversion(source=source, state=ours, options=options, unused=unused, notes=notes)


def _recognise(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The config keys of the network, from the names and shapes of its tensors."""
    gates = any(key.endswith(".block_gate") for key in state)
    scales = any(SCALE.fullmatch(key) for key in state)
    return {
        "MODEL.GROUPNET.METHOD": "group_net",
        **find_network(state, DEPTHS),
        "MODEL.GROUPNET.NUM_BASES": sum(FIRST_BASES.fullmatch(key) is not None for key in state),
        "MODEL.GROUPNET.GATES": gates,
        "MODEL.GROUPNET.MERGE": (
            "learned_scales" if scales else ("aliased_mean" if gates else "mean")
        ),
    }


def _segmentation_options(bpac: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"MODEL.GROUPNET.OUTPUT_STRIDE": OUTPUT_STRIDE}
    if bpac:
        options |= {f"{BPAC_KEY}.ENABLED": True, f"{BPAC_KEY}.LAST_RATE_ONLY": True}
    return options


def _segmentation_notes(whole: bool, bpac: bool) -> list[str]:
    notes = []
    if not whole:
        notes.append(
            "only the backbone is converted: the file has no binary ASPP (head.aspp.b0.0.convs.0), "
            "the only supported decoder"
        )
    if not bpac:
        notes.append(
            "the file does not show whether it was trained with BPAC (dilated branches); if it "
            "was, convert it again with --bpac, or the backbone is wrong"
        )
    return notes


def _rename_all(
    theirs: Mapping[str, Tensor], *, classifier: bool
) -> tuple[dict[str, Tensor], list[str]]:
    """Our state, and the unused keys."""
    ours = _join_scales(theirs)
    unused: list[str] = []
    for key, value in theirs.items():
        name = key if classifier and key.startswith("fc.") else _rename(key)
        if name:
            ours[name] = value
        elif not SCALE.fullmatch(key):
            unused.append(key)
    refuse_unknown_in_blocks(unused)
    _fold_stem_bias(ours)
    return ours, unused


def _rename(key: str) -> str | None:
    """Our name for one of their backbone keys; None for other keys."""
    if key.startswith(("conv1.", "bn1.")):
        return f"backbone.stem.{key}"
    place = stage_key(key)
    if place is None:
        return None
    block, rest = place
    base, downsample = BASE.fullmatch(rest), DOWNSAMPLE.fullmatch(rest)
    if rest == "block_gate":
        return f"backbone.{block}.connect.gate"
    if base:
        part, unit, number, tensor = base.groups()
        return f"backbone.{block}.branches.{number}.unit{unit}.{UNIT_PARTS[part]}.{tensor}"
    if downsample:
        return f"backbone.{block}.downsample.{DOWNSAMPLE_PARTS[downsample[1]]}.{downsample[2]}"
    return None


def _join_scales(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One tensor (K) for the K scales of each block."""
    scales: dict[str, dict[int, Tensor]] = {}
    for key, value in theirs.items():
        match = SCALE.fullmatch(key)
        if match:
            if value.numel() != 1:
                raise CheckpointError(f"{key} has shape {tuple(value.shape)}, not that of a scale")
            block, _ = stage_key(key) or ("", "")
            scales.setdefault(f"backbone.{block}.merge.scales", {})[int(match[2])] = value
    return {
        name: torch.cat([values[number].reshape(1) for number in sorted(values)])
        for name, values in scales.items()
    }


def _fold_stem_bias(ours: dict[str, Tensor]) -> None:
    bias = ours.pop("backbone.stem.conv1.bias", None)
    if bias is None:
        return
    mean = ours.get("backbone.stem.bn1.running_mean")
    if mean is None or mean.shape != bias.shape:
        raise CheckpointError("conv1.bias cannot be folded: no bn1.running_mean has its shape")
    ours["backbone.stem.bn1.running_mean"] = mean.double() - bias.double()
