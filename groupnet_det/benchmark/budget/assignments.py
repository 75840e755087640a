"""Assignments: a number of bases for each part of a network, as config keys."""

from collections.abc import Mapping

from detectron2.config import CfgNode

from groupnet_det.config import own_node, parse_slimmable_bases
from groupnet_det.engine.checks.binary_share import build_without_weights
from groupnet_det.errors import ConfigError
from groupnet_det.modeling.backbones.resnet_layout import STAGES

# Number of bases by part: a stage of the backbone, or a member of MODEL.GROUPNET.PART_BASES.
Assignment = Mapping[str, int]
BACKBONE = "BACKBONE"


def assignment_text(assignment: Assignment) -> str:
    """Such as ``res2=1 res3=2 neck=4``."""
    return " ".join(f"{part.lower()}={number}" for part, number in assignment.items())


def with_assignment(cfg: CfgNode, assignment: Assignment) -> CfgNode:
    """The config of a network with fixed numbers of bases, which takes its weights from a slimmable
    one."""
    cfg = cfg.clone()
    cfg.defrost()
    network, most = cfg.MODEL.GROUPNET, max(assignment.values())
    network.SLIMMABLE_BASES, network.STAGE_BASES, network.NUM_BASES = [], [], most
    of_parts = {part: number for part, number in assignment.items() if part not in STAGES}
    of_stages = [assignment.get(stage, most) for stage in STAGES]
    used = {assignment[stage] for stage in STAGES if stage in assignment}
    if len(used) > 1:
        network.STAGE_BASES = of_stages
    elif used:
        (of_parts[BACKBONE],) = used
    for part in network.PART_BASES:
        number = of_parts.get(part, most)
        network.PART_BASES[part] = 0 if number == most else number
    return cfg


def find_choices(cfg: CfgNode) -> dict[str, tuple[int, ...]]:
    """The numbers of bases, rising, that each part of a slimmable network can run with.

    Raises:
        ConfigError: The network is not slimmable, or no part has bases.
    """
    numbers = parse_slimmable_bases(cfg)
    if not numbers:
        raise ConfigError(
            "the network is not slimmable, so it has one number of bases; train it with "
            "MODEL.GROUPNET.SLIMMABLE_BASES [1, 2, 4]"
        )
    network = own_node(cfg, "MODEL.GROUPNET")
    # Chains of branches through the whole backbone, or with a dilation each, have one number.
    is_one = network.GROUP == "network" or network.BPAC.ENABLED or len(network.DILATIONS) > 0
    others = [part for part in network.PART_BASES if part != BACKBONE]
    candidates = [*((BACKBONE,) if is_one else STAGES), *others]
    limits = {part: network.PART_BASES[_key(part)] or max(numbers) for part in candidates}
    choices = {
        part: tuple(number for number in numbers if number <= limits[part]) for part in candidates
    }
    found = {part: own for part, own in choices.items() if _matters(cfg, candidates, part)}
    if not found:
        raise ConfigError("no part of the network has bases, so there is nothing to choose")
    return found


def _key(part: str) -> str:
    return BACKBONE if part in STAGES else part


def _matters(cfg: CfgNode, candidates: list[str], part: str) -> bool:
    """Whether the network has fewer weights with fewer bases in a part."""
    two, one = dict.fromkeys(candidates, 2), {**dict.fromkeys(candidates, 2), part: 1}
    return _num_weights(cfg, one) < _num_weights(cfg, two)


def _num_weights(cfg: CfgNode, assignment: Assignment) -> int:
    network = build_without_weights(with_assignment(cfg, assignment))
    return sum(parameter.numel() for parameter in network.parameters())
