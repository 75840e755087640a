"""Assignments as config keys, and which parts have a choice."""

import pytest

from groupnet_det.benchmark.budget.assignments import find_choices, with_assignment
from groupnet_det.config import load_config
from groupnet_det.engine.checks.binary_share import build_without_weights
from groupnet_det.errors import ConfigError
from groupnet_det.layers.slimmable import num_bases

DETECTOR = "quick/retinanet_groupnet_photo_digits"
CLASSIFIER = "quick/classifier_groupnet_mnist5k"
SEGMENTER = "quick/deeplab_groupnet_photo_digits"
SLIMMABLE = ["MODEL.GROUPNET.SLIMMABLE_BASES", "[1, 2, 4]", "MODEL.GROUPNET.NUM_BASES", "4"]
ALL = (1, 2, 4)


@pytest.mark.parametrize(
    ("config", "options", "expected"),
    [
        (DETECTOR, [], {"res2": ALL, "res3": ALL, "res4": ALL, "NECK": ALL, "HEAD": ALL}),
        (
            DETECTOR,
            ["MODEL.GROUPNET.PART_BASES.NECK", "2", "MODEL.GROUPNET.PARTS.HEAD", "float"],
            {"res2": ALL, "res3": ALL, "res4": ALL, "NECK": (1, 2)},
        ),
        (
            CLASSIFIER,
            ["MODEL.GROUPNET.GROUP", "network"],
            {"BACKBONE": ALL},
        ),
        (
            SEGMENTER,
            ["MODEL.GROUPNET.BPAC.ENABLED", "True"],
            {"BACKBONE": ALL, "HEAD": ALL, "DECODER": ALL},
        ),
    ],
    ids=["detector", "two in the neck, float head", "chains of the network", "BPAC"],
)
def test_parts_with_a_choice(config, options, expected):
    found = find_choices(load_config(config, [*SLIMMABLE, *options]))
    assert found == expected


@pytest.mark.parametrize(
    ("options", "problem"),
    [([], "not slimmable"), ([*SLIMMABLE, "MODEL.GROUPNET.METHOD", "float"], "nothing to choose")],
    ids=["one number", "float"],
)
def test_networks_without_a_choice(options, problem):
    with pytest.raises(ConfigError, match=problem):
        find_choices(load_config(CLASSIFIER, options))


def test_parts_have_their_numbers():
    assignment = {"res2": 1, "res3": 2, "res4": 2, "NECK": 4, "HEAD": 1}
    cfg = with_assignment(load_config(DETECTOR, SLIMMABLE), assignment)
    network = build_without_weights(cfg)
    stages = [num_bases(getattr(network.backbone.bottom_up, f"res{i}")) for i in (2, 3, 4)]
    assert stages == [1, 2, 2]
    laterals = [m for name, m in network.backbone.named_children() if "lateral" in name]
    assert laterals
    assert all(num_bases(lateral) == 4 for lateral in laterals)
    assert num_bases(network.head) == 1


@pytest.mark.parametrize("number", ALL)
def test_one_number_for_all_is_the_usual_network(number):
    cfg = with_assignment(
        load_config(DETECTOR, SLIMMABLE),
        dict.fromkeys(["res2", "res3", "res4", "NECK", "HEAD"], number),
    )
    usual = load_config(DETECTOR, ["MODEL.GROUPNET.NUM_BASES", str(number)])
    assert cfg == usual
