"""Infos of files about images and results, changed at random: refused in one line, or used."""

import copy
import dataclasses
import random

import pytest
import torch

from groupnet_det.errors import UserError
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.predictor import PackedPredictor
from tests.packed.edits import MISSING, edited
from tests.packed.mutations import VALUES, places, value_at
from tests.packed.programs import group_net_example
from tests.packed.programs_of_parts import segmenter_example

from .small_detectors import dense_detector, panoptic_network, region_detector

FEW, MANY = 150, 3000
MOST_TOLD = 1000  # characters of an error
IMAGE = torch.randint(0, 256, (3, 32, 40), generator=torch.Generator().manual_seed(0)).byte()


def make_segmenter():
    settings = {
        "task": "semantic_segmentation",
        "class_names": list("abcdefg"),
        "preprocessing": dense_detector().info["preprocessing"],
        "postprocessing": {
            "kind": "segmentation",
            "inference": "slide",
            "window": [24, 20],
            "stride": [16, 16],
        },
    }
    packed = segmenter_example()
    return dataclasses.replace(packed, info={**packed.info, **settings})


MAKERS = {
    "classifier": lambda: group_net_example(groups=1, width=16),
    "segmenter": make_segmenter,
    "dense": dense_detector,
    "regions": region_detector,
    "panoptic": panoptic_network,
}
MEMBERS = ("preprocessing", "postprocessing", "class_names", "stuff_class_names", "task")
LARGE = 2**24  # numbers from which images and lists are too large for a test


def mutated(info, rng):
    """A copy of `info` with some of what is read of it changed."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        known = [path for path in places(info) if path[0] in MEMBERS]
        path = rng.choice(known)
        value = copy.deepcopy(rng.choice(VALUES))
        if rng.random() < 0.3:
            value = copy.deepcopy(value_at(info, rng.choice(known)))
        elif rng.random() < 0.3 and type(value_at(info, path)) in (int, float):
            value = value_at(info, path) * rng.choice([-1, 2, 0.5]) + rng.choice([-1, 0, 1])
        if value is MISSING and isinstance(path[-1], int):
            continue
        info = edited(info, path, value)
    return info


def is_affordable(info):
    """Whether images stay small."""
    numbers = [value_at(info, path) for path in places(info) if path[0] == "preprocessing"]
    return not any(type(n) in (int, float) and 100 < n < LARGE for n in numbers)


def outcome(path, packed, info):
    """Whether the file is used; None where it would take too long."""
    if not is_affordable(info):
        return None
    try:
        write_packed(path, packed.program, info, packed.tensors)
    except ValueError:  # NaN, which JSON has not
        return None
    try:
        PackedPredictor(path, score_threshold=None)(IMAGE)
    except UserError as error:
        told = str(error)
    else:
        return True
    assert told
    assert "\n" not in told
    assert len(told) < MOST_TOLD
    return False


def check(kind, path, seeds):
    packed = MAKERS[kind]()
    outcomes = []
    for seed in seeds:
        info = mutated(packed.info, random.Random(f"{kind} {seed}"))
        outcomes.append(outcome(path, packed, info))
    assert outcomes.count(True) > len(outcomes) // 50
    assert outcomes.count(False) > len(outcomes) // 10


@pytest.mark.parametrize("kind", MAKERS)
def test_mutated_info(kind, tmp_path):
    check(kind, tmp_path / "a.gnp", range(FEW))


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
def test_mutated_info_of_many_kinds(kind, tmp_path):
    check(kind, tmp_path / "a.gnp", range(FEW, FEW + MANY))
