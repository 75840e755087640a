"""Our backbone equals the plain loop in float64: outputs, gradients and BN statistics."""

import pytest
import torch
from torch import nn

from groupnet_det.layers import BlockDesign, Quantization
from groupnet_det.layers.methods import Method
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet

from .authors_names import under_our_names
from .plain_groupnet import PlainBinaryConv, PlainGroupNet

STAGES = ("res2", "res3", "res4", "res5")
VARIANTS = {
    "k1": {"num_bases": 1},
    "k2": {"num_bases": 2},
    "k5": {"num_bases": 5},
    "k2-ungated": {"num_bases": 2, "gates": False},
    "k1-scales": {"num_bases": 1, "scales": True},
    "k5-scales-ungated": {"num_bases": 5, "scales": True, "gates": False},
    "k2-float_downsample": {"num_bases": 2, "binary_downsample": False},
    "k5-scales-float_downsample": {"num_bases": 5, "scales": True, "binary_downsample": False},
    "k2-depth34": {"num_bases": 2, "depth": 34},
}


def random_plain(**options):
    """A narrow plain net away from the special values that parameters and buffers start with."""
    net = PlainGroupNet(width=1 / 8, num_classes=10, **options).double()
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.ndim == 1 and tensor.is_floating_point():
            tensor.copy_(torch.randn_like(tensor) + 0.5)
    for module in net.modules():
        if isinstance(module, PlainBinaryConv):
            give_dyadic_scale(module.weight.data)
    return net


def give_dyadic_scale(weight):
    """Random weights with mean |W| = 1/16, exactly.

    Some binary sums are 0. With a scale that is not a power of two they would come out as +-1e-17,
    at random, and so would the gradient of the ReLU after them.
    """
    halves = torch.tensor([0.5, 1.5], dtype=weight.dtype).repeat(weight.numel() // 2)
    magnitudes = halves[torch.randperm(weight.numel())].view_as(weight) / 16
    weight.copy_(torch.where(torch.randn_like(weight) < 0, -magnitudes, magnitudes))


def our_net(plain, *, num_bases, depth=18, gates=True, scales=False, binary_downsample=True):
    design = BlockDesign(
        gates=gates,
        merge="learned_scales" if scales else "mean",
        downsample="binary" if binary_downsample else "float",
    )
    method = Method(quantization=Quantization(num_bases=num_bases), design=design)
    net = GroupNetResNet(depth=depth, width=1 / 8, method=method).double()
    net.load_state_dict(backbone_alone(plain.state_dict()))
    return net


def backbone_alone(tensors):
    return {
        key: value for key, value in under_our_names(tensors).items() if not key.startswith("fc.")
    }


def classify(net, fc, images):
    features = net(images)
    return features, fc(features["res5"].mean(dim=(2, 3)))


def assert_same(ours, theirs, name):
    error = (ours - theirs).abs().max()
    assert error <= 1e-9 * theirs.abs().max(), f"{name}: {error}"


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_the_plain_loop(variant, training):
    options = VARIANTS[variant]
    plain = random_plain(**options).train(training)
    ours = our_net(plain, **options).train(training)
    fc = nn.Linear(plain.fc.in_features, 10).double()
    fc.load_state_dict(plain.fc.state_dict())
    images, targets = torch.randn(3, 3, 48, 64, dtype=torch.float64), torch.tensor([1, 7, 4])

    features, logits = classify(ours, fc, images)
    expected = plain.features(images)
    expected_logits = plain.fc(expected[-1].mean(dim=(2, 3)))
    for name, feature in zip(STAGES, expected, strict=True):
        assert_same(features[name], feature, name)
    for values in (logits, expected_logits):
        nn.functional.cross_entropy(values, targets).backward()

    assert_same(fc.weight.grad, plain.fc.weight.grad, "fc.weight")
    theirs = backbone_alone({name: p.grad for name, p in plain.named_parameters()})
    gradients = {name: p.grad for name, p in ours.named_parameters()}
    assert gradients.keys() == theirs.keys()
    for name, gradient in gradients.items():
        assert_same(gradient, theirs[name], name)
    buffers = backbone_alone(dict(plain.named_buffers()))
    for name, buffer in ours.named_buffers():
        assert_same(buffer.double(), buffers[name].double(), name)


def test_plain_loop_has_the_parameters_of_the_published_model():
    net = PlainGroupNet(num_bases=5)
    assert sum(parameter.numel() for parameter in net.parameters()) == 55_662_127
