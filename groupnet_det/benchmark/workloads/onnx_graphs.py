"""Float models of the workloads as ONNX graphs, built node by node, with BN folded.

Written with ``onnx.helper``: an exporter of PyTorch would add nodes of its own, and packages.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torchvision
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from groupnet_det.benchmark.measure.unavailable import require
from groupnet_det.benchmark.measure.workload import BODY_CHANNELS, LayerWorkload, Workload

from .torch_networks import PIXEL_MEAN, PIXEL_STD, FloatLayer, float_layers, float_network

OPSET = 17
GRAPH_INPUT, OUTPUT = "input", "output"
# What is computed with 8 bits where a graph is quantized; the pixels' normalization is not.
QUANTIZED_OPS = ["Conv", "Relu", "Add", "MaxPool", "GlobalAveragePool", "Gemm"]


class Graph:
    """Nodes and weights, appended; each method returns the name of its output."""

    def __init__(self) -> None:
        self.helper: Any = require("onnx.helper")
        self.numpy_helper: Any = require("onnx.numpy_helper")
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        output = f"{op}_{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(op, inputs, [output], output, **attributes))
        return output

    def constant(self, values: Tensor | np.ndarray) -> str:
        name = f"weight_{len(self.weights)}"
        array = values.detach().numpy() if isinstance(values, Tensor) else values
        # ascontiguousarray: the layout of the graph's weights is that of the dimensions
        self.weights.append(self.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def conv(self, x: str, conv: nn.Conv2d, norm: nn.BatchNorm2d | None = None) -> str:
        fused = conv if norm is None else fuse_conv_bn_eval(conv, norm)
        weights = [self.constant(fused.weight)]
        if fused.bias is not None:
            weights.append(self.constant(fused.bias))
        padding = [int(p) for p in fused.padding] * 2
        return self.node(
            "Conv", x, *weights, strides=list(fused.stride), pads=padding, kernel_shape=[
                *fused.kernel_size
            ]
        )  # fmt: skip

    def model(self, *, uint8: bool, shape: Sequence[int | str], output: str) -> Any:
        """The ModelProto of what was appended."""
        proto: Any = require("onnx").TensorProto
        self.nodes.append(self.helper.make_node("Identity", [output], [OUTPUT], OUTPUT))
        graph = self.helper.make_graph(
            self.nodes,
            "float",
            [
                self.helper.make_tensor_value_info(
                    GRAPH_INPUT, proto.UINT8 if uint8 else proto.FLOAT, shape
                )
            ],
            [self.helper.make_tensor_value_info(OUTPUT, proto.FLOAT, None)],
            self.weights,
        )
        opset = self.helper.make_opsetid("", OPSET)
        return self.helper.make_model(graph, opset_imports=[opset], ir_version=8)


def float_graph(workload: Workload) -> Any:
    """The ModelProto of a workload's float model, of fixed shape.

    Networks take (N, H, W, 3) bytes and give probabilities, as those in PyTorch do; layers and the
    body take (N, C, H, W).

    Raises:
        EngineUnavailableError: ``onnx`` is not installed.
    """
    graph = Graph()
    if isinstance(workload, LayerWorkload):
        x = GRAPH_INPUT
        for layer in float_layers(workload):
            x = _layer(graph, x, layer)
        shape = [workload.batch, workload.channels, workload.height, workload.width]
        return graph.model(uint8=False, shape=shape, output=x)
    network = float_network(workload)
    if workload.part == "body":
        side = workload.size // 4
        x = _body(graph, GRAPH_INPUT, network)
        return graph.model(uint8=False, shape=[workload.batch, BODY_CHANNELS, side, side], output=x)
    x = _classifier(graph, _body(graph, _stem(graph, _pixels(graph), network), network), network)
    return graph.model(
        uint8=True, shape=[workload.batch, workload.size, workload.size, 3], output=x
    )


def _layer(graph: Graph, x: str, layer: nn.Module) -> str:
    if isinstance(layer, FloatLayer):
        return graph.node("Add", graph.node("Relu", graph.conv(x, layer.conv, layer.norm)), x)
    assert isinstance(layer, nn.Conv2d)
    return graph.conv(x, layer)


def _pixels(graph: Graph) -> str:
    std = np.array(PIXEL_STD, np.float32).reshape(3, 1, 1)
    mean = np.array(PIXEL_MEAN, np.float32).reshape(3, 1, 1)
    x = graph.node("Cast", graph.node("Transpose", GRAPH_INPUT, perm=[0, 3, 1, 2]), to=1)
    # Sub and Div, not Mul and Add: an Add would be quantized with those of the shortcuts
    return graph.node("Div", graph.node("Sub", x, graph.constant(mean)), graph.constant(std))


def _stem(graph: Graph, x: str, network: torchvision.models.ResNet) -> str:
    x = graph.node("Relu", graph.conv(x, network.conv1, network.bn1))
    return graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])


def _body(graph: Graph, x: str, network: torchvision.models.ResNet) -> str:
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        for block in stage:
            y = graph.node("Relu", graph.conv(x, block.conv1, block.bn1))
            y = graph.conv(y, block.conv2, block.bn2)
            shortcut = graph.conv(x, *block.downsample) if block.downsample else x
            x = graph.node("Relu", graph.node("Add", y, shortcut))
    return x


def _classifier(graph: Graph, x: str, network: torchvision.models.ResNet) -> str:
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    weights = graph.constant(network.fc.weight), graph.constant(network.fc.bias)
    return graph.node("Softmax", graph.node("Gemm", x, *weights, transB=1))
