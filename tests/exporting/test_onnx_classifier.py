"""Classifiers as ONNX graphs: every quantizer and connection, against the trained network."""

import copy
import json

import numpy as np
import pytest
import torch

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.onnx.graph_export import export_onnx
from groupnet_det.exporting.onnx.onnx_verification import (
    OnnxMismatchError,
    run_onnx,
    sample_images,
    verify_onnx,
)

from .networks import make_classifier
from .onnx_graphs import need_onnx, operators, set_weight, spread, weight_of

K1 = {"quantization": {"num_bases": 1}}
NETWORKS = {
    "k1": K1,
    "k2_no_gates": {"design": {"gates": False}},
    "k2_layer": {"design": {"group": "layer", "merge": "learned_scales"}},
    "dorefa": {"method": "dorefa"},
    "xnor_net": {"method": "xnor_net"},
}
MORE_NETWORKS = {
    "k2_network_float_downsample": {"design": {"group": "network", "downsample": "float"}},
    "k2_scales": {"design": {"merge": "learned_scales"}},
    "rsign_rprelu": {
        "quantization": {"activation": "rsign"},
        "design": {"order": "conv_norm_act", "nonlinearity": "rprelu"},
    },
    "norm_twice": {"design": {"order": "norm_conv_act_norm"}},
    "stage_bases": {"design": {"stage_bases": (1, 2, 3, 1)}},
    "first_stage": {"quantization": {"activation": "tanh", "weight": "float"}},
    "bottlenecks": {"depth": 50},
    **{
        name: {"method": name}
        for name in ("float", "bnn", "bireal_net", "abc_net", "lq_net", "lsq")
    },
}


def assert_equal_results(model, exported, size):
    """By the model's own call, at a size that neither tracing nor verification has seen."""
    images = sample_images(size, seed=1)
    given = images[:, list(exported.order)]
    with torch.no_grad():
        right = torch.stack([answer["logits"] for answer in model([{"image": i} for i in given])])
    answers = run_onnx(exported.proto.SerializeToString(), images)
    assert list(answers) == ["logits"]
    torch.testing.assert_close(answers["logits"], right, rtol=0, atol=1e-4 * right.abs().max())


@pytest.fixture(scope="module")
def exported():
    """K = 2 with gates, two stages: model and graph."""
    need_onnx()
    torch.manual_seed(0)
    model = make_classifier(stages=2)
    metadata = {"class_names": ["a", "b"], "note": "text"}
    return model, export_onnx(model, image_format="BGR", metadata=metadata)


def test_group_net_with_gates(exported):
    model, graph = exported
    for finding in verify_onnx(model, graph):
        (output,) = finding.outputs
        assert output.difference < 1e-5 * output.largest
        assert output.largest > 0.1
        assert finding.values > 10_000
    assert_equal_results(model, graph, (3, 97, 64))


def test_the_graph_says_what_it_is(exported):
    import onnx

    _, graph = exported
    onnx.checker.check_model(graph.proto)
    about = {prop.key: prop.value for prop in graph.proto.metadata_props}
    assert about["task"] == "classification"
    assert json.loads(about["class_names"]) == ["a", "b"]
    assert about["note"] == "text"
    (image,) = graph.proto.graph.input
    sizes = [d.dim_param or d.dim_value for d in image.type.tensor_type.shape.dim]
    assert (image.name, sizes) == ("image", ["batch", 3, "height", "width"])
    (logits,) = graph.proto.graph.output
    assert [d.dim_param or d.dim_value for d in logits.type.tensor_type.shape.dim] == ["batch", 5]
    text = str(graph.proto)
    assert ".py" not in text  # where it was exported
    assert "site-packages" not in text


def test_signs_are_choices_and_padding_is_one(exported):
    model, graph = exported
    assert "Sign" not in operators(graph.proto)
    binary = [conv for conv in model.modules() if hasattr(conv, "weight_quantizer")]
    padded = [conv for conv in binary if conv.padding[0]]
    nodes = graph.proto.graph.node
    pads = [node for node in nodes if node.op_type == "Pad"]
    assert len(pads) == len(padded) - 1 == 15  # the first branches have a common input
    assert {float(weight_of(graph.proto, pad.input[2])) for pad in pads} == {1.0}
    padded = {pad.output[0] for pad in pads}
    for conv in (node for node in nodes if node.op_type == "Conv" and node.input[0] in padded):
        assert {-1.0, 1.0} == set(np.unique(weight_of(graph.proto, conv.input[1])))
        pads_of_conv = [a.ints for a in conv.attribute if a.name == "pads"]
        assert not any(map(any, pads_of_conv))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name):
    need_onnx()
    model = make_classifier(**{"stages": 1, **NETWORKS[name]})
    graph = export_onnx(model)
    findings = verify_onnx(model, graph)
    assert all(finding.ties <= finding.values / 1000 for finding in findings)
    assert_equal_results(model, graph, (1, 65, 98))


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE_NETWORKS)
def test_more_networks(name):
    need_onnx()
    model = make_classifier(**{"stages": 2, **MORE_NETWORKS[name]})
    graph = export_onnx(model)
    verify_onnx(model, graph)
    assert_equal_results(model, graph, (1, 65, 98))


def test_a_zero_is_positive():
    """A channel of zeros in front of a sign: +1, in ONNX Runtime too."""
    need_onnx()
    model = spread(make_classifier(stages=1, **K1))
    with torch.no_grad():
        model.backbone.stem.bn1.weight.zero_()
        model.backbone.stem.bn1.bias.zero_()
    graph = export_onnx(model)
    verify_onnx(model, graph)
    wrong = copy.deepcopy(graph)
    for node in wrong.proto.graph.node:
        if node.op_type == "GreaterOrEqual":
            node.op_type = "Greater"
    with pytest.raises(OnnxMismatchError, match=r"quantized inputs of backbone\.res2\.0"):
        verify_onnx(model, wrong)


def pad_with_zero(proto):
    (name,) = {node.input[2] for node in proto.graph.node if node.op_type == "Pad"}
    set_weight(proto, name, np.zeros_like(weight_of(proto, name)))


def turn_one_weight(proto):
    conv = [node for node in proto.graph.node if node.op_type == "Conv"][-1]
    values = weight_of(proto, conv.input[1])
    values[1, 0, 0, 0] *= -1
    set_weight(proto, conv.input[1], values)


def scale_the_logits(proto):
    (gemm,) = [node for node in proto.graph.node if node.op_type == "Gemm"]
    set_weight(proto, gemm.input[1], 1.1 * weight_of(proto, gemm.input[1]))


FAULTS = {
    "padding": (pad_with_zero, "backbone"),
    "weight": (turn_one_weight, "backbone|output logits"),
    "logits": (scale_the_logits, "output logits"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_found(exported, name):
    spoil, message = FAULTS[name]
    model, graph = exported
    wrong = copy.deepcopy(graph)
    spoil(wrong.proto)
    with pytest.raises(OnnxMismatchError, match=message):
        verify_onnx(model, wrong)


def test_other_formats_are_refused(exported):
    model, _ = exported
    with pytest.raises(ConfigError, match=r"INPUT\.FORMAT is 'L'; valid: 'RGB', 'BGR'"):
        export_onnx(model, image_format="L")


def test_other_models_are_refused():
    need_onnx()
    with pytest.raises(ConfigError, match=r"MODEL\.META_ARCHITECTURE is Linear.*ImageClassifier"):
        export_onnx(torch.nn.Linear(1, 1))


def test_quantizers_without_a_batch_are_refused(exported):
    model = make_classifier("lsq", stages=1)
    for module in model.modules():
        if hasattr(module, "initialized"):
            module.initialized.fill_(False)
            module._known_initialized = False
    with pytest.raises(ConfigError, match=r"res2\.0\.branches.* has never seen a batch"):
        export_onnx(model)
