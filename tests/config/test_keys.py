"""Our keys beside those of other projects, whichever comes first."""

import pytest
import torch
from detectron2.config import CfgNode, get_cfg
from detectron2.modeling import build_model
from torch import nn

from groupnet_det import add_groupnet_config
from groupnet_det.config import own_node
from groupnet_det.engine.solver.optimizer import build_optimizer


def add_dense_detector(cfg):
    """As a project with an FCOS of its own, whose node has some of our names and others."""
    options = cfg.MODEL.FCOS = CfgNode()
    options.NUM_CLASSES = 7
    options.IN_FEATURES = ["p3", "p4", "p5", "p6", "p7"]
    options.PRIOR_PROB = 0.02
    options.FPN_STRIDES = [8, 16, 32, 64, 128]
    options.SIZES_OF_INTEREST = [64, 128, 256, 512]
    options.POS_RADIUS = 1.25
    options.YIELD_PROPOSAL = False


def add_solver(cfg):
    """As a project with keys of our names in Detectron2's own nodes."""
    cfg.SOLVER.OPTIMIZER = "ADAMW"
    cfg.SOLVER.POLY_LR_POWER = 0.5
    cfg.SOLVER.BACKBONE_MULTIPLIER = 0.1
    cfg.INPUT.SEMANTIC = "ade"  # a value where we have a node
    cfg.MODEL.CLASSIFIER = CfgNode({"NAME": "theirs"})


FOREIGN = {"node": add_dense_detector, "solver": add_solver}
ORDERS = {
    "ours first": lambda ours, theirs: (ours, theirs),
    "ours last": lambda ours, theirs: (theirs, ours),
    "ours first and last": lambda ours, theirs: (ours, theirs, ours),
}


def leaves(node, path=""):
    for key, value in node.items():
        if isinstance(value, CfgNode):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def config(*adders):
    cfg = get_cfg()
    for add in adders:
        add(cfg)
    return cfg


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_a_foreign_project_defines_stays(foreign, order):
    add = FOREIGN[foreign]
    detectron2, alone = dict(leaves(get_cfg())), dict(leaves(config(add)))
    theirs = {key: value for key, value in alone.items() if key not in detectron2}
    both = dict(leaves(config(*ORDERS[order](add_groupnet_config, add))))
    assert theirs
    assert {key: both.get(key) for key in theirs} == theirs


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("foreign", FOREIGN)
def test_our_nodes_are_complete(foreign, order):
    cfg = config(*ORDERS[order](add_groupnet_config, FOREIGN[foreign]))
    cfg.freeze()
    for path in ("MODEL.FCOS", "MODEL.CLASSIFIER", "INPUT.SEMANTIC", "SOLVER.EARLY_STOPPING"):
        own = dict(leaves(own_node(config(add_groupnet_config), path)))
        assert own.keys() <= dict(leaves(own_node(cfg, path))).keys()
    assert cfg.is_frozen()


def test_shared_keys_have_the_foreign_value_and_others_our_default():
    cfg = config(add_groupnet_config, add_dense_detector)
    options = own_node(cfg, "MODEL.FCOS")
    assert (options.PRIOR_PROB, options.NUM_CLASSES, options.NUM_CONVS) == (0.02, 7, 4)
    assert "NUM_CONVS" not in cfg.MODEL.FCOS  # a copy


def test_a_complete_node_is_the_node_itself():
    cfg = config(add_groupnet_config)
    assert own_node(cfg, "MODEL.FCOS") is cfg.MODEL.FCOS


@pytest.mark.parametrize("order", ORDERS)
def test_our_detector_is_built(order, root):
    cfg = config(*ORDERS[order](add_groupnet_config, add_dense_detector))
    cfg.merge_from_file(str(root / "configs/Base/fcos_groupnet_r18_fpn.yaml"))
    cfg.merge_from_list(["MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "16"])
    cfg.MODEL.DEVICE = "cpu"
    model = build_model(cfg)
    assert model.num_classes == 7


@pytest.mark.parametrize("order", ORDERS)
def test_an_optimizer_of_another_spelling_is_that_optimizer(order):
    cfg = config(*ORDERS[order](add_groupnet_config, add_solver))
    assert isinstance(build_optimizer(cfg, nn.Linear(2, 2)), torch.optim.AdamW)


def test_keys_that_were_removed_can_be_set_after_adding_ours_again():
    cfg = config(add_groupnet_config, add_dense_detector, add_groupnet_config)
    cfg.merge_from_list(["MODEL.FCOS.NUM_CONVS", "2", "MODEL.FCOS.POS_RADIUS", "2.0"])
    assert (own_node(cfg, "MODEL.FCOS").NUM_CONVS, cfg.MODEL.FCOS.POS_RADIUS) == (2, 2.0)


def test_two_configs_share_no_list():
    first, second = config(add_groupnet_config), config(add_groupnet_config)
    first.DATASETS.CUSTOM.append({"NAME": "mine"})
    first.MODEL.FCOS.IN_FEATURES.append("p8")
    assert second.DATASETS.CUSTOM == []
    assert "p8" not in second.MODEL.FCOS.IN_FEATURES
