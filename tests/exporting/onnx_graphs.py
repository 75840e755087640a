"""Helpers of the tests of the ONNX export."""

import logging

import pytest
import torch
from torch import nn

REASON = "the extra 'onnx' is not installed"


def need_onnx():
    """Skip where the extra is missing."""
    # pytest would keep every record of the tracer, of which there are very many.
    logging.getLogger("torch.__trace").propagate = False
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason=REASON)


@torch.no_grad()
def spread(model: nn.Module) -> nn.Module:
    """Norms with statistics and affines of their own, as after a training; in eval mode."""
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(std=0.5)
            norm.running_var.uniform_(0.5, 2)
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(std=0.5)
    return model.eval()


def operators(proto):
    return [node.op_type for node in proto.graph.node]


def weight_of(proto, name):
    """An initializer as a writable array, by name."""
    from onnx import numpy_helper

    (tensor,) = [t for t in proto.graph.initializer if t.name == name]
    return numpy_helper.to_array(tensor).copy()


def set_weight(proto, name, values):
    from onnx import numpy_helper

    (tensor,) = [t for t in proto.graph.initializer if t.name == name]
    tensor.CopyFrom(numpy_helper.from_array(values, name))
