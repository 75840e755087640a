"""Segmentation networks as Detectron2's SemanticSegmentor builds them from a config."""

import itertools

import pytest
import torch
from detectron2.modeling import SemanticSegmentor

from groupnet_det.analysis.precision_map import layer_precisions
from groupnet_det.errors import ConfigError, DataError, TrainingError
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.layers.methods import METHODS

from .segmentors import AUXILIARY, HEADS, NUM_CLASSES, PARTS, make_batch, make_segmentor

# Where the convolutions of a part are.
PLACES = {
    "BACKBONE": ("backbone.res",),
    "HEAD": ("sem_seg_head.units", "sem_seg_head.aspp", "sem_seg_head.auxiliary.unit"),
    "DECODER": ("sem_seg_head.reduce", "sem_seg_head.decoder"),
}
ALWAYS_FLOAT = (
    *("backbone.stem", "sem_seg_head.predictor", "sem_seg_head.auxiliary.predictor"),
    *("sem_seg_head.project", "sem_seg_head.refine"),
)


def train_step(model, batch=None):
    losses = model.train()(batch or make_batch())
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    return losses


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    ("backbone", "in_head", "decoder"), list(itertools.product(["group_net", "float"], repeat=3))
)
def test_each_part_is_binary_or_float(head, backbone, in_head, decoder):
    methods = {"BACKBONE": backbone, "HEAD": in_head, "DECODER": decoder}
    options = [item for part, method in methods.items() for item in (PARTS + part, method)]
    model = make_segmentor(head, *options, *AUXILIARY)
    assert type(model) is SemanticSegmentor
    assert set(train_step(model)) == {"loss_sem_seg", "loss_sem_seg_auxiliary"}
    found = set()
    for layer in layer_precisions(model):
        (part,) = [p for p, places in PLACES.items() if layer.name.startswith(places)] or [None]
        assert (part is None) == layer.name.startswith(ALWAYS_FLOAT), layer.name
        is_binary = part is not None and methods[part] == "group_net"
        wanted = (1, 1) if is_binary else (32, 32)
        assert (layer.weight_bits, layer.activation_bits) == wanted, layer.name
        found.add(part)
    assert ("DECODER" in found) == (head == "deeplabv3plus")


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("head", ["fcn8s", "deeplabv3", "deeplabv3plus"])
def test_every_method_works_with_one_key(head, name):
    model = make_segmentor(head, "MODEL.GROUPNET.METHOD", name, *AUXILIARY)
    train_step(model)
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        # The mean of a random map is near 0, and so may all of its quantized values be.
        if parameter.ndim == 4 and "pooling" not in key:
            assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_images_of_any_size(head, output_stride):
    stride = ["MODEL.GROUPNET.OUTPUT_STRIDE", output_stride]
    model = make_segmentor(head, *stride, "MODEL.GROUPNET.BPAC.ENABLED", False).eval()
    for size in ((33, 47), (1, 1), (64, 200), (97, 65)):
        (output,) = model([{"image": torch.zeros(3, *size)}])
        assert output["sem_seg"].shape == (NUM_CLASSES, *size)
    (output,) = model([{"image": torch.zeros(3, 40, 50), "height": 80, "width": 100}])
    assert output["sem_seg"].shape == (NUM_CLASSES, 80, 100)


@pytest.mark.parametrize("head", HEADS)
def test_images_of_unlike_sizes_train_together(head):
    train_step(make_segmentor(head), make_batch((65, 47), (50, 97)))


@pytest.mark.parametrize("head", HEADS)
def test_pixels_to_be_ignored_have_no_say(head):
    """Nor has the padding, by which images of unlike sizes become a batch."""
    model = make_segmentor(head, "MODEL.SEM_SEG_HEAD.IGNORE_VALUE", 200).train()
    batch = make_batch((64, 96), (40, 50))
    batch[0]["sem_seg"][:50] = 200
    features = model.backbone(padded_images(model, batch))
    logits = model.sem_seg_head.eval()(features)[0].detach()
    model.sem_seg_head.training = True  # its BN stays as it is in evaluation
    _, losses = model.sem_seg_head(features, padded_masks(batch, 200))
    sums, count = 0.0, 0
    for scores, sample in zip(logits, batch, strict=True):
        mask = sample["sem_seg"]
        labelled = mask != 200
        probabilities = scores[:, : mask.shape[0], : mask.shape[1]].double().softmax(dim=0)
        chosen = probabilities.gather(0, mask.where(labelled, 0)[None])[0]
        sums -= chosen.log()[labelled].sum().item()
        count += int(labelled.sum())
    assert losses["loss_sem_seg"].item() == pytest.approx(sums / count, rel=1e-5)


def padded_images(model, batch):
    images = torch.zeros(len(batch), 3, 64, 96)
    for row, sample in zip(images, batch, strict=True):
        height, width = sample["image"].shape[1:]
        row[:, :height, :width] = (sample["image"] - model.pixel_mean) / model.pixel_std
    return images


def padded_masks(batch, ignore_value):
    masks = torch.full((len(batch), 64, 96), ignore_value)
    for row, sample in zip(masks, batch, strict=True):
        height, width = sample["sem_seg"].shape
        row[:height, :width] = sample["sem_seg"]
    return masks


def test_fcn_sums_from_coarse_to_fine():
    """By hand on the true strides 32, 16 and 8, and with as many units as configured."""
    options = ["MODEL.GROUPNET.OUTPUT_STRIDE", 32, "MODEL.GROUPNET.BPAC.ENABLED", False]
    for num_convs in (0, 1, 2):
        keys = ["MODEL.GROUPNET.SEGMENTATION.NUM_CONVS", num_convs]
        head = make_segmentor("fcn8s", *options, *keys).sem_seg_head.eval()
        assert head.stride == 8
        maps = {
            name: torch.randn(1, channels, *size)
            for name, channels, size in (
                ("res3", 16, (8, 12)),
                ("res4", 32, (4, 6)),
                ("res5", 64, (2, 3)),
            )
        }
        deepest = maps["res5"]
        for unit in head.units:
            deepest = unit(deepest)
        assert sum(isinstance(m, QuantizedConv2d) for m in head.units.modules()) == num_convs
        s5, s4, s3 = (
            head.predictors[name](x)
            for name, x in (("res5", deepest), ("res4", maps["res4"]), ("res3", maps["res3"]))
        )
        expected = s3 + twice(s4 + twice(s5))
        torch.testing.assert_close(head.score(maps), expected)


def twice(x):
    """Values stay at even places; between them stand means; after the last it goes on."""
    for dim in (2, 3):
        following = torch.cat([x.narrow(dim, 1, x.shape[dim] - 1), x.narrow(dim, -1, 1)], dim)
        x = torch.stack([x, (x + following) / 2], dim + 1).flatten(dim, dim + 1)
    return x


def test_deeplabv3plus_joins_an_early_map():
    """By hand at output stride 16, so four times the grid of res2 is that of the pyramid."""
    stride = ["MODEL.GROUPNET.OUTPUT_STRIDE", 16]
    low = ["MODEL.GROUPNET.SEGMENTATION.LOW_LEVEL.CHANNELS", 6]
    head = make_segmentor("deeplabv3plus", *stride, *low).sem_seg_head.eval()
    maps = {"res2": torch.randn(1, 8, 16, 24), "res5": torch.randn(1, 64, 4, 6)}
    aspp = torch.cat(
        [*(branch(maps["res5"]) for branch in head.aspp.branches), head.aspp.pooling(maps["res5"])],
        dim=1,
    )
    context = twice(twice(head.project(aspp)))
    joined = torch.cat([head.reduce(maps["res2"]), context], dim=1)
    assert joined.shape == (1, 6 + 16, 16, 24)
    hidden = head.decoder[0](joined)
    expected = head.predictor(head.decoder[1](hidden))
    torch.testing.assert_close(head.score(maps), expected, rtol=1e-4, atol=1e-5)
    assert head.stride == 4
    assert head.decoder[1].shortcut


@pytest.mark.parametrize("head", HEADS)
def test_tanh_stage_has_the_same_keys(head):
    tanh = ["MODEL.GROUPNET.ACTIVATION", "tanh", "MODEL.GROUPNET.WEIGHT", "float"]
    binary, smooth = make_segmentor(head), make_segmentor(head, *tanh)
    assert list(binary.state_dict()) == list(smooth.state_dict())
    train_step(smooth)


@pytest.mark.parametrize(("depth", "width"), [(18, 0.125), (50, 0.0625)])
@pytest.mark.parametrize("feature", ["res3", "res4"])
def test_auxiliary_head_has_the_backbones_channels(depth, width, feature):
    model = make_segmentor(
        *("deeplabv3", "MODEL.GROUPNET.DEPTH", depth, "MODEL.GROUPNET.WIDTH", width),
        *("MODEL.GROUPNET.SEGMENTATION.AUXILIARY.FEATURE", feature, *AUXILIARY),
    )
    channels = model.backbone.output_shape()[feature].channels
    auxiliary = model.sem_seg_head.auxiliary
    assert auxiliary.unit.conv.in_channels == channels
    assert auxiliary.predictor.in_channels == channels // 4

    losses = train_step(model)
    halved = 0.5 * losses["loss_sem_seg_auxiliary"]
    model.sem_seg_head.auxiliary_weight /= 2
    assert halved > 0
    calls = []
    auxiliary.register_forward_hook(lambda *_: calls.append(1))
    model.eval()([{"image": torch.zeros(3, 64, 64)}])
    assert not calls  # it serves training alone


def test_without_auxiliary_head_there_are_no_weights_for_one():
    assert not any("auxiliary" in key for key in make_segmentor("deeplabv3").state_dict())


def test_loss_weight():
    torch.manual_seed(1)
    single = make_segmentor("fcn16s")
    double = make_segmentor("fcn16s", "MODEL.SEM_SEG_HEAD.LOSS_WEIGHT", 2.0)
    double.load_state_dict(single.state_dict())
    batch = make_batch()
    losses = [model.train()(batch)["loss_sem_seg"] for model in (single, double)]
    torch.testing.assert_close(losses[1], 2 * losses[0])


def test_a_single_image_is_too_few_for_the_image_pooling():
    model = make_segmentor("deeplabv3").train()
    with pytest.raises(TrainingError, match=r"SOLVER.IMS_PER_BATCH to at least 2"):
        model(make_batch((64, 64)))


def test_images_without_masks_are_named():
    with pytest.raises(DataError, match="without a mask"):
        make_segmentor("fcn32s").train()([{"image": torch.zeros(3, 32, 32)}] * 2)


@pytest.mark.parametrize(
    ("head", "key", "value", "message"),
    [
        ("fcn32s", "SEM_SEG_HEAD.NUM_CLASSES", 1, "NUM_CLASSES is 1; set that of the data set"),
        ("fcn32s", "SEM_SEG_HEAD.IN_FEATURES", ["p2"], r"'p2'.*choose from \['res2'.*OUT_FEATURES"),
        ("fcn32s", "SEM_SEG_HEAD.IN_FEATURES", [], r"IN_FEATURES names nothing; choose from"),
        ("fcn32s", "SEM_SEG_HEAD.IN_FEATURES", ["res5", "res2"], r"strides \[8, 4\].*high to low"),
        ("deeplabv3", "SEM_SEG_HEAD.IN_FEATURES", ["res4", "res5"], "this head takes one"),
        ("deeplabv3", "GROUPNET.SEGMENTATION.ASPP_RATES", [], r"ASPP_RATES is \[\]"),
        ("deeplabv3", "GROUPNET.SEGMENTATION.ASPP_RATES", [6, 0], "numbers above 0"),
        (
            "deeplabv3",
            "GROUPNET.SEGMENTATION.ASPP_ACTIVATION",
            "ternary",
            "ASPP_ACTIVATION is 'ternary'; valid: 'zero_one', 'method'",
        ),
        ("deeplabv3plus", "GROUPNET.SEGMENTATION.LOW_LEVEL.FEATURE", "res1", "LOW_LEVEL.*'res1'"),
        ("deeplabv3plus", "GROUPNET.PARTS.DECODER", "ternary", "PARTS.*'ternary'.*'group_net'"),
        ("fcn32s", "GROUPNET.OUT_FEATURES", ["res3", "res4"], r"'res5'.*\['res3', 'res4'\]"),
    ],
)
def test_config_errors_name_the_key(head, key, value, message):
    with pytest.raises(ConfigError, match=message):
        make_segmentor(head, f"MODEL.{key}", value)


def test_an_unknown_auxiliary_feature_is_named():
    with pytest.raises(ConfigError, match=r"AUXILIARY.FEATURE names \['res6'\]"):
        make_segmentor(
            *("fcn32s", "MODEL.GROUPNET.SEGMENTATION.AUXILIARY.FEATURE", "res6", *AUXILIARY)
        )
