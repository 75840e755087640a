"""Costs of layers against numbers by hand, and against fvcore's count."""

import pytest
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn

from groupnet_det.analysis.config_networks import count_layers, shapes_of
from groupnet_det.analysis.forward import forward_of
from groupnet_det.analysis.layer_costs import (
    OTHERS,
    add_up,
    layer_costs,
    total,
    with_float_baseline,
)
from groupnet_det.config import load_config
from groupnet_det.layers import Quantization
from groupnet_det.layers.methods import Method, make_method
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet
from tests.modeling.detectors import make_detector
from tests.modeling.segmentors import make_segmentor

from . import hand_counts as hand

R18 = "configs/ImageNet/groupnet_r18_k4.yaml"


def count(model, shape=(1, 3, 64, 64)):
    model.eval()
    return layer_costs(model, lambda: model(torch.zeros(shape)))


def by_name(rows):
    return {row.name: row for row in rows}


@pytest.mark.parametrize("k", range(1, 9))
def test_resnet18_of_k_bases_by_hand(root, k):
    cfg = load_config(str(root / R18), ["MODEL.GROUPNET.NUM_BASES", k])
    whole = total(count_layers(cfg))
    assert whole.binary_operations == hand.binary_operations(k)
    assert whole.float_operations == hand.STEM_AND_CLASSIFIER
    assert whole.parameters == hand.parameters(k)
    assert whole.packed_bits == hand.packed_bits(k)
    assert whole.float_bytes == hand.full_precision_bytes()


def test_resnet18_of_five_bases_has_the_parameters_of_the_public_checkpoint():
    assert hand.parameters(5) == 55_662_127


def test_full_precision_resnet18_has_the_known_figures(root):
    cfg = load_config(str(root / R18), ["MODEL.GROUPNET.METHOD", "float"])
    whole = total(count_layers(cfg))
    assert whole.float_operations == 1_814_073_344  # 1.81 GMACs
    assert whole.parameters == 11_689_512
    assert whole.binary_operations == 0
    assert whole.float_bytes == whole.simulated_bytes == whole.packed_bits / 8


def test_rows_of_one_layer(root):
    """The first unit of res3: K = 3 convolutions of 64 to 128 channels, on 28 x 28 pixels."""
    cfg = load_config(str(root / R18), ["MODEL.GROUPNET.NUM_BASES", 3])
    row = by_name(count_layers(cfg))["backbone.res3.0.unit1"]
    weights = 3 * 9 * 64 * 128
    assert (row.kind, row.weight_bits, row.activation_bits) == ("conv 3x3", 1, 1)
    assert (row.output, row.values) == ("128x28x28", 3 * 128 * 28 * 28)
    assert row.binary_operations == 28 * 28 * weights
    assert row.float_operations == 0
    assert row.parameters == weights
    assert (row.packed_bits, row.simulated_bytes) == (weights, 4 * weights)
    assert row.float_bytes == 4 * weights / 3
    assert row.milliseconds is None


def test_bases_share_a_row_and_parallel_layers_do_not():
    model = make_segmentor("deeplabv3", "MODEL.GROUPNET.NUM_BASES", 3).eval()
    names = by_name(layer_costs(model, forward_of(model, (64, 64))))
    assert "backbone.res2.0.unit1" in names
    assert [name for name in names if "pooling" not in name and "aspp" in name] == [
        f"sem_seg_head.aspp.branches.{number}" for number in range(4)
    ]


@pytest.mark.parametrize("options", [{"gates": True}, {"group": "layer"}], ids=["block", "layer"])
def test_multiply_accumulates_agree_with_fvcore(options):
    from groupnet_det.layers import BlockDesign

    method = Method(quantization=Quantization(num_bases=3), design=BlockDesign(**options))
    net = GroupNetResNet(width=1 / 8, method=method).eval()
    check_against_fvcore(net)


def test_full_precision_multiply_accumulates_agree_with_fvcore():
    backbone = GroupNetResNet(width=1 / 8, method=make_method("float", Method()))
    check_against_fvcore(nn.Sequential(backbone))


def check_against_fvcore(net):
    whole = total(count(net))
    theirs = FlopCountAnalysis(net.eval(), torch.zeros(1, 3, 64, 64))
    theirs.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    assert whole.binary_operations + whole.float_operations == theirs.by_operator()["conv"]


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolution_by_hand_and_by_fvcore(groups):
    layer = nn.ConvTranspose2d(4, 6, 2, stride=2, groups=groups)
    row, others = count(layer, (1, 4, 5, 7))
    assert row.kind == "transposed conv 2x2"
    assert row.output == "6x10x14"
    assert row.float_operations == 5 * 7 * 4 * (6 // groups) * 2 * 2
    theirs = FlopCountAnalysis(layer, torch.zeros(1, 4, 5, 7))
    assert row.float_operations == theirs.total()
    assert (others.name, others.parameters) == (OTHERS, 0)


def test_linear_layer_by_hand():
    row, _ = count(nn.Linear(12, 5), (1, 12))
    assert (row.kind, row.output, row.values) == ("linear", "5", 5)
    assert (row.float_operations, row.parameters) == (60, 65)


def test_layers_that_do_not_run_have_parameters_alone():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(2, 3), nn.Linear(4, 5)

        def forward(self, x):
            return self.used(self.used(x)[:, :2])

    rows = by_name(count(Idle(), (1, 2)))
    assert (rows["used"].float_operations, rows["used"].values) == (2 * 6, 2 * 3)
    assert (rows["unused"].float_operations, rows["unused"].parameters) == (0, 25)


@pytest.mark.parametrize("name", ["retinanet", "fcos", "panoptic_fpn"])
@pytest.mark.parametrize("method", ["group_net", "abc_net", "lsq", "lq_net"])
def test_without_values_the_counts_are_the_same(root, name, method):
    options = ("MODEL.GROUPNET.METHOD", method, "MODEL.RPN.NMS_THRESH", "1.0")
    on_cpu = make_detector(root, name, *options).eval()
    on_meta = make_detector(root, name, *options, "MODEL.DEVICE", "meta").eval()
    rows = [layer_costs(model, forward_of(model, (64, 96))) for model in (on_cpu, on_meta)]
    assert rows[0] == rows[1]


def test_baseline_brings_its_bytes_and_its_own_layers():
    rows = count(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), (2, 2))
    baseline = count(nn.Sequential(nn.Linear(2, 5), nn.BatchNorm1d(5), nn.Linear(5, 7)), (2, 2))
    joined = with_float_baseline(rows, baseline)
    assert [(row.name, row.float_bytes) for row in joined] == [
        ("0", 4 * 15),
        (OTHERS, 4 * 20),
        ("2", 4 * 42),
    ]
    assert total(joined).float_bytes == 4 * (15 + 20 + 42)
    assert total(rows).float_bytes is None


def test_sum_has_what_the_rows_have():
    rows = count(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)), (1, 2))
    whole = add_up(rows, "all")
    assert (whole.name, whole.parameters, whole.float_operations) == ("all", 9 + 16, 6 + 12)
    assert whole.milliseconds is None


def test_shapes_know_no_values(root):
    cfg = load_config(str(root / R18), ["MODEL.GROUPNET.WIDTH", 0.125])
    assert {p.device.type for p in shapes_of(cfg).parameters()} == {"meta"}
