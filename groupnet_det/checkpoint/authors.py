"""The weights that the authors of Group-Net publish, under our names.

Their layout: ``layerL.j.conv1.k.weight`` is base k of the first convolution in block j of stage L,
beside ``bn1.k``, ``scales.k``, ``block_gate`` and ``downsample.{conv,batch_norm}``; segmentation
files carry the backbone under ``pretrained.``.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import CheckpointError

from .conversion import (
    STEM_CHANNELS,
    STEM_KEY,
    Conversion,
    Depths,
    find_depth_of,
    stage_key,
    without_prefix,
)

DEPTHS: Depths = {("basic", (2, 2, 2, 2)): 18, ("basic", (3, 4, 6, 3)): 34}
BASE = re.compile(r"(conv|bn)(\d)\.(\d+)\.(\w+)")
BASE_CONV = re.compile(r"layer1\.0\.conv1\.(\d+)\.weight")
SCALE = re.compile(r"scales\.(\d+)")
UNIT_PARTS = {"conv": "conv", "bn": "norm.0"}
DOWNSAMPLE_PARTS = {"conv": "conv", "batch_norm": "norm.0"}
SEGMENTATION_PREFIX = "pretrained."


def is_authors_layout(state: Mapping[str, Any]) -> bool:
    """Whether the keys are those of the authors' classification or segmentation networks."""
    names = (key.removeprefix("module.").removeprefix(SEGMENTATION_PREFIX) for key in state)
    return any(BASE_CONV.fullmatch(name) for name in names)


def convert_authors(state: Mapping[str, Any]) -> Conversion:
    """Rename the authors' weights, and recognise their variant.

    The stem's bias, which some files have, is folded into the BN behind it: max-pooling commutes
    with a shift per channel, so ``running_mean - bias`` gives the same output exactly.

    Networks with gates and without scales were trained with an accumulator that shares its memory
    with branch 0. The options then ask for ``MERGE aliased_mean``, which does the same.

    Args:
        state: Their ``state_dict``, with or without ``module.``.

    Raises:
        CheckpointError: The tensors do not fit together.
    """
    named = without_prefix(state)
    segmentation = any(key.startswith(SEGMENTATION_PREFIX) for key in named)
    theirs = {key.removeprefix(SEGMENTATION_PREFIX): value for key, value in named.items()}
    options = _recognise(theirs)
    ours: dict[str, Tensor] = {}
    scales: dict[str, dict[int, Tensor]] = {}
    unused: list[str] = []
    for key, value in theirs.items():
        scale = re.fullmatch(r"(.+)\.scales\.(\d+)", key)
        renamed = _rename(key)
        if scale:
            block, _ = stage_key(key) or ("", "")
            scales.setdefault(f"backbone.{block}.merge.scales", {})[int(scale[2])] = value
        elif renamed:
            ours[renamed] = value
        else:
            unused.append(key)
    for key, values in scales.items():
        ours[key] = torch.cat([values[number].reshape(1) for number in sorted(values)])
    _fold_stem_bias(ours)
    if segmentation:  # the classifier that was kept beside the decoder is no part of the network
        unused += [key for key in ("fc.weight", "fc.bias") if ours.pop(key, None) is not None]
    source = "Group-Net segmentation" if segmentation else "Group-Net classification"
    return Conversion(source=source, state=ours, options=options, unused=unused)


def _recognise(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The config of the network from the keys and shapes."""
    if STEM_KEY not in state:
        raise CheckpointError(f"the file has no {STEM_KEY}; is it a whole network?")
    num_bases = sum(BASE_CONV.fullmatch(key) is not None for key in state)
    gates = any(key.endswith(".block_gate") for key in state)
    scales = any(SCALE.search(key) for key in state)
    merge = "learned_scales" if scales else ("aliased_mean" if gates else "mean")
    options: dict[str, Any] = {
        "MODEL.GROUPNET.METHOD": "group_net",
        "MODEL.GROUPNET.DEPTH": find_depth_of(state, DEPTHS),
        "MODEL.GROUPNET.WIDTH": len(state[STEM_KEY]) / STEM_CHANNELS,
        "MODEL.GROUPNET.NUM_BASES": num_bases,
        "MODEL.GROUPNET.GATES": gates,
        "MODEL.GROUPNET.MERGE": merge,
    }
    if "fc.weight" in state:
        options["MODEL.CLASSIFIER.NUM_CLASSES"] = len(state["fc.weight"])
    return options


def _rename(key: str) -> str | None:
    """Our name of one of their keys; nothing where there is none."""
    if key.startswith("fc."):
        return key
    if key.startswith(("conv1.", "bn1.")):
        return f"backbone.stem.{key}"
    place = stage_key(key)
    if place is None:
        return None
    block, rest = place
    if rest == "block_gate":
        return f"backbone.{block}.connect.gate"
    base = BASE.fullmatch(rest)
    if base:
        part, unit, number, tensor = base.groups()
        return f"backbone.{block}.branches.{number}.unit{unit}.{UNIT_PARTS[part]}.{tensor}"
    part, _, tensor = rest.removeprefix("downsample.").partition(".")
    if rest.startswith("downsample.") and part in DOWNSAMPLE_PARTS:
        return f"backbone.{block}.downsample.{DOWNSAMPLE_PARTS[part]}.{tensor}"
    return None


def _fold_stem_bias(ours: dict[str, Tensor]) -> None:
    bias = ours.pop("backbone.stem.conv1.bias", None)
    if bias is not None:
        mean = ours["backbone.stem.bn1.running_mean"].double()  # so that nothing is rounded here
        ours["backbone.stem.bn1.running_mean"] = mean - bias.double()
