import numpy as np
import pytest
import torch

from groupnet_det.errors import ConfigError
from groupnet_det.layers import Binarization
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet

from .golden import backbone_state, rename_backbone


@pytest.fixture(scope="module")
def golden_net(test_data):
    folder = test_data / "reference/golden"
    checkpoint = torch.load(folder / "narrow_r18_gates_scales.pth.tar", weights_only=True)
    net = golden_network(checkpoint["state_dict"])
    return net.eval()


@pytest.mark.parametrize(("image", "prefix"), [("x224", "a"), ("x64x96", "b")])
def test_golden_stages_and_branches(golden_net, test_data, image, prefix):
    folder = test_data / "reference/golden"
    golden = np.load(folder / "narrow_r18_gates_scales.eval.npz")
    images = torch.from_numpy(np.load(folder / "inputs.npz")[image]).double()
    with torch.no_grad():
        merged, branches = golden_net.stem(images), []
        for stage in range(1, 5):
            for block in golden_net.get_submodule(f"res{stage + 1}"):
                merged, branches = block(merged, branches)
            assert_golden(merged, golden[f"{prefix}_c{stage}"])
            for index, branch in enumerate(branches):
                key = f"{prefix}_c{stage}_branch{index}"
                if key in golden:
                    assert_golden(branch, golden[key])
    assert any("branch" in key for key in golden.files)


def assert_golden(ours, theirs):
    theirs = torch.from_numpy(theirs)
    assert (ours - theirs).abs().max() <= 1e-9 * theirs.abs().max()


@pytest.mark.parametrize("depth", [18, 34])
@pytest.mark.parametrize("width", [1.0, 0.25])
def test_features_have_the_announced_shapes(depth, width):
    net = GroupNetResNet(depth=depth, width=width, binarization=Binarization(num_bases=1))
    with torch.no_grad():
        features = net(torch.randn(1, 3, 64, 96))
    for name, stride in zip(("res2", "res3", "res4", "res5"), (4, 8, 16, 32), strict=True):
        assert features[name].shape == (1, net.feature_channels[name], 64 // stride, 96 // stride)
        assert net.feature_strides[name] == stride
    assert net.feature_channels["res5"] == 512 * width


def test_parameter_count_of_resnet18_with_five_gated_bases():
    """The reference has 55,662,127 with its classifier of 1000 classes."""
    net = GroupNetResNet(binarization=Binarization(num_bases=5))
    classifier = 512 * 1000 + 1000
    assert sum(parameter.numel() for parameter in net.parameters()) + classifier == 55_662_127


@pytest.mark.parametrize("gates", [True, False], ids=["gated", "ungated"])
def test_every_parameter_learns(gates):
    net = GroupNetResNet(width=0.125, gates=gates, binarization=Binarization(num_bases=2))
    net(torch.randn(2, 3, 64, 64))["res5"].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_first_block_has_no_gate():
    net = GroupNetResNet(width=0.125)
    gates = [block.gate is not None for stage in (net.res2, net.res3) for block in stage]
    assert gates == [False, True, True, True]


def test_tanh_stage_has_the_same_keys():
    stages = [
        GroupNetResNet(width=0.125, binarization=binarization)
        for binarization in (Binarization(), Binarization(activation="tanh", weight="float"))
    ]
    assert list(stages[0].state_dict()) == list(stages[1].state_dict())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 50}, r"DEPTH.*'50'.*'18', '34'"),
        ({"width": 0}, "WIDTH is 0"),
        ({"out_features": ["res6"]}, "OUT_FEATURES.*'res6'.*'res2'"),
    ],
    ids=["depth", "width", "out_features"],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        GroupNetResNet(**options)


def test_golden_training_step(test_data):
    """Loss, every gradient and every BN buffer of one step in training mode."""
    folder = test_data / "reference/golden"
    golden = np.load(folder / "narrow_r18_gates_scales.train.npz")
    checkpoint = torch.load(folder / "narrow_r18_gates_scales.pth.tar", weights_only=True)
    state = {key: value.double() for key, value in checkpoint["state_dict"].items()}
    net = golden_network(state).train()
    inputs = np.load(folder / "inputs.npz")
    images = torch.from_numpy(inputs["xtrain"]).double()
    fc = torch.nn.Linear(32, 10).double()
    fc.load_state_dict({key: state[f"module.fc.{key}"] for key in ("weight", "bias")})

    logits = fc(net(images)["res5"].mean(dim=(2, 3)))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(inputs["ttrain"]))
    loss.backward()
    assert_golden(logits.detach(), golden["logits"])
    assert_golden(loss.detach(), golden["loss"])
    assert_golden(fc.weight.grad, golden["grad/fc.weight"])

    gradients = {key: parameter.grad for key, parameter in net.named_parameters()}
    compared = compare_renamed(gradients, golden, "grad/")
    assert compared == set(gradients)
    buffers = dict(net.named_buffers())
    # The reference's stem has a bias, which shifts its running mean: see `backbone_state`.
    bias = state["module.conv1.bias"]
    buffers["stem.bn1.running_mean"] = buffers["stem.bn1.running_mean"] + bias
    assert compare_renamed(buffers, golden, "buf/") == set(buffers)


def golden_network(state):
    net = GroupNetResNet(
        width=1 / 16, merge="learned_scales", binarization=Binarization(num_bases=5)
    ).double()
    net.load_state_dict(backbone_state(state))
    return net


def compare_renamed(ours, golden, prefix):
    """Compare what has a golden value under `prefix`; return the names compared."""
    theirs = {
        key.removeprefix(prefix): torch.from_numpy(golden[key])
        for key in golden.files
        if key.startswith(prefix)
    }
    theirs = rename_backbone(theirs)
    for key, value in ours.items():
        assert_golden(value.double(), theirs[key].double().numpy())
    return set(ours) & set(theirs)
