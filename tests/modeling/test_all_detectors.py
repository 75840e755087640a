"""Every detector with every choice of parts and decomposition, as built from a config."""

import pytest
import torch

from groupnet_det.analysis.complexity import count_complexity
from groupnet_det.analysis.precision_map import layer_precisions
from groupnet_det.errors import ConfigError
from groupnet_det.layers import BranchedUnit, ConvUnit, QuantizedConv2d

from .detectors import DETECTORS, losses_of, make_batch, make_detector, parts_options

LOSSES = {
    "retinanet": {"loss_cls", "loss_box_reg"},
    "fcos": {"loss_fcos_cls", "loss_fcos_loc", "loss_fcos_ctr"},
    "faster_rcnn": {"loss_rpn_cls", "loss_rpn_loc", "loss_cls", "loss_box_reg"},
    "cascade_rcnn": {
        *("loss_rpn_cls", "loss_rpn_loc"),
        *(f"loss_{kind}_stage{n}" for kind in ("cls", "box_reg") for n in range(3)),
    },
    "mask_rcnn": {"loss_rpn_cls", "loss_rpn_loc", "loss_cls", "loss_box_reg", "loss_mask"},
    "panoptic_fpn": {
        *("loss_rpn_cls", "loss_rpn_loc", "loss_cls", "loss_box_reg", "loss_mask"),
        "loss_sem_seg",
    },
}
HEADS = {
    "retinanet": ["head.cls_tower", "head.bbox_tower"],
    "fcos": ["head.cls_tower", "head.bbox_tower"],
    "faster_rcnn": ["proposal_generator.rpn_head.tower", "roi_heads.box_head.tower"],
    "cascade_rcnn": [f"roi_heads.box_head.{n}.tower" for n in range(3)],
    "mask_rcnn": ["roi_heads.mask_head.tower"],
    "panoptic_fpn": [f"sem_seg_head.p{n}.tower" for n in (2, 3, 4, 5)],
}
FLOAT_ALWAYS = (
    *("backbone.bottom_up.stem", "head.cls_score", "head.bbox_pred", "head.ctrness"),
    *("proposal_generator.rpn_head.objectness_logits", "proposal_generator.rpn_head.anchor_deltas"),
    *("roi_heads.box_predictor", "roi_heads.mask_head.predictor", "sem_seg_head.predictor"),
)
DECOMPOSITIONS = {
    "layer": [],
    "towers": ["MODEL.GROUPNET.HEAD.GROUP", "tower", "MODEL.GROUPNET.FPN.GROUP", "pyramid"],
    "ungated": [
        *("MODEL.GROUPNET.HEAD.GROUP", "tower", "MODEL.GROUPNET.HEAD.GATES", "False"),
        *("MODEL.GROUPNET.FPN.GROUP", "pyramid", "MODEL.GROUPNET.FPN.GATES", "False"),
    ],
}


def check_losses(model, losses, name):
    sum(losses.values()).backward()
    assert set(losses) == LOSSES[name]
    assert all(torch.isfinite(loss) for loss in losses.values())
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key


@pytest.mark.parametrize("decomposition", DECOMPOSITIONS)
@pytest.mark.parametrize("name", DETECTORS)
def test_training_and_inference(root, name, decomposition):
    model = make_detector(root, name, *DECOMPOSITIONS[decomposition]).train()
    check_losses(model, losses_of(model), name)
    for size in ((33, 47), (64, 128)):
        (output,) = model.eval()([{"image": torch.zeros(3, *size)}])
        assert output["instances"].image_size == size
        assert output["instances"].has("pred_masks") == (name in ("mask_rcnn", "panoptic_fpn"))
        if name == "panoptic_fpn":
            assert output["sem_seg"].shape == (2, *size)
            assert output["panoptic_seg"][0].shape == size
        model.train()
        losses_of(model)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("head", ["group_net", "float", "xnor_net", "dorefa", "lsq"])
def test_precision_of_each_part(root, name, head):
    model = make_detector(root, name, *parts_options("group_net", "float", head)).train()
    layers = list(layer_precisions(model))
    wanted = {"backbone.bottom_up.res": 1, "backbone.fpn_": 32}
    bits = {"group_net": 1, "float": 32, "xnor_net": 1, "dorefa": 2, "lsq": 2}[head]
    wanted.update(dict.fromkeys(HEADS[name], bits))
    for prefix, weight_bits in wanted.items():
        found = {layer.weight_bits for layer in layers if layer.name.startswith(prefix)}
        assert found == {weight_bits}, prefix
    floats = [layer for layer in layers if layer.name.startswith(FLOAT_ALWAYS)]
    assert {layer.weight_bits for layer in floats} == {32}
    # All else is one of these parts.
    prefixes = (*wanted, *FLOAT_ALWAYS, "proposal_generator", "roi_heads", "backbone.top_block")
    assert all(layer.name.startswith(prefixes) for layer in layers)
    check_losses(model, losses_of(model), name)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("decomposition", ["layer", "towers"])
def test_every_binary_layer_sees_both_signs(root, name, decomposition):
    """A ReLU in front of a sign, without a shortcut around it, would make it +1 throughout."""
    model = make_detector(root, name, *DECOMPOSITIONS[decomposition]).train()
    shares = {}
    for key, layer in model.named_modules():
        if isinstance(layer, QuantizedConv2d):
            watch_signs(layer.activation, key, shares)
    losses_of(model)
    assert len(shares) > 30
    # p7 of 64 x 96 pixels has one of its own; a share of few values may be anything.
    seen = {key: share for key, share in shares.items() if "top_block" not in key}
    assert all(0.02 < share < 0.98 for share in seen.values()), seen


def watch_signs(quantizer, key, shares):
    shifted = quantizer.shifted

    def watched(x):
        shares[key] = (x >= 0).double().mean().item()
        return shifted(x)

    quantizer.shifted = watched


@pytest.mark.parametrize("name", DETECTORS)
def test_images_without_objects_train(root, name):
    model = make_detector(root, name).train()
    losses = losses_of(model, make_batch(num_objects=0))
    assert set(losses) == LOSSES[name]
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    for key, buffer in model.named_buffers():
        assert not buffer.is_floating_point() or buffer.isfinite().all(), key


def test_dense_heads_and_region_proposals_have_bn_for_each_level(root):
    for name, num_levels in (("retinanet", 5), ("fcos", 5), ("faster_rcnn", 5)):
        model = make_detector(root, name)
        (tower,) = (model.get_submodule(HEADS[name][0]),)
        for layer in tower:
            assert len({norm.weight.data_ptr() for norm in layer.norm}) == num_levels
            assert len({norm.running_mean.data_ptr() for norm in layer.norm}) == num_levels


def test_decomposition_of_towers_and_pyramid(root):
    model = make_detector(root, "retinanet", *DECOMPOSITIONS["towers"])
    for part in (model.backbone.fpn_lateral4, *model.head.cls_tower, model.backbone.top_block.p7):
        assert isinstance(part, BranchedUnit)
        assert [unit.num_bases for unit in part.branches] == [1, 1]
    gated = [layer.connect is not None for layer in model.head.cls_tower]
    assert gated == [False, True]
    assert model.backbone.fpn_lateral4.connect is None
    assert model.backbone.fpn_output4.connect is not None
    by_layer = make_detector(root, "retinanet")
    assert all(isinstance(layer, ConvUnit) for layer in by_layer.head.cls_tower)
    ungated = make_detector(root, "retinanet", *DECOMPOSITIONS["ungated"])
    assert not [key for key in ungated.state_dict() if "head" in key and key.endswith("gate")]


@pytest.mark.parametrize("gate", [None, 0.0, 1.5])
def test_parallel_pyramids_by_hand(root, gate):
    options = [*DECOMPOSITIONS["towers"], "MODEL.GROUPNET.FPN.GATES", str(gate is not None)]
    neck = make_detector(root, "retinanet", *options).backbone.eval()
    share = torch.sigmoid(torch.tensor(gate or 0.0))
    if gate is not None:
        torch.nn.init.constant_(neck.fpn_output4.connect.gate, gate)
    images = torch.randn(1, 3, 64, 64)
    features = neck.bottom_up(images)
    hidden = []
    for k in range(2):
        top = neck.fpn_lateral5.branches[k](features["res5"])
        top = top.repeat_interleave(2, 2).repeat_interleave(2, 3)
        hidden.append(neck.fpn_lateral4.branches[k](features["res4"]) + top)
    mean = (hidden[0] + hidden[1]) / 2
    if gate is not None:
        hidden = [share * x + (1 - share) * mean for x in hidden]
    outputs = [unit(x) for unit, x in zip(neck.fpn_output4.branches, hidden, strict=True)]
    torch.testing.assert_close(neck(images)["p4"], (outputs[0] + outputs[1]) / 2)


def test_loss_normalizer_of_fcos_is_saved(root):
    model = make_detector(root, "fcos").train()
    losses_of(model)
    restored = make_detector(root, "fcos")
    restored.load_state_dict(model.state_dict())
    assert restored.loss_normalizer == model.loss_normalizer
    assert 270 <= model.loss_normalizer < 300  # from 300, by a tenth towards the positives


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("decomposition", ["layer", "towers"])
def test_complexity_counts_all_parts(root, name, decomposition):
    """Of binary operations, each is done K times; in full precision the same ones are floats."""
    image = [{"image": torch.zeros(3, 64, 64)}]
    extra = ["MODEL.RPN.NMS_THRESH", "1.0", "MODEL.ROI_HEADS.SCORE_THRESH_TEST", "1.0"]
    counts = {}
    for bases in ("1", "2"):
        options = [*DECOMPOSITIONS[decomposition], *extra, "MODEL.GROUPNET.NUM_BASES", bases]
        model = make_detector(root, name, *options).eval()
        counts[bases] = count_complexity(model, lambda model=model: model(image))
    float_model = make_detector(root, name, *extra, "MODEL.GROUPNET.METHOD", "float").eval()
    full = count_complexity(float_model, lambda: float_model(image))
    assert full.binary_operations == 0
    assert counts["2"].binary_operations == 2 * counts["1"].binary_operations > 0
    assert counts["2"].float_operations == counts["1"].float_operations
    total = counts["1"].binary_operations + counts["1"].float_operations
    assert total == full.float_operations


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("fcos", "MODEL.GROUPNET.HEAD.GROUP", "block", "HEAD.GROUP is 'block'; valid: 'layer'"),
        ("fcos", "MODEL.GROUPNET.FPN.GROUP", "tower", "FPN.GROUP is 'tower'; valid: 'layer'"),
        ("fcos", "MODEL.FCOS.IN_FEATURES", "['p2']", r"IN_FEATURES names \['p2'\]; choose"),
        ("faster_rcnn", "MODEL.ROI_BOX_HEAD.NUM_FC", "0", "NUM_CONV and NUM_FC are both 0"),
        ("panoptic_fpn", "MODEL.SEM_SEG_HEAD.COMMON_STRIDE", "8", r"strides \[4, 8, 16, 32\]"),
        ("panoptic_fpn", "MODEL.SEM_SEG_HEAD.IN_FEATURES", "['p9']", r"names \['p9'\]; choose"),
    ],
)
def test_config_errors_name_the_key(root, name, key, value, message):
    with pytest.raises(ConfigError, match=message):
        make_detector(root, name, "MODEL.ROI_BOX_HEAD.NUM_CONV", "0", key, value)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("retinanet", "MODEL.RETINANET.IN_FEATURES"),
        ("fcos", "MODEL.FCOS.IN_FEATURES"),
        ("panoptic_fpn", "MODEL.SEM_SEG_HEAD.IN_FEATURES"),
    ],
)
def test_levels_that_are_not_there(root, name, key):
    message = rf"{key} names \['p9'\]; choose from \['p[23]', .*\(MODEL\.FPN\.IN_FEATURES and"
    with pytest.raises(ConfigError, match=message):
        make_detector(root, name, key, "['p3', 'p9']")
