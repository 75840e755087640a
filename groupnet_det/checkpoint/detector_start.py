"""Initialization of a detector from a full-precision detector, a binary backbone, or both.

Both together are the "double pass". An interrupted training resumes from its own checkpoint.
"""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tabulate import tabulate
from torch import Tensor, nn

from groupnet_det.errors import CheckpointError, ConfigError

from .checkpointer import named_state, read_checkpoint
from .compatibility import PREDICTORS, Shapes, backbone_prefix, check_fit, move_backbone
from .folder import local_weights
from .slimmable_state import fit_bases, plain_state

logger = logging.getLogger(__name__)

StateDict = Mapping[str, Tensor]

BRANCH = re.compile(r"\bbranches\.(\d+)\.")
# Names of the layers in Detectron2's pyramid, which full-precision necks use.
FLOAT_PYRAMID = re.compile(r"((?:backbone\.)?(?:fpn_(?:lateral|output)\d+|top_block\.p\d))\.(.+)")
FLOAT_PARTS = (("weight", "conv.weight"), ("norm.", "norm.0."))
# Tensors that contain all bases along their first dimension.
WIDE = re.compile(r".*\.(?:conv\.weight|(?:norm\.\d+|act)\.\w+)")

SAME, COPIED, BACKBONE, NEW = "detector", "detector, copied for each base", "backbone file", "new"


@dataclass
class Initialization:
    """The initial values of a model's tensors and their origins.

    Attributes:
        values: Values by the model's keys; other tensors stay as they are.
        origins: Origin of every key, one of the four words above.
    """

    values: dict[str, Tensor] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def report(self) -> str:
        """A table of the parts, their origins, and the numbers of tensors."""
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for key, origin in self.origins.items():
            counts[_part(key), origin] += 1
        rows = [(*place, number) for place, number in counts.items()]
        return tabulate(rows, headers=["part", "from", "tensors"])


def initialize(
    model: nn.Module, *, detector: str = "", backbone: str = "", noise: float
) -> Initialization:
    """Load the matching tensors of one or two files, and log the report.

    Args:
        detector: Checkpoint whose tensors of the same names are used; "" for none. If one
            convolution becomes K bases, each starts from a copy with noise.
        backbone: Checkpoint whose backbone replaces that of the detector; "" for none.
        noise: Standard deviation of the noise on copies, relative to that of the weights.

    Raises:
        CheckpointError: A file is missing, broken, or of another network.
        ConfigError: `noise` is negative.
    """
    if noise < 0:
        raise ConfigError(f"MODEL.INIT.NOISE is {noise}; it must be at least 0")
    ours = plain_state(model.state_dict())
    plan = Initialization(origins=dict.fromkeys(ours, NEW))
    if detector:
        _take_detector(plan, ours, _read(detector, "MODEL.INIT.DETECTOR"), detector, noise)
    if backbone:
        _take_backbone(plan, ours, _read(backbone, "MODEL.INIT.BACKBONE"), backbone)
    model.load_state_dict(fit_bases(detector, plan.values, model), strict=False)
    files = " and ".join(filter(None, (detector, backbone)))
    logger.info(f"Initialisation from {files}:\n{plan.report()}")
    return plan


def _read(path: str, key: str) -> dict[str, Tensor]:
    path = local_weights(path)
    if not Path(path).exists():
        raise CheckpointError(f"checkpoint {path} does not exist; fix {key}")
    loaded = read_checkpoint(path)
    return plain_state(named_state(path, loaded.get("model", loaded)))


def _take_backbone(plan: Initialization, ours: StateDict, theirs: StateDict, path: str) -> None:
    prefix = backbone_prefix(ours)
    if prefix is None or backbone_prefix(theirs) is None:
        raise CheckpointError(f"{path} or the model has no backbone of ours; fix MODEL.INIT")
    moved = move_backbone(dict(theirs), list(ours))
    wanted = _shapes({key: value for key, value in ours.items() if _in_backbone(key, prefix)})
    found = {key: value for key, value in moved.items() if _in_backbone(key, prefix)}
    check_fit(path, _shapes(found), wanted, strict=False)
    for key in wanted:
        if key in found:
            plan.values[key], plan.origins[key] = found[key], BACKBONE


def _in_backbone(key: str, prefix: str) -> bool:
    return bool(re.match(rf"{re.escape(prefix)}(stem|res\d)\.", key))


def _take_detector(
    plan: Initialization, ours: StateDict, theirs: StateDict, path: str, noise: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    sources: dict[str, list[Tensor]] = defaultdict(list)
    for key in sorted(theirs, key=_branch):
        sources[_common_name(key)].append(theirs[key])
    num_wanted = Counter(map(_common_name, ours))
    for key, value in ours.items():
        name = _common_name(key)
        if name not in sources:
            continue
        source = sources[name][_branch(key) % len(sources[name])]
        taken = _fit(key, source, value)
        if taken is None and key.startswith(PREDICTORS):
            continue  # other classes
        if taken is None:
            raise CheckpointError(
                f"{path} is of another network: {key} has shape {tuple(value.shape)}, in the "
                f"file {tuple(source.shape)}; MODEL.INIT.DETECTOR must have the same DEPTH, WIDTH "
                "and channels, and be full-precision or of the same NUM_BASES and GROUP"
            )
        copied = len(taken) > len(source) if taken.dim() else False
        copied = copied or num_wanted[name] > len(sources[name])
        if copied and key.endswith("conv.weight"):
            taken = taken + noise * taken.std() * torch.randn(taken.shape, generator=generator)
        plan.values[key], plan.origins[key] = taken, COPIED if copied else SAME
    if not any(key.endswith("weight") for key in plan.values):
        raise CheckpointError(
            f"{path}: no weight belongs to this model; is MODEL.INIT.DETECTOR the right file?"
        )


def _fit(key: str, source: Tensor, wanted: Tensor) -> Tensor | None:
    """Return `source`, repeated for each base if needed; None if it does not fit."""
    if source.shape == wanted.shape:
        return source
    if not WIDE.fullmatch(key) or not source.dim() or source.shape[1:] != wanted.shape[1:]:
        return None
    number, rest = divmod(len(wanted), len(source))
    return None if rest else source.repeat(number, *[1] * (source.dim() - 1))


def _common_name(key: str) -> str:
    """A key without its branch, with our names for the parts of a pyramid."""
    name = BRANCH.sub("", key)
    layer = FLOAT_PYRAMID.fullmatch(name)
    for theirs, ours in FLOAT_PARTS:
        if layer and layer[2].startswith(theirs) and not layer[2].startswith(ours):
            return f"{layer[1]}.{ours}{layer[2].removeprefix(theirs)}"
    return name


def _branch(key: str) -> int:
    match = BRANCH.search(key)
    return int(match[1]) if match else 0


def _part(key: str) -> str:
    """The part of a key, such as ``backbone.bottom_up.res2`` or ``head.cls_tower``."""
    components = key.split(".")
    numbers = [i for i, component in enumerate(components) if component.isdigit()]
    kept = components[: numbers[0]] if numbers else components[:-1]
    return ".".join(part for part in kept if part not in ("conv", "norm", "branches"))


def _shapes(state: StateDict) -> Shapes:
    return {key: tuple(value.shape) for key, value in state.items()}
