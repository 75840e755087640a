"""The heads of RetinaNet, FCOS and region proposal networks as steps, level by level.

The levels have the same weights: their steps name the same tensors.
"""

from collections.abc import Mapping
from typing import Any

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.values import Signal
from groupnet_det.exporting.packed.layers.conv_layers import export_chain
from groupnet_det.exporting.packed.layers.conv_terms import UnitExporter
from groupnet_det.exporting.packed.layers.last_layers import Predictors, export_predictor
from groupnet_det.modeling.heads.fcos_head import GroupNetFCOSHead
from groupnet_det.modeling.heads.retinanet_head import GroupNetRetinaNetHead
from groupnet_det.modeling.heads.rpn_head import GroupNetRPNHead

# By head: its towers, and for each the predictors on it with the names of their outputs.
Towers = dict[str, dict[str, str]]
HEADS: dict[type, Towers] = {
    GroupNetRetinaNetHead: {
        "cls_tower": {"cls_score": "logits"},
        "bbox_tower": {"bbox_pred": "deltas"},
    },
    GroupNetFCOSHead: {
        "cls_tower": {"cls_score": "logits"},
        "bbox_tower": {"bbox_pred": "deltas", "ctrness": "centerness"},
    },
    GroupNetRPNHead: {
        "tower": {"objectness_logits": "objectness", "anchor_deltas": "anchor_deltas"},
    },
}


def export_dense_head(
    exporter: UnitExporter,
    predictors: Predictors,
    head: Any,
    levels: Mapping[str, Signal],
    key: str,
) -> dict[str, int]:
    """Append the steps of a head; the buffers of its outputs, such as ``logits.p3``.

    Args:
        exporter: Of the program.
        predictors: How the last layers are computed.
        head: One of `HEADS`.
        levels: The maps that it sees, in its order.
        key: Of the config, that chose the head.

    Raises:
        ConfigError: It is another head, or no program can compute it.
    """
    if type(head) not in HEADS:
        names = ", ".join(kind.__name__ for kind in HEADS)
        raise ConfigError(
            f"{key} gives a {type(head).__name__}, which cannot be exported; valid: {names}"
        )
    outputs: dict[str, int] = {}
    for number, (level, signal) in enumerate(levels.items()):
        for tower, modules in HEADS[type(head)].items():
            x = export_chain(
                exporter, list(getattr(head, tower)), signal, suffix=f".{level}", level=number
            )
            for module, output in modules.items():
                predicted = export_predictor(
                    exporter,
                    predictors,
                    getattr(head, module),
                    x,
                    suffix=f".{level}",
                    level=number,
                )
                outputs[f"{output}.{level}"] = predicted.as_float()
    return outputs
