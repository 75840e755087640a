"""The engines compute what they say: held against each other, on tiny workloads."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from groupnet_det.benchmark.engines import (
    engine_registry,
    packed_engines,
    simulation_engines,
    torch_engines,
)
from groupnet_det.benchmark.engines.onnxruntime_engines import graph_input, int8_model
from groupnet_det.benchmark.engines.openvino_engines import binary_graph
from groupnet_det.benchmark.measure.workload import LayerWorkload, ModelWorkload, NetworkWorkload
from groupnet_det.benchmark.workloads.onnx_graphs import GRAPH_INPUT, float_graph
from groupnet_det.benchmark.workloads.packed_layers import LEADING_STEPS, layer_program
from groupnet_det.benchmark.workloads.torch_networks import (
    binary_layers,
    binary_network,
    float_network,
    layer_input,
    network_input,
)
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.runtime.reference.interpreter import trace_reference
from tests.benchmark.fakes import FakeNetwork


def layer(kind="fused", num_bases=1, **options):
    shape = {"channels": 12, "height": 5, "width": 6, "length": 2, **options}
    return LayerWorkload(kind=kind, num_bases=num_bases, **shape)


NETWORK = NetworkWorkload(num_bases=2, size=64, width=0.125, num_classes=10)
KINDS = pytest.mark.parametrize("kind", ["alone", "fused"])


@KINDS
def test_signing_beforehand_changes_nothing(kind):
    workload = layer(kind, length=1)  # rounding may turn a sign near 0
    model, x = binary_layers(workload), [layer_input(workload)]
    with torch.inference_mode():
        expected = model(x)
        simulation_engines.sign_beforehand(model)
        torch.testing.assert_close(model(x), expected)
    assert not any(isinstance(module, QuantizedConv2d) for module in model.modules())


def test_signing_a_network_beforehand_changes_nothing():
    model, images = binary_network(NETWORK), torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected = model(images)
        simulation_engines.sign_beforehand(model)
        torch.testing.assert_close(model(images), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "name", [engine_registry.TORCH, engine_registry.SIGNED_SIMULATION, "simulation, integers"]
)
@pytest.mark.parametrize(
    "workload", [layer(num_bases=2), NETWORK, NetworkWorkload(part="body", size=32, width=0.125)]
)
def test_torch_sides_run(name, workload):
    assert engine_registry.choose_engines(workload, [name])[name](workload, 1)(1) > 0


def test_end_to_end_is_torchvision_on_normalized_pixels():
    model, images = torch_engines.float_model(NETWORK)
    pixels = network_input(NETWORK).permute(0, 3, 1, 2).float()
    mean = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
    std = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    with torch.inference_mode():
        probability, number = model(images)
        expected = float_network(NETWORK)((pixels - mean) / std).softmax(dim=1)
    torch.testing.assert_close(probability, expected.max(dim=1).values)
    assert number.equal(expected.argmax(dim=1))


@KINDS
@pytest.mark.parametrize("num_bases", [1, 3], ids=["K1", "K3"])
def test_layer_programs_compute_what_they_say(kind, num_bases):
    workload = layer(kind, num_bases)
    program, tensors = layer_program(workload)
    assert len(program.steps) == workload.length + LEADING_STEPS
    images = torch.randint(0, 256, (1, 5, 6, 3), dtype=torch.uint8)
    trace = trace_reference(PackedFile(program, {}, tensors), images)
    written = {(step, buffer): content for step, buffer, content in zip(*trace, strict=True)}
    branch = num_bases - 1  # the last one: its buffers and tensors come last
    bits, floats = 3 * branch, 3 * branch + 2
    for number in range(1, workload.length + 1):  # after the first layer, as those that are timed
        name = f"layer{number}.branch{branch}"
        source = (number, bits + number % 2) if kind == "fused" else (0, bits)
        signs = 1 - 2 * written[source].float()
        rows = np.unpackbits(tensors[f"{name}.weight"].numpy(), axis=3, bitorder="little")
        weight = 1 - 2 * torch.from_numpy(rows[..., : workload.channels].astype("f4"))
        padded = F.pad(signs.permute(0, 3, 1, 2), (1, 1, 1, 1), value=1.0)
        expected = F.conv2d(padded, weight.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        if kind == "fused":
            expected = expected.relu() * tensors[f"{name}.scale"] + tensors[f"{name}.shift"]
            expected = expected + written[number, floats]
        torch.testing.assert_close(written[number + 1, floats], expected)
        if kind == "fused":
            assert written[number + 1, bits + (number + 1) % 2].equal((expected < 0).byte())


@KINDS
def test_our_layers_are_timed_by_step(monkeypatch, kind):
    workload = layer(kind)
    monkeypatch.setattr(packed_engines, "open_engine", lambda path: FakeNetwork(4))
    # the last two of four steps, 3 and 4 ms, two layers
    assert packed_engines.make_packed(workload, 1)(3) == pytest.approx(0.0035)
    assert packed_engines.engine_isa() == "fake"


@pytest.mark.parametrize(
    "workload",
    [layer("alone"), layer(), NetworkWorkload(part="body", size=32), NetworkWorkload(size=64)],
    ids=["alone", "fused", "body", "network"],
)
def test_onnx_graphs_compute_the_float_models(workload):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    model, x = torch_engines.float_model(workload)
    if isinstance(workload, NetworkWorkload) and workload.part == "network":
        model = torch.nn.Sequential(Pixels(model), model.network, torch.nn.Softmax(dim=1))
    with torch.inference_mode():
        expected = model(x)
    found = {}
    for name, proto in (
        ("float", float_graph(workload).SerializeToString()),
        ("8", int8_model(workload)),
    ):
        session = runtime.InferenceSession(proto, providers=["CPUExecutionProvider"])
        (values,) = session.run(None, {GRAPH_INPUT: graph_input(workload).numpy()})
        found[name] = torch.from_numpy(values)
    torch.testing.assert_close(found["float"], expected, rtol=1e-3, atol=1e-4)
    # 8 bits are near, which shows that the graph is the same
    assert torch.corrcoef(torch.stack([found["8"].flatten(), expected.flatten()]))[0, 1] > 0.9


class Pixels(torch.nn.Module):
    def __init__(self, end_to_end):
        super().__init__()
        self.end_to_end = end_to_end

    def forward(self, images):
        whole = self.end_to_end
        return images.permute(0, 3, 1, 2).float() * whole.scale + whole.shift


@KINDS
def test_openvino_binary_computes_binary_convolutions(kind):
    openvino = pytest.importorskip("openvino")
    workload = layer(kind, channels=16, length=1)
    rng = np.random.default_rng(0)
    filters = rng.integers(0, 2, (16, 16, 3, 3), dtype=np.uint8)  # as the model draws them
    x = layer_input(workload)
    signs = F.pad((x > 0).float() * 2 - 1, (1, 1, 1, 1), value=1.0)
    expected = F.conv2d(signs, torch.from_numpy(filters * 2.0 - 1).float())
    if kind == "fused":
        scale, shift = (torch.from_numpy(v.astype("f4")) for v in affine(rng))
        expected = expected.relu() * scale + shift + x
    compiled = openvino.Core().compile_model(binary_graph(workload), "CPU")
    found = torch.from_numpy(compiled([x.contiguous().numpy()])[0])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def affine(rng):
    return rng.uniform(0.01, 0.02, (1, 16, 1, 1)), rng.normal(size=(1, 16, 1, 1))


@pytest.mark.parametrize("name", [engine_registry.ONNXRUNTIME_INT8, engine_registry.OPENVINO_INT8])
def test_int8_twins_of_detectors_run(name):
    for package in ("onnx", "onnxruntime", "onnxscript", name.split()[0]):
        pytest.importorskip(package)
    workload = ModelWorkload(
        model="RetinaNet R18", num_bases=1, height=64, width=96, num_classes=3, predictors="float"
    )
    assert engine_registry.MODEL_ENGINES[name](workload, 1)(1) > 0
