"""OpenVINO: 8 bits, and its binary convolution."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from groupnet_det.benchmark.measure.timing import Burst, burst_of
from groupnet_det.benchmark.measure.unavailable import require
from groupnet_det.benchmark.measure.workload import KERNEL, LayerWorkload, NetworkWorkload, Workload
from groupnet_det.benchmark.workloads.torch_networks import layer_input

from .onnxruntime_engines import graph_input, int8_model
from .torch_engines import parts_of


def make_openvino_int8(workload: Workload, threads: int) -> Burst:
    """The quantized graph that ONNX Runtime runs.

    Raises:
        EngineUnavailableError: ``openvino``, ``onnxruntime`` or ``onnx`` is not installed.
    """
    model = openvino_core().read_model(int8_model(workload))
    return _burst(model, [graph_input(workload).numpy()], workload, threads)


def make_binary(workload: Workload, threads: int) -> Burst:
    """A chain of `BinaryConvolution` of opset 1 for each branch, one beside the other.

    Raises:
        EngineUnavailableError: ``openvino`` is not installed.
    """
    assert isinstance(workload, LayerWorkload)
    inputs = [layer_input(workload).numpy() for _ in range(workload.num_bases)]
    return _burst(binary_graph(workload), inputs, workload, threads)


def binary_graph(workload: LayerWorkload, seed: int = 0) -> Any:
    """``ov.Model`` of the binary layers of a workload: map in, map out, for each branch.

    A bit of 1 stands for +1 there, and what lies outside is +1 too.
    """
    openvino: Any = require("openvino")
    ops: Any = require("openvino.opset1")
    rng = np.random.default_rng(seed)
    shape = [workload.batch, workload.channels, workload.height, workload.width]
    inputs = [ops.parameter(shape, np.float32) for _ in range(workload.num_bases)]
    outputs = []
    for x in inputs:
        for _ in range(workload.length):
            x = _binary_layer(openvino, ops, x, workload, rng)
        outputs.append(ops.result(x))
    return openvino.Model(outputs, inputs, "binary")


def _binary_layer(
    openvino: Any, ops: Any, x: Any, workload: LayerWorkload, rng: np.random.Generator
) -> Any:
    channels = workload.channels
    threshold = ops.constant(np.zeros((1, channels, 1, 1), np.float32))
    # Levels of 0 and 1 stand for signs. Levels of -1 and +1 give wrong sums (2026.4), and slowly.
    low, high = (ops.constant(np.full((1, 1, 1, 1), v, np.float32)) for v in (0, 1))
    bits = ops.fake_quantize(x, threshold, threshold, low, high, 2)
    filters = rng.integers(0, 2, (channels, channels, KERNEL, KERNEL), dtype=np.uint8)
    packed = openvino.Tensor(
        np.packbits(filters, bitorder="little"), list(filters.shape), openvino.Type.u1
    )
    weight = openvino.op.Constant(packed)
    sums = ops.binary_convolution(
        bits, weight, [1, 1], [1, 1], [1, 1], [1, 1], "xnor-popcount", 1.0, "explicit"
    )
    if workload.kind == "alone":
        return sums
    # The scale of a conv's weights keeps the values of a long chain in range.
    scale, shift = (ops.constant(v.astype(np.float32)) for v in _affine(channels, rng))
    return ops.add(ops.add(ops.multiply(ops.relu(sums), scale), shift), x)


def _affine(channels: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    shape = 1, channels, 1, 1
    return rng.uniform(0.01, 0.02, shape), rng.normal(size=shape)


@functools.cache
def openvino_core() -> Any:
    """The only ``Core`` of this process, which stays open.

    Its CPU plugin moves the alternate signal stack of the thread that opens it. Where several are
    closed in the order in which they were opened, the thread is left with a stack that is unmapped,
    and its next signal, such as that of a child that ends, kills the process without a word.

    Raises:
        EngineUnavailableError: ``openvino`` is not installed.
    """
    openvino: Any = require("openvino")
    return openvino.Core()


def inference(
    model: Any, inputs: Sequence[np.ndarray], threads: int, *, floats: str = ""
) -> Callable[[], Any]:
    """Compile an ``ov.Model`` for the CPU.

    Args:
        floats: Type in which floats are computed, ``f32`` or ``bf16``; OpenVINO's choice if empty,
            which is bfloat16 on CPUs that have it.

    Returns:
        Runs it on `inputs`, which are not copied, and gives its outputs by number.
    """
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    settings |= {"INFERENCE_PRECISION_HINT": floats} if floats else {}
    request = openvino_core().compile_model(model, "CPU", settings).create_infer_request()
    feed = {number: np.ascontiguousarray(values) for number, values in enumerate(inputs)}
    return lambda: request.infer(feed, share_inputs=True)


def _burst(model: Any, inputs: list[np.ndarray], workload: Workload, threads: int) -> Burst:
    infer = inference(model, inputs, threads)

    def run() -> Any:
        return infer()[0]

    if isinstance(workload, NetworkWorkload) and workload.part == "network":
        return burst_of(lambda: run().argmax(axis=1))
    return burst_of(run, parts=parts_of(workload))
