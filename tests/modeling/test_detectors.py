"""The networks as Detectron2 builds them from a config."""

import itertools

import pytest
import torch
from detectron2.layers import ShapeSpec
from detectron2.modeling import FPN, build_backbone, build_model
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import EventStorage

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.analysis.precision_map import layer_precisions
from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.layers.methods import METHODS
from groupnet_det.modeling.necks.binary_fpn import BinaryFPN

SMALL = [
    *("MODEL.DEVICE", "cpu", "MODEL.GROUPNET.WIDTH", "0.125", "MODEL.GROUPNET.NUM_BASES", "2"),
    *("MODEL.FPN.OUT_CHANNELS", "16", "MODEL.RETINANET.NUM_CLASSES", "3"),
    *("MODEL.RETINANET.NUM_CONVS", "2"),
]


def small_config(root, *options):
    path = root / "configs/Base/retinanet_groupnet_r18_fpn.yaml"
    return load_config(str(path), [*SMALL, *options])


def make_batch(number=2):
    instances = Instances((64, 96))
    instances.gt_boxes = Boxes(torch.tensor([[4.0, 4.0, 50.0, 44.0]]))
    instances.gt_classes = torch.tensor([1])
    return [
        {"image": torch.randint(0, 255, (3, 64, 96)).float(), "instances": instances}
        for _ in range(number)
    ]


def parts_options(backbone, neck, head):
    names = ("BACKBONE", "NECK", "HEAD")
    pairs = zip(names, (backbone, neck, head), strict=True)
    return [item for name, value in pairs for item in (f"MODEL.GROUPNET.PARTS.{name}", value)]


@pytest.mark.parametrize(
    ("backbone", "neck", "head"), list(itertools.product(["group_net", "float"], repeat=3))
)
def test_each_part_is_binary_or_float(root, backbone, neck, head):
    model = build_model(small_config(root, *parts_options(backbone, neck, head))).train()
    with EventStorage():
        losses = model(make_batch())
    sum(losses.values()).backward()
    assert set(losses) == {"loss_cls", "loss_box_reg"}
    assert all(torch.isfinite(loss) for loss in losses.values())

    wanted = {"backbone.bottom_up.res": backbone, "backbone.fpn": neck, "head.cls_tower": head}
    for prefix, precision in wanted.items():
        bits = {
            layer.weight_bits for layer in layer_precisions(model) if layer.name.startswith(prefix)
        }
        assert bits == ({1} if precision == "group_net" else {32}), prefix
    always_float = ("head.cls_score", "head.bbox_pred", "backbone.bottom_up.stem")
    for layer in layer_precisions(model):
        if layer.name.startswith(always_float):
            assert layer.weight_bits == 32


@pytest.mark.parametrize("name", METHODS)
def test_every_method_works_in_backbone_neck_and_head(root, name):
    """One key changes the whole detector."""
    model = build_model(small_config(root, "MODEL.GROUPNET.METHOD", name)).train()
    with EventStorage():
        losses = model(make_batch())
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    weights = {n: p.grad for n, p in model.named_parameters() if p.ndim == 4}
    assert all(grad is not None and torch.isfinite(grad).all() for grad in weights.values())
    for part in ("backbone.bottom_up.res", "backbone.fpn_", "head.cls_tower"):
        assert any(grad.abs().sum() > 0 for n, grad in weights.items() if n.startswith(part)), part


@pytest.mark.parametrize("precision", ["group_net", "float"])
@pytest.mark.parametrize(
    ("top_block", "levels"),
    [
        ("p6p7_from_res5", "p3 p4 p5 p6 p7"),
        ("p6p7_from_p5", "p3 p4 p5 p6 p7"),
        ("maxpool", "p3 p4 p5 p6"),
        ("none", "p3 p4 p5"),
    ],
)
def test_pyramid_levels_and_shapes(root, precision, top_block, levels):
    cfg = small_config(
        *(root, "MODEL.GROUPNET.FPN.TOP_BLOCK", top_block),
        *("MODEL.GROUPNET.PARTS.NECK", precision),
    )
    neck = build_backbone(cfg, ShapeSpec(channels=3)).eval()
    assert isinstance(neck, BinaryFPN if precision == "group_net" else FPN)
    features = neck(torch.randn(1, 3, 128, 128))
    assert list(features) == levels.split()
    for name, shape in neck.output_shape().items():
        side = 128 // shape.stride
        assert features[name].shape == (1, shape.channels, side, side)
    assert neck.size_divisibility == 32


def test_binary_pyramid_adds_the_upsampled_level(root):
    """By hand: p4's output convolution sees lateral4 + nearest-upsampled lateral5."""
    neck = build_backbone(small_config(root), ShapeSpec(channels=3)).eval()
    images = torch.randn(1, 3, 64, 64)
    features = neck.bottom_up(images)
    top = neck.fpn_lateral5(features["res5"]).repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = neck.fpn_output4(neck.fpn_lateral4(features["res4"]) + top)
    torch.testing.assert_close(neck(images)["p4"], expected)


@pytest.mark.parametrize("backbone", ["group_net", "float"])
def test_binary_pyramid_sees_both_signs(root, backbone):
    """A float backbone ends in a ReLU, whose sign would be +1 throughout."""
    cfg = small_config(root, *parts_options(backbone, "group_net", "group_net"))
    neck = build_backbone(cfg, ShapeSpec(channels=3)).train()
    shares = {}
    for name, layer in neck.named_modules():
        if isinstance(layer, QuantizedConv2d) and ("lateral" in name or "p6" in name):
            watch_signs(layer.activation, name, shares)
    neck(torch.randn(2, 3, 128, 128))
    assert len(shares) == 4  # three laterals and p6, all fed by the backbone
    assert all(0.05 < share < 0.95 for share in shares.values()), shares


def watch_signs(quantizer, name, shares):
    """Note the share of +1 among what `quantizer` makes."""
    shifted = quantizer.shifted

    def watched(x):
        shares[name] = (x >= 0).double().mean().item()
        return shifted(x)

    quantizer.shifted = watched


def test_towers_have_bn_of_their_own_for_each_level(root):
    model = build_model(small_config(root))
    for layer in (*model.head.cls_tower, *model.head.bbox_tower):
        assert len(layer.norm) == 5
        assert len({norm.weight.data_ptr() for norm in layer.norm}) == 5


def test_inference_handles_images_of_any_size(root):
    model = build_model(small_config(root)).eval()
    for size in ((33, 47), (1, 1), (64, 200)):
        (output,) = model([{"image": torch.zeros(3, *size)}])
        assert output["instances"].image_size == size


def test_images_without_objects_train(root):
    model = build_model(small_config(root)).train()
    batch = make_batch()
    for sample in batch:
        sample["instances"] = sample["instances"][[]]
    with EventStorage():
        assert torch.isfinite(sum(model(batch).values()))


def test_loss_normalizer_is_saved(root):
    model = build_model(small_config(root)).train()
    with EventStorage():
        model(make_batch())
    restored = build_model(small_config(root))
    restored.load_state_dict(model.state_dict())
    assert restored.loss_normalizer == model.loss_normalizer
    # As Detectron2: starts at 100 and moves by a tenth towards the number of positive anchors.
    assert 90 <= model.loss_normalizer.item() < 100 or model.loss_normalizer.item() > 100


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("MODEL.GROUPNET.PARTS.NECK", "ternary", r"PARTS.*'ternary'.*'group_net', 'float'"),
        ("MODEL.GROUPNET.FPN.TOP_BLOCK", "p8", "TOP_BLOCK.*'p8'.*'p6p7_from_res5'"),
        ("MODEL.FPN.IN_FEATURES", "['res3', 'res5']", "strides .8, 32.; they must double"),
        ("MODEL.FPN.IN_FEATURES", "['p3']", "choose from .'res2'"),
        ("MODEL.GROUPNET.OUT_FEATURES", "['res3', 'res4']", r"choose from \['res3', 'res4'\]"),
        ("MODEL.FPN.IN_FEATURES", "['res3', 'res4']", "goes on from res5, but .* ends with res4"),
        ("MODEL.GROUPNET.NUM_BASES", "9", "NUM_BASES.*9; valid: 1 to 8"),
        ("MODEL.GROUPNET.MERGE", "max", "MERGE.*'max'"),
    ],
)
def test_config_errors_name_the_key(root, key, value, message):
    with pytest.raises(ConfigError, match=message):
        build_model(small_config(root, key, value))


def bases_of(part):
    return {module.num_bases for module in part.modules() if hasattr(module, "num_bases")}


def test_parts_may_have_bases_of_their_own(root):
    own = "MODEL.GROUPNET.PART_BASES"
    options = [f"{own}.BACKBONE", "1", f"{own}.NECK", "3", "MODEL.GROUPNET.GROUP", "layer"]
    model = build_model(small_config(root, *options, f"{own}.HEAD", "0"))
    neck = [module for name, module in model.backbone.named_children() if name != "bottom_up"]
    assert bases_of(model.backbone.bottom_up) == {1}
    assert set().union(*map(bases_of, neck)) == {3}
    assert bases_of(model.head) == {2}  # NUM_BASES


@pytest.mark.parametrize(
    ("laterals", "names"),
    [("method", ["res3", "res4", "res5"]), ("float", ["res5"])],
    ids=["binary", "float"],
)
def test_inputs_of_the_pyramids_signs_are_normalized(root, laterals, names):
    fpn = "MODEL.GROUPNET.FPN"
    options = [f"{fpn}.NORM_INPUTS", "True", f"{fpn}.LATERALS", laterals]
    pyramid = build_model(small_config(root, *options)).backbone
    assert list(pyramid.input_norms) == names
    with torch.no_grad():
        pyramid.train()(torch.randn(2, 3, 64, 64))
    assert all(norm.num_batches_tracked == 1 for norm in pyramid.input_norms.values())


def test_float_laterals_see_the_maps_as_they_are(root, monkeypatch):
    options = ["MODEL.GROUPNET.FPN.LATERALS", "float", "MODEL.GROUPNET.FPN.NORM_INPUTS", "True"]
    pyramid = build_model(small_config(root, *options)).backbone.eval()
    lateral, seen = pyramid.fpn_lateral5, []
    run = lateral.forward_branches
    monkeypatch.setattr(lateral, "forward_branches", lambda b: seen.append(b) or run(b))
    torch.nn.init.constant_(pyramid.input_norms["res5"].bias, 3.0)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        pyramid(images)
        torch.testing.assert_close(seen, [[[pyramid.bottom_up(images)["res5"]]]])
