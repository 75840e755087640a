"""Edits of a graph after torch's exporter."""

from collections.abc import Sequence
from typing import Any

# Axes of the image.
SIZES = {0: "batch", 2: "height", 3: "width"}


def tidy(proto: Any, outputs: Sequence[str], inner: Sequence[str]) -> list[str]:
    """Leave some outputs alone, give sizes names, and drop what names the machine that exported.

    Args:
        proto: The ``onnx.ModelProto``, changed in place.
        outputs: Names of the outputs that stay.
        inner: Names of those that do not.

    Returns:
        The name of the value of each of `inner` in the graph that is left.
    """
    graph = proto.graph
    kept = [value for value in graph.output if value.name in outputs]
    del graph.output[:], graph.value_info[:], proto.metadata_props[:]
    graph.output.extend(kept)
    sources = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Identity"}
    _drop_unused(graph)
    for item in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del item.metadata_props[:]  # names of files and lines
        item.doc_string = ""
    _name_sizes(graph)
    made = {name for node in graph.node for name in node.output}
    return [name if name in made else sources[name] for name in inner]


def _drop_unused(graph: Any) -> None:
    """Drop nodes and weights that no output needs."""
    needed = {value.name for value in graph.output}
    nodes = []
    for node in reversed(graph.node):  # they are sorted
        if needed & set(node.output):
            nodes.append(node)
            needed.update(node.input)
    del graph.node[:]
    graph.node.extend(reversed(nodes))
    weights = [weight for weight in graph.initializer if weight.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(weights)


def with_outputs(proto: Any, names: Sequence[str]) -> Any:
    """A copy of the model that gives more of its values."""
    more = type(proto)()
    more.CopyFrom(proto)
    for name in dict.fromkeys(names):
        more.graph.output.add(name=name)
    return more


def _name_sizes(graph: Any) -> None:
    """``batch``, ``height`` and ``width`` instead of the exporter's symbols; a size of an
    output that is none of them has its own name."""
    known: dict[str, str] = {}
    (image,) = graph.input
    for axis, name in SIZES.items():
        size = image.type.tensor_type.shape.dim[axis]
        known[size.dim_param] = name
        size.dim_param = name
    for value in graph.output:
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if size.dim_param:
                size.dim_param = known.get(size.dim_param, f"{value.name}_{SIZES.get(axis, axis)}")
