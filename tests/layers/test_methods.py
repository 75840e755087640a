"""The block of each rival against its formula, written out."""

import pytest
import torch
import torch.nn.functional as F

from groupnet_det.errors import ConfigError
from groupnet_det.layers.blocks.group_block import GroupBlock
from groupnet_det.layers.methods import METHODS, Method, make_method


def quantized_conv(unit, x):
    """Quantize, pad with the quantizer's value, convolve; no trick."""
    conv = unit.conv
    activation = conv.activation(x)
    pad = F.pad(activation - conv.activation.pad_value, (1, 1, 1, 1)) + conv.activation.pad_value
    return F.conv2d(pad, conv.weight_quantizer(conv.weight))


def norm(unit, x):
    (module,) = unit.norm
    return F.batch_norm(x, None, None, module.weight, module.bias, training=True)


def plain_block(branch, x):
    """conv, BN, ReLU, conv, BN, the shortcut, ReLU: the residual block of 2015."""
    hidden = F.relu(norm(branch.unit1, quantized_conv(branch.unit1, x)))
    return F.relu(norm(branch.unit2, quantized_conv(branch.unit2, hidden)) + x)


def sign_block(branch, x):
    """The same without the ReLUs, which signs have no use for."""
    hidden = norm(branch.unit1, quantized_conv(branch.unit1, x))
    return norm(branch.unit2, quantized_conv(branch.unit2, hidden)) + x


def xnor_block(branch, x):
    """BN, sign, conv, ReLU, twice, and the shortcut."""
    hidden = F.relu(quantized_conv(branch.unit1, norm(branch.unit1, x)))
    return F.relu(quantized_conv(branch.unit2, norm(branch.unit2, hidden))) + x


def bireal_block(branch, x):
    """sign, conv, BN with a shortcut around each."""
    hidden = norm(branch.unit1, quantized_conv(branch.unit1, x)) + x
    return norm(branch.unit2, quantized_conv(branch.unit2, hidden)) + hidden


def group_net_block(branch, x):
    hidden = norm(branch.unit1, F.relu(quantized_conv(branch.unit1, x))) + x
    return norm(branch.unit2, F.relu(quantized_conv(branch.unit2, hidden))) + hidden


FORMULAS = {
    "group_net": group_net_block,
    "float": plain_block,
    "bnn": sign_block,
    "xnor_net": xnor_block,
    "bireal_net": bireal_block,
    "abc_net": sign_block,
    "dorefa": plain_block,
    "lq_net": plain_block,
    "lsq": plain_block,
}


@pytest.mark.parametrize("name", METHODS)
def test_block_follows_its_formula(name):
    method = make_method(name, Method())
    block = GroupBlock(
        *("basic", 6, 6),
        connection="merged",
        merge="mean",
        design=method.design,
        quantization=method.quantization,
    ).double()
    x = torch.randn(2, 6, 8, 8, dtype=torch.float64)
    block(x, [])  # learned steps and levels find their first values
    block.eval()
    for module in block.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train()
    merged, _ = block(x, [])
    expected = torch.stack([FORMULAS[name](branch, x) for branch in block.branches]).mean(dim=0)
    torch.testing.assert_close(merged, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_bits_and_branches(name):
    method = make_method(name, Method())
    quantization = method.quantization
    activation = quantization.make_activation(4)
    weight = quantization.make_weight(4)
    bits = {"float": 32, "dorefa": 2, "lq_net": 2, "lsq": 2}.get(name, 1)
    terms = 5 if name == "abc_net" else 1
    assert (activation.precision, activation.num_terms) == (bits, terms)
    assert (weight.precision, weight.num_terms) == (bits, terms)
    assert quantization.num_bases == (4 if name == "group_net" else 1)
    assert method.design.gates == (name == "group_net")


def test_unknown_name_lists_the_valid_ones():
    with pytest.raises(ConfigError, match=r"METHOD.*'xnor'.*'group_net', 'float', .*'xnor_net'"):
        make_method("xnor", Method())
