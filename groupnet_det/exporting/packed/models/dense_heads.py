"""The heads of dense detectors and region proposal networks as steps, level by level.

The levels have the same weights: their steps name the same tensors.
"""

from collections.abc import Mapping
from typing import Any

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.layers.conv_layers import export_chain
from groupnet_det.exporting.packed.layers.exporter import Exporter
from groupnet_det.exporting.packed.layers.last_layers import Predictors, export_predictor
from groupnet_det.modeling.heads.prediction_layers import DenseHead


def export_dense_head(
    exporter: Exporter,
    predictors: Predictors,
    head: Any,
    levels: Mapping[str, FeatureMap],
    key: str,
) -> dict[str, int]:
    """Append the steps of a head; the buffers of its outputs, such as ``logits.p3``.

    Args:
        exporter: Exporter of the program.
        predictors: How the last layers are computed.
        head: One that states its predictors.
        levels: The maps that it sees, in its order.
        key: The config key that chose the head.

    Raises:
        ConfigError: It is another head, or no program can compute it.
    """
    if not isinstance(head, DenseHead) or "predictors" not in vars(type(head)):
        names = ", ".join(kind.__name__ for kind in DenseHead.__subclasses__())
        raise ConfigError(
            f"{key} gives a {type(head).__name__}, which cannot be exported; valid: {names}"
        )
    outputs: dict[str, int] = {}
    for number, (level, feature) in enumerate(levels.items()):
        for tower, modules in head.predictors.items():
            x = export_chain(
                exporter, list(getattr(head, tower)), feature, suffix=f".{level}", level=number
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
