"""The network of a config, in a packed file."""

import json

import pytest

from groupnet_det.config import load_config
from groupnet_det.config.network import config_of_keys, float_baseline_of, network_keys

CONFIGS = [
    "quick/mask_rcnn_groupnet_photo_digits.yaml",
    "quick/classifier_groupnet_mnist5k.yaml",
    "quick/fcos_groupnet_photo_digits.yaml",
    "COCO-Detection/retinanet_groupnet_r18_k4.yaml",
    "VOC-Segmentation/deeplabv3_groupnet_r18_bpac.yaml",
]
ELSEWHERE = ["MODEL.WEIGHTS", "/home/me/w.pth", "MODEL.DISTILLATION.TEACHER_WEIGHTS", "/home/t.pth"]


@pytest.mark.parametrize("name", CONFIGS)
def test_keys_make_the_same_network(root, name):
    cfg = load_config(str(root / "configs" / name), ["MODEL.DEVICE", "cuda"])
    again = config_of_keys(json.loads(json.dumps(network_keys(cfg))))
    assert again.MODEL.DEVICE == "cpu"
    for config in (cfg, again):
        config.MODEL.DEVICE = config.MODEL.WEIGHTS = ""
        config.MODEL.INIT = config.MODEL.DISTILLATION = None
    assert again.MODEL.dump() == cfg.MODEL.dump()
    assert again.TEST.SEMANTIC == cfg.TEST.SEMANTIC


def test_only_what_is_not_as_by_default():
    assert network_keys(load_config("")) == {}
    options = [*ELSEWHERE, "MODEL.GROUPNET.NUM_BASES", "2", "SOLVER.MAX_ITER", "5"]
    assert network_keys(load_config("", options)) == {"MODEL.GROUPNET.NUM_BASES": 2}


def test_the_baseline_is_float_in_all_parts():
    options = ["MODEL.GROUPNET.PARTS.HEAD", "bnn", "MODEL.GROUPNET.BPAC.ENABLED", "True"]
    cfg = load_config("", options)
    baseline = float_baseline_of(cfg)
    assert baseline.MODEL.GROUPNET.METHOD == "float"
    assert set(baseline.MODEL.GROUPNET.PARTS.values()) == {"method"}
    assert not baseline.MODEL.GROUPNET.BPAC.ENABLED
    assert cfg.MODEL.GROUPNET.METHOD == "group_net"  # as it was
