"""Our networks against values that the authors' code gave for the same weights, in float64."""

import numpy as np
import pytest
import torch

from groupnet_det.checkpoint.converters.groupnet_authors import convert_authors
from groupnet_det.layers import BlockDesign, Quantization
from groupnet_det.layers.methods import Method
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet

from .authors_names import under_our_names

GATES_SCALES = "narrow_r18_gates_scales"
SEGMENTATION = "narrow_seg_resnet_binary"


def golden_network(folder, name, **options):
    """The network with the golden weights, by way of our converter, and its classifier."""
    checkpoint = torch.load(folder / f"{name}.pth.tar", weights_only=True)
    conversion = convert_authors(checkpoint["state_dict"])
    keys = conversion.options
    method = Method(
        quantization=Quantization(num_bases=keys["MODEL.GROUPNET.NUM_BASES"]),
        design=BlockDesign(gates=keys["MODEL.GROUPNET.GATES"], merge=keys["MODEL.GROUPNET.MERGE"]),
    )
    net = GroupNetResNet(
        depth=keys["MODEL.GROUPNET.DEPTH"],
        width=keys["MODEL.GROUPNET.WIDTH"],
        method=method,
        **options,
    ).double()
    state = {key: _double(value) for key, value in conversion.state.items()}
    net.load_state_dict(_without("backbone.", state))
    classifier = torch.nn.Linear(*reversed(state["fc.weight"].shape)).double()
    classifier.load_state_dict(_without("fc.", state))
    return net.eval(), classifier


def _double(value):
    return value.double() if value.is_floating_point() else value


def _without(prefix, state):
    return {
        key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
    }


def assert_golden(ours, theirs):
    theirs = torch.from_numpy(np.asarray(theirs))
    assert (ours - theirs).abs().max() <= 1e-12 * theirs.abs().max()


@pytest.fixture
def golden(test_data):
    return test_data / "reference/golden"


@pytest.mark.parametrize(("image", "prefix"), [("x224", "a"), ("x64x96", "b")])
def test_stages_branches_and_logits(golden, image, prefix):
    net, classifier = golden_network(golden, GATES_SCALES)
    values = np.load(golden / f"{GATES_SCALES}.eval.npz")
    images = torch.from_numpy(np.load(golden / "inputs.npz")[image]).double()
    compared = 0
    with torch.no_grad():
        merged, branches = net.stem(images), []
        # Their file has a bias there, which ours has folded into the BN: the same map.
        if f"{prefix}_stem" in values:
            assert_golden(merged, values[f"{prefix}_stem"])
        for stage in range(1, 5):
            for block in net.get_submodule(f"res{stage + 1}"):
                merged, branches = block(merged, branches)
            assert_golden(merged, values[f"{prefix}_c{stage}"])
            for index, branch in enumerate(branches):
                key = f"{prefix}_c{stage}_branch{index}"
                if key in values:
                    assert_golden(branch, values[key])
                    compared += 1
        if image == "x224":
            assert_golden(classifier(merged.mean(dim=(2, 3))), values["logits"])
    assert compared == sum(f"{prefix}_c" in key and "branch" in key for key in values.files)


def test_training_step(golden):
    """Loss, every gradient and every BN buffer of one step in training mode."""
    net, classifier = golden_network(golden, GATES_SCALES)
    values = np.load(golden / f"{GATES_SCALES}.train.npz")
    inputs = np.load(golden / "inputs.npz")
    logits = classifier(
        net.train()(torch.from_numpy(inputs["xtrain"]).double())["res5"].mean(dim=(2, 3))
    )
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(inputs["ttrain"]))
    loss.backward()
    assert_golden(logits.detach(), values["logits"])
    assert_golden(loss.detach(), values["loss"])

    gradients = {key: p.grad for key, p in net.named_parameters()}
    gradients |= {f"fc.{key}": p.grad for key, p in classifier.named_parameters()}
    compare(gradients, renamed(values, "grad/"))
    # The stem's bias shifts its running mean in their file; the converter folds what it is told.
    buffers = renamed(values, "buf/", stem_bias=golden_stem_bias(golden))
    compare({key: value.double() for key, value in net.named_buffers()}, buffers)


def golden_stem_bias(golden):
    checkpoint = torch.load(golden / f"{GATES_SCALES}.pth.tar", weights_only=True)
    return checkpoint["state_dict"]["module.conv1.bias"].double()


def renamed(values, prefix, stem_bias=None):
    """Golden gradients or buffers under our names."""
    theirs = {
        key.removeprefix(prefix).removeprefix("module."): torch.from_numpy(values[key])
        for key in values.files
        if key.startswith(prefix)
    }
    theirs.pop("conv1.bias", None)  # noise of 1e-15: BN takes every shift away
    if stem_bias is not None:
        theirs["conv1.bias"] = stem_bias
    return under_our_names(theirs)


def compare(ours, theirs):
    for key, value in ours.items():
        assert_golden(value, theirs[key].double().reshape(value.shape).numpy())


def test_segmentation_backbone_at_output_stride_8(golden):
    net, _ = golden_network(golden, SEGMENTATION, output_stride=8)
    values = np.load(golden / f"{SEGMENTATION}.eval.npz")
    with torch.no_grad():
        images = torch.from_numpy(values["x"]).double()
        assert_golden(net.stem(images), values["stem"])
        for name, feature in net(images).items():
            assert_golden(feature, values[f"c{int(name[-1]) - 1}"])
