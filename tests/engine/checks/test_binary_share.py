"""A training without a binary layer is refused unless its config says that it is float."""

import pytest
import torch

from groupnet_det.config import load_config
from groupnet_det.engine.checks.binary_share import build_without_weights, check_binary_share
from groupnet_det.errors import ConfigError
from tests.engine.test_training import make_config

QUICK = "quick/retinanet_groupnet_photo_digits"
GROUPNET = "MODEL.GROUPNET"
FLOAT_PARTS = [
    word
    for part in ("BACKBONE", "NECK", "HEAD", "DECODER")
    for word in (f"{GROUPNET}.PARTS.{part}", "float")
]
FIRST_STAGE = [f"{GROUPNET}.ACTIVATION", "tanh", f"{GROUPNET}.WEIGHT", "float"]


def check(config, *options):
    cfg = load_config(config, options)
    check_binary_share(cfg, build_without_weights(cfg))


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (QUICK, []),
        (QUICK, FIRST_STAGE),
        (QUICK, FLOAT_PARTS[:2]),
        (QUICK, [f"{GROUPNET}.METHOD", "dorefa"]),
        (QUICK, [f"{GROUPNET}.METHOD", "float"]),
        ("", [f"{GROUPNET}.METHOD", "float"]),
        ("quick/classifier_groupnet_mnist5k_tanh", []),
    ],
    ids=["binary", "first stage", "float backbone", "2 bits", "float", "Detectron2's", "tanh"],
)
def test_binary_networks_and_those_that_are_to_be_float_are_trained(config, options):
    check(config, *options)


@pytest.mark.parametrize(
    ("config", "options", "cause"),
    [
        ("", [], "BACKBONE.NAME is 'build_resnet_backbone' and .*'GeneralizedRCNN'.* _BASE_"),
        (
            "",
            [
                *("MODEL.META_ARCHITECTURE", "RetinaNet", "MODEL.RETINANET.IN_FEATURES", "['p3']"),
                *("MODEL.BACKBONE.NAME", "build_retinanet_resnet_fpn_backbone"),
                *("MODEL.RESNETS.OUT_FEATURES", "['res3','res4','res5']"),
                *("MODEL.FPN.IN_FEATURES", "['res3','res4','res5']"),
            ],
            "'build_retinanet_resnet_fpn_backbone' and MODEL.META_ARCHITECTURE 'RetinaNet'",
        ),
        (QUICK, FLOAT_PARTS, "PARTS.BACKBONE, NECK, HEAD, DECODER is float; set it to method"),
        (QUICK, [*FLOAT_PARTS, *FIRST_STAGE], "PARTS.BACKBONE, NECK, HEAD, DECODER is float"),
        (
            QUICK,
            [f"{GROUPNET}.ACTIVATION", "float", f"{GROUPNET}.WEIGHT", "float"],
            "ACTIVATION is 'float' and WEIGHT 'float'; set both to sign",
        ),
    ],
    ids=["default", "RetinaNet", "parts", "parts of a first stage", "quantizers"],
)
def test_others_are_refused_with_the_cause_and_the_key(config, options, cause):
    with pytest.raises(ConfigError, match=f"METHOD is 'group_net': .*{cause}") as error:
        check(config, *options)
    assert "\n" not in str(error.value)
    assert "MODEL.GROUPNET.METHOD float" in str(error.value)


def test_it_is_refused_before_classes_are_counted(root, tmp_path, datasets_env):
    with pytest.raises(ConfigError, match="no layer of this network is binary"):
        make_config(root, tmp_path, *FLOAT_PARTS, "MODEL.RETINANET.NUM_CLASSES", "3")
    assert not (tmp_path / "config.yaml").exists()


def test_an_evaluation_is_not_refused(root, tmp_path, datasets_env):
    cfg = make_config(root, tmp_path, *FLOAT_PARTS, "MODEL.WEIGHTS", "x", flags=["--eval-only"])
    assert cfg.MODEL.WEIGHTS == "x"


def test_a_network_without_weights_draws_no_random_numbers():
    state = torch.get_rng_state()
    model = build_without_weights(load_config(QUICK))
    assert {p.device.type for p in model.parameters()} == {"meta"}
    assert torch.equal(state, torch.get_rng_state())
