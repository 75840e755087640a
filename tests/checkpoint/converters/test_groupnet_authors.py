"""Files in the authors' layout: the converted network against plain loops over the file."""

import pytest
import torch
from detectron2.layers import ShapeSpec
from detectron2.modeling import build_backbone, build_model

from groupnet_det.checkpoint.checkpointer import Checkpointer, load_tensors
from groupnet_det.checkpoint.converters.foreign_weights import convert_file, write_conversion
from groupnet_det.checkpoint.converters.groupnet_authors import convert_authors, is_authors_layout
from groupnet_det.config import load_config
from groupnet_det.errors import CheckpointError
from tests.checkpoint.authors_decoder import make_head, run_head
from tests.checkpoint.authors_network import STRIDES_8, classify, make_state, run


def with_prefix(prefix, state):
    return {prefix + key: value for key, value in state.items()}


def save(folder, state, name="theirs.pth.tar"):
    torch.save({"state_dict": state, "epoch": 3, "best_top1": torch.tensor(60.0)}, folder / name)
    return folder / name


def converted_config(folder, state, **options):
    """Through files: convert, then read the YAML that was written."""
    conversion = convert_file(save(folder, state), **options)
    config = write_conversion(conversion, folder / "ours.pth")
    return conversion, load_config(str(config), ["MODEL.DEVICE", "cpu"])


def assert_equal(ours, theirs):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= 1e-9 * theirs.abs().max()


@pytest.mark.parametrize(
    ("variant", "merge", "prefix"),
    [
        ({"gates": True, "scales": True, "bias": True}, "learned_scales", ""),
        ({"gates": True, "scales": False}, "aliased_mean", "module."),
        ({"gates": False, "scales": True, "bias": True}, "learned_scales", "module."),
        ({"gates": False, "scales": False}, "mean", ""),
        ({"gates": True, "scales": False, "num_bases": 1}, "aliased_mean", ""),
        ({"gates": True, "scales": False, "num_bases": 3, "depth": 34}, "aliased_mean", ""),
        ({"gates": True, "scales": True, "num_bases": 2, "depth": 34}, "learned_scales", "module."),
    ],
    ids=["gates-scales", "gates", "scales", "neither", "K1", "r34-K3", "r34-K2-scales"],
)
def test_classification_networks(tmp_path, variant, merge, prefix):
    state = make_state(**variant)
    conversion, cfg = converted_config(tmp_path, with_prefix(prefix, state))
    assert conversion.unused == []
    assert conversion.new == []
    assert variant.get("depth", 18) == cfg.MODEL.GROUPNET.DEPTH
    assert variant.get("num_bases", 5) == cfg.MODEL.GROUPNET.NUM_BASES
    assert variant["gates"] == cfg.MODEL.GROUPNET.GATES
    assert merge == cfg.MODEL.GROUPNET.MERGE

    model = build_model(cfg)
    Checkpointer(model, strict=True).load(cfg.MODEL.WEIGHTS)
    model.double().eval()
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        logits = model.classify(model.backbone(images))
    aliased = merge == "aliased_mean"
    assert_equal(logits, classify(state, run(state, images, aliased=aliased)[-1]))


def test_the_aliasing_matters():
    """Else the test above would not tell `aliased_mean` from `mean`."""
    state = make_state(gates=True, scales=False)
    images = torch.randn(1, 3, 64, 64)
    aliased, clean = (run(state, images, aliased=value)[-1] for value in (True, False))
    assert (aliased - clean).abs().max() > 0.1


def segmentation_file(*, bias=False, num_bases=5, **options):
    state = make_state(num_bases=num_bases, bias=bias, **options)
    head = make_head(num_bases=num_bases, bias=bias)
    return state, head, {**with_prefix("pretrained.", state), **head}


def assert_stages_equal(backbone, images, theirs):
    with torch.no_grad():
        features = backbone(images)
    for feature, expected in zip(features.values(), theirs, strict=True):
        assert_equal(feature, expected)
    return features["res5"]


@pytest.mark.parametrize(("num_bases", "rates"), [(5, (6, 10)), (3, (4, 8)), (1, (2, 6))])
@pytest.mark.parametrize("bias", [False, True], ids=["plain", "biases"])
def test_segmentation_with_bpac_runs_at_the_last_rates(tmp_path, num_bases, rates, bias):
    """The whole network, backbone and decoder, as the converted config builds it."""
    state, head, file = segmentation_file(num_bases=num_bases, bias=bias, scales=False)
    conversion, cfg = converted_config(tmp_path, with_prefix("module.", file), bpac=True)
    assert cfg.MODEL.GROUPNET.OUTPUT_STRIDE == 8
    assert cfg.MODEL.GROUPNET.BPAC.ENABLED
    assert cfg.MODEL.GROUPNET.BPAC.LAST_RATE_ONLY
    assert conversion.source == "Group-Net segmentation"
    assert conversion.unused == ["fc.weight", "fc.bias"]
    assert conversion.notes == []
    assert (cfg.MODEL.SEM_SEG_HEAD.NUM_CLASSES, cfg.MODEL.SEM_SEG_HEAD.CONVS_DIM) == (6, 8)

    model = build_model(cfg)
    Checkpointer(model, strict=True).load(cfg.MODEL.WEIGHTS)
    model.double().eval()
    images = torch.randn(1, 3, 97, 129, dtype=torch.float64)
    theirs = run(state, images, aliased=True, strides=STRIDES_8, dilations=(1, 1, *rates))
    deepest = assert_stages_equal(model.backbone, images, theirs)
    with torch.no_grad():
        assert_equal(model.sem_seg_head.score({"res5": deepest}), run_head(head, theirs[-1]))
    logits = model([{"image": torch.zeros(3, 50, 71)}])[0]["sem_seg"]
    assert logits.shape == (6, 50, 71)


def test_segmentation_file_says_what_it_cannot_know(tmp_path):
    _, _, file = segmentation_file(num_bases=2)
    conversion, cfg = converted_config(tmp_path, file)
    assert not cfg.MODEL.GROUPNET.BPAC.ENABLED
    assert len(conversion.notes) == 1
    assert "convert it again with --bpac" in conversion.notes[0]


def test_other_decoders_are_left_out(tmp_path):
    state, _, _ = segmentation_file(num_bases=2)
    head = {"head.conv5.weight": torch.zeros(2)}
    conversion, cfg = converted_config(tmp_path, {**with_prefix("pretrained.", state), **head})
    assert conversion.unused == ["fc.weight", "fc.bias", "head.conv5.weight"]
    assert "only the backbone is converted" in conversion.notes[0]
    backbone = build_backbone(cfg, ShapeSpec(channels=3))
    weights = load_tensors(cfg.MODEL.WEIGHTS)["model"]
    backbone.load_state_dict({k.removeprefix("backbone."): v for k, v in weights.items()})


SPOILT_HEADS = {
    "unknown": (
        lambda s: {**s, "head.aspp.b5.0.weight": torch.zeros(1)},
        "head.aspp.b5.0.weight does not belong to a DeepLabV3 head",
    ),
    "no predictor": (lambda s: without(s, "block.3"), "no weight for the head's predictor"),
    "no BN": (lambda s: without(s, "aspp.b2.1"), "lacks 5 .*aspp.branches.2.norm"),
    "missing base": (lambda s: without(s, "b1.0.convs.1"), "does not match its keys.*branches.1"),
    "unlike bases": (
        lambda s: {**s, "head.aspp.b1.0.convs.1.weight": torch.zeros(8, 32, 1, 1)},
        r"weights head.aspp.b1.0.convs.\* have different shapes",
    ),
    "lonely bias": (
        lambda s: {**without(s, "block.1."), "head.block.0.bias": torch.zeros(8)},
        "refine.conv has a bias, but no BN",
    ),
}


@pytest.mark.parametrize("kind", SPOILT_HEADS)
def test_broken_decoders_are_refused(tmp_path, kind):
    spoil, message = SPOILT_HEADS[kind]
    _, _, file = segmentation_file(num_bases=2)
    with pytest.raises(CheckpointError, match=message):
        convert_file(save(tmp_path, spoil(file)))


def test_stem_bias_is_folded_exactly():
    state = make_state(num_bases=1, bias=True)
    state["conv1.bias"], state["bn1.running_mean"] = torch.randn(4), torch.randn(4)
    ours = convert_authors(state).state
    exact = state["bn1.running_mean"].double() - state["conv1.bias"].double()
    assert torch.equal(ours["backbone.stem.bn1.running_mean"], exact)
    assert "backbone.stem.conv1.bias" not in ours

    images = torch.randn(1, 3, 64, 64)
    with_bias = run(state, images)[0]
    folded = {**state, "bn1.running_mean": exact}
    del folded["conv1.bias"]
    assert_equal(run(folded, images)[0], with_bias)


def test_old_files_without_counters_of_batches(tmp_path):
    state = make_state(num_bases=1)
    old = {key: value for key, value in state.items() if "num_batches" not in key}
    conversion = convert_file(save(tmp_path, old))
    assert len(conversion.new) == len(state) - len(old)
    assert all(conversion.state[key] == 0 for key in conversion.new)


def without(state, *parts):
    return {key: value for key, value in state.items() if not any(p in key for p in parts)}


SPOILT = {
    "no stem": (lambda s: without(s, "conv1.weight"), "no conv1.weight"),
    "scalar stem": (lambda s: {**s, "conv1.weight": torch.tensor(1.0)}, "not that of a weight"),
    "missing block": (
        lambda s: without(s, "layer3.1."),
        r"ResNet-16 with basic blocks \(2, 2, 1, 2\).*ResNet-18",
    ),
    "missing stage": (lambda s: without(s, "layer4."), r"stages \[1, 2, 3\]"),
    "missing base": (lambda s: without(s, "layer2.0.conv2.1."), "lacks 1 tensors.*res3.0.branches"),
    "missing scale": (lambda s: without(s, "layer2.0.scales.1"), "does not match its keys.*scales"),
    "gates in some blocks": (
        lambda s: without(s, "layer2.1.block_gate"),
        "lacks 1 tensors.*res3.1.connect.gate",
    ),
    "scales in some blocks": (lambda s: without(s, "layer2.1.scales"), "lacks 1 .*merge.scales"),
    "half a classifier": (lambda s: without(s, "fc.bias"), "lacks 1 tensors.*fc.bias"),
    "wrong shape": (
        lambda s: {**s, "layer2.0.conv2.1.weight": torch.zeros(8, 8, 1, 1)},
        "does not match its keys: .*res3.0.branches.1.unit2",
    ),
    "wrong width": (
        lambda s: {**s, "conv1.weight": torch.zeros(6, 3, 7, 7)},
        "does not match its keys",
    ),
    "wide scale": (lambda s: {**s, "layer2.0.scales.0": torch.zeros(2)}, "not that of a scale"),
    "lonely bias": (lambda s: {**s, "conv1.bias": torch.zeros(9)}, "no bn1.running_mean"),
    "two networks": (
        lambda s: {**s, "layer1.0.conv1.weight": torch.zeros(4, 4, 3, 3)},
        "layer1.0.conv1.weight does not belong",
    ),
    "two prefixes": (lambda s: {**s, **with_prefix("module.", s)}, "twice, with and without"),
    "two tasks": (lambda s: {**s, **with_prefix("pretrained.", s)}, "twice, with and without"),
    "no tensor": (lambda s: {**s, "bn1.weight": [1.0]}, "bn1.weight is a list"),
    "too many bases": (lambda s: make_state(num_bases=9), r"NUM_BASES \(K\) is 9; valid: 1 to 8"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_what_is_not_what_it_claims_is_refused(tmp_path, kind):
    spoil, message = SPOILT[kind]
    path = save(tmp_path, spoil(make_state(num_bases=2)))
    with pytest.raises(CheckpointError, match=message) as caught:
        convert_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_bottleneck_files_do_not_exist(tmp_path):
    state = make_state(depth=34, num_bases=1)
    state["layer1.0.conv3.0.weight"] = torch.zeros(1, 1, 1, 1)
    with pytest.raises(CheckpointError, match="ResNet-50 with bottleneck blocks"):
        convert_file(save(tmp_path, state))


def test_options_of_other_files_are_refused(tmp_path):
    path = save(tmp_path, make_state(num_bases=1))
    with pytest.raises(CheckpointError, match="--num-bases is for torchvision"):
        convert_file(path, num_bases=2)
    with pytest.raises(CheckpointError, match="a classification network, which has no BPAC"):
        convert_file(path, bpac=True)


def test_recognition_of_the_layout():
    state = make_state(num_bases=1)
    for prefix in ("", "module.", "module.pretrained."):
        assert is_authors_layout(with_prefix(prefix, state))
    assert not is_authors_layout({"layer1.0.conv1.weight": 0, 3: 0})
