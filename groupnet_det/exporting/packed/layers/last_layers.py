"""The last layers of heads, which no method makes binary: with float32, or with 8 bits
(`eight_bits.byte_layers`)."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.folding import MapValues
from groupnet_det.exporting.packed.eight_bits.byte_layers import check_sums, quantize_weight
from groupnet_det.exporting.packed.eight_bits.calibration import Site
from groupnet_det.packed.info import ByteRange
from groupnet_det.packed.steps.conv import Term

from .exporter import Exporter
from .float_convs import conv_geometry


class Predictors(Protocol):
    """A way to compute the last layers.

    Attributes:
        kind: What ``info`` calls it.
    """

    kind: str

    def term(
        self, exporter: Exporter, module: Any, name: str, feature: FeatureMap, level: int
    ) -> Term:
        """A convolution, or a linear layer on the whole map, with its bias.

        Args:
            exporter: Exporter of the program.
            module: An `nn.Conv2d` or `nn.Linear`.
            name: Its path.
            feature: Its input.
            level: The how-manieth of the maps that it sees in one run of the network.
        """
        ...


class FloatPredictors:
    """Computes them in float32, as they were trained."""

    kind = "float"

    def term(
        self, exporter: Exporter, module: Any, name: str, feature: FeatureMap, level: int
    ) -> Term:
        exporter.unpacked.note(name, "full precision always")
        bias = MapValues(shift1=_bias(module))
        return Term(
            input=feature.as_float(),
            weight=exporter.builder.tensor(f"{name}.weight", _weight(module, feature)),
            map=exporter.builder.map(name, bias),
            **_geometry(module, name),
        )


class Int8Predictors:
    """Computes them with 8 bits."""

    kind = "int8"

    def __init__(self, ranges: Mapping[Site, ByteRange]) -> None:
        """
        Args:
            ranges: Ranges of the inputs, see `calibration.calibrate`.
        """
        self._ranges = ranges

    def term(
        self, exporter: Exporter, module: Any, name: str, feature: FeatureMap, level: int
    ) -> Term:
        """
        Raises:
            ConfigError: The calibration has not seen this layer, or its sums may overflow.
        """
        exporter.unpacked.note(name, "8 bits, as --predictors int8 asks for")
        site = Site(name=name, level=level)
        if site not in self._ranges:
            raise ConfigError(
                f"--predictors int8: none of the sample images has come to {name} (map "
                f"{level}); give more images, on which the network finds something"
            )
        found = self._ranges[site]
        weight, scales = quantize_weight(_weight(module, feature))
        check_sums(weight, name, "--predictors")
        values = MapValues(scale1=(scales / found.scale).float(), shift1=_bias(module))
        return Term(
            input=feature.as_bytes(found.scale, found.zero),
            weight=exporter.builder.tensor(f"{name}.weight", weight),
            map=exporter.builder.map(f"{name}.{level}", values),
            **_geometry(module, name),
        )


def export_predictor(
    exporter: Exporter,
    predictors: Predictors,
    module: Any,
    feature: FeatureMap,
    *,
    suffix: str = "",
    level: int = 0,
    residual: int | None = None,
) -> FeatureMap:
    """Append the step of a last layer, to which a buffer of its size may be added."""
    name = exporter.name(module)
    channels = module.weight.shape[0]
    step = exporter.builder.conv(name + suffix, num_branches=1, channels=channels)
    (branch,) = step.branches
    branch.terms.append(predictors.term(exporter, module, name, feature, level))
    branch.residual = residual
    return branch.out


def _weight(module: Any, feature: FeatureMap) -> Tensor:
    """(C_out, kH, kW, C_in); of a linear layer with the kernel that covers its square input."""
    weight = module.weight.detach()
    if isinstance(module, nn.Linear):
        side = round((weight.shape[1] / feature.channels) ** 0.5)
        weight = weight.view(len(weight), feature.channels, side, side)  # as flatten does it
    return weight.permute(0, 2, 3, 1)


def _bias(module: Any) -> Tensor | None:
    return None if module.bias is None else module.bias.detach().float()


def _geometry(module: Any, name: str) -> dict[str, Any]:
    return {} if isinstance(module, nn.Linear) else conv_geometry(module, name)
