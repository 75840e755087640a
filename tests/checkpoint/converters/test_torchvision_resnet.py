"""torchvision's ResNets: the converted network against torchvision's own."""

import pytest
import torch
import torchvision
from detectron2.modeling import build_model

from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.checkpoint.converters.foreign_weights import convert_file, write_conversion
from groupnet_det.checkpoint.converters.torchvision_resnet import is_torchvision_layout
from groupnet_det.config import load_config
from groupnet_det.errors import CheckpointError


def make_network(name, **options):
    """torchvision's network with random weights and random BN statistics."""
    network = getattr(torchvision.models, name)(num_classes=7, **options).eval()
    for key, value in network.state_dict().items():
        if "running_mean" in key:
            value.normal_(0, 0.1)
        if "running_var" in key or key.endswith("bn1.weight"):
            value.uniform_(0.5, 1.5)
    return network


def save(folder, network, wrap=False):
    state = network.state_dict()
    torch.save({"model": state, "epoch": 1} if wrap else state, folder / "theirs.pth")
    return folder / "theirs.pth"


def load(folder, conversion):
    config = write_conversion(conversion, folder / "ours.pth")
    cfg = load_config(str(config), ["MODEL.DEVICE", "cpu"])
    model = build_model(cfg).eval()
    Checkpointer(model, strict=True).load(cfg.MODEL.WEIGHTS)
    return model, cfg


@pytest.mark.parametrize(
    ("name", "wrap"),
    [("resnet18", True), ("resnet34", False), ("resnet50", False)],
    ids=["resnet18-of-a-training", "resnet34", "resnet50"],
)
def test_logits_are_torchvisions(tmp_path, name, wrap):
    network = make_network(name)
    conversion = convert_file(save(tmp_path, network, wrap))
    model, cfg = load(tmp_path, conversion)
    assert cfg.MODEL.GROUPNET.METHOD == "float"
    assert conversion.unused == conversion.new == []
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        theirs = network(images)
        ours = model.classify(model.backbone(images))
    assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@pytest.mark.parametrize("num_bases", [1, 2])
def test_branches_start_near_the_weights_and_apart(tmp_path, num_bases):
    network = make_network("resnet18")
    conversion = convert_file(save(tmp_path, network), num_bases=num_bases, noise=0.1)
    model, cfg = load(tmp_path, conversion)
    assert cfg.MODEL.GROUPNET.METHOD == "group_net"
    assert num_bases == cfg.MODEL.GROUPNET.NUM_BASES
    block = model.backbone.res3[1]
    weight = network.layer2[1].conv2.weight.detach()
    copies = [branch.unit2.conv.weight.detach() for branch in block.branches]
    assert len(copies) == num_bases
    if num_bases == 1:
        assert torch.equal(copies[0], weight)
    if num_bases > 1:
        for copy in copies:
            # The noise has a tenth of the weights' deviation; 147,456 draws know it to 1 %.
            assert float((copy - weight).std() / weight.std()) == pytest.approx(0.1, rel=0.02)
    for index, copy in enumerate(copies):
        assert not any(torch.equal(copy, other) for other in copies[:index])
    for branch in block.branches:
        assert torch.equal(branch.unit1.norm[0].running_mean, network.layer2[1].bn1.running_mean)
    # A gate before all blocks but the first, as in a new network.
    assert len(conversion.new) == 7
    assert all(conversion.state[key] == 0 for key in conversion.new)
    with torch.no_grad():
        assert model([{"image": torch.zeros(3, 64, 64)}])[0]["logits"].isfinite().all()


def test_the_same_file_gives_the_same_start(tmp_path):
    path = save(tmp_path, make_network("resnet18"))
    one, two = (convert_file(path, num_bases=2).state for _ in range(2))
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet101", r"ResNet-101 with bottleneck blocks \(3, 4, 23, 3\).*ResNet-50"),
        ("resnext50_32x4d", "does not match its keys: .*unit1"),
        ("wide_resnet50_2", "does not match its keys: .*unit1"),
        ("mobilenet_v3_small", "neither a Group-Net .* nor a ResNet .*'features.0.0.weight'"),
    ],
)
def test_other_networks_are_refused_by_what_was_found(tmp_path, name, message):
    with pytest.raises(CheckpointError, match=message):
        convert_file(save(tmp_path, getattr(torchvision.models, name)()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_bases": 2, "noise": 0.0}, r"--noise is 0\.0; it must be above 0"),
        ({"num_bases": 9}, r"--num-bases \(K\) is 9; valid: 0, for float, to 8"),
        ({"num_bases": -1}, r"--num-bases \(K\) is -1"),
        ({"bpac": True}, "--bpac is for the authors' segmentation networks"),
    ],
    ids=["no-noise", "K9", "K-1", "bpac"],
)
def test_bad_options(tmp_path, options, message):
    path = save(tmp_path, make_network("resnet18"))
    with pytest.raises(CheckpointError, match=message):
        convert_file(path, **options)


def test_a_backbone_without_a_classifier_is_converted_as_such(tmp_path):
    network = make_network("resnet18")
    state = {k: v for k, v in network.state_dict().items() if not k.startswith("fc.")}
    torch.save(state, tmp_path / "theirs.pth")
    conversion = convert_file(tmp_path / "theirs.pth")
    assert not [key for key in conversion.state if not key.startswith("backbone.")]
    assert is_torchvision_layout(state)


def test_the_number_of_classes_is_the_files(tmp_path):
    conversion = convert_file(save(tmp_path, make_network("resnet18")))
    assert conversion.options["MODEL.CLASSIFIER.NUM_CLASSES"] == 7
