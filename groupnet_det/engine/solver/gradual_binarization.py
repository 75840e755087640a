"""Turn a float network into the binary one little by little, while it is trained.

The paper's way are two trainings, with tanh and then with the sign; this is one.
"""

import logging
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from detectron2.config import CfgNode
from detectron2.engine import HookBase
from torch import nn

from groupnet_det.config import own_node
from groupnet_det.errors import ConfigError, lookup
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.quantizers import SignActivation, SignWeight

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BinarizationState:
    """State of the quantizers of one layer.

    Attributes:
        slope: Slope of the tanh that replaces the sign; infinite for the sign itself.
        binary_weights: Whether weights are binary.
    """

    slope: float
    binary_weights: bool


FLOAT = BinarizationState(slope=1.0, binary_weights=False)
BINARY = BinarizationState(slope=math.inf, binary_weights=True)

# From the share of the schedule that is done, in [0, 1), the number of layers, and the last slope
# before the sign, to a state for each layer, from the input on.
BinarizationSchedule = Callable[[float, int, float], list[BinarizationState]]


def tanh_slope(progress: float, num_layers: int, max_slope: float) -> list[BinarizationState]:
    """All layers have float weights and ``tanh(slope * x)``, where slope goes from 1 to `max_slope`
    by equal factors."""
    return [BinarizationState(max_slope**progress, binary_weights=False)] * num_layers


def layer_order(progress: float, num_layers: int, max_slope: float) -> list[BinarizationState]:
    """One layer after the other becomes binary, at equal distances; those to come have float
    weights and tanh."""
    num_binary = int(progress * num_layers)
    return [BINARY] * num_binary + [FLOAT] * (num_layers - num_binary)


SCHEDULES: dict[str, BinarizationSchedule] = {"tanh_slope": tanh_slope, "layer_order": layer_order}


class GradualBinarization(HookBase):
    """Set the quantizers before each step to what a schedule says for the iteration.

    It is a function of the iteration alone, so a resumed training goes on rightly. An evaluation
    within training scores the network as it is at that moment. Checkpoints hold float weights as
    ever, and a tool that loads one sees the binary network.
    """

    def __init__(
        self, model: nn.Module, *, schedule: str, num_iterations: int, max_slope: float
    ) -> None:
        """
        Args:
            schedule: A key of `SCHEDULES`.
            num_iterations: The iteration from which on everything is binary.
            max_slope: See `tanh_slope`.

        Raises:
            ConfigError: Unknown `schedule`, or `model` has nothing that it could act on.
        """
        self.schedule = lookup(SCHEDULES, schedule, "SOLVER.GRADUAL_BINARIZATION.SCHEDULE")
        self.num_iterations = num_iterations
        self.max_slope = max_slope
        self.layers = sign_layers(model)
        if not self.layers:
            raise ConfigError(
                "SOLVER.GRADUAL_BINARIZATION.SCHEDULE needs layers with MODEL.GROUPNET.ACTIVATION "
                "'sign' and WEIGHT 'sign', and there are none"
            )
        self.current = [BINARY] * len(self.layers)  # as the layers are made

    def states_at(self, iteration: int) -> list[BinarizationState]:
        """The state of each layer for the step with this number."""
        if iteration >= self.num_iterations:
            return [BINARY] * len(self.layers)
        progress = iteration / self.num_iterations
        return self.schedule(progress, len(self.layers), self.max_slope)

    def before_train(self) -> None:
        """Set the state of the step before, whose evaluation a resumed training may repeat."""
        self.apply(max(self.trainer.start_iter - 1, 0))

    def before_step(self) -> None:
        self.apply(self.trainer.iter)

    def after_train(self) -> None:
        self.apply(self.trainer.iter)  # the number after the last step: the last score is of this

    def apply(self, iteration: int) -> None:
        """Set all quantizers, and log which layers have become binary."""
        states = self.states_at(iteration)
        rows = list(zip(self.layers.items(), states, self.current, strict=True))
        for (_, convs), state, _ in rows:
            for conv in convs:
                set_state(conv, state)
        new = [name for (name, _), state, earlier in rows if state == BINARY != earlier]
        if new:
            logger.info(
                f"Iteration {iteration}: {states.count(BINARY)} of {len(states)} layers are binary;"
                f" new: {', '.join(new) if len(new) < len(states) else 'all'}"
            )
        self.current = states


def sign_layers(model: nn.Module) -> dict[str, list[QuantizedConv2d]]:
    """Convolutions with sign quantizers in the order of the modules, from the input on.

    The branches of a block do the same side by side, so their convolutions count as one layer.
    """
    layers: dict[str, list[QuantizedConv2d]] = {}
    for name, module in model.named_modules():
        if isinstance(module, QuantizedConv2d) and _has_sign(module):
            common = re.sub(r"\bbranches\.\d+\b", "branches.*", name.removeprefix("module."))
            layers.setdefault(common, []).append(module)
    return layers


def set_state(conv: QuantizedConv2d, state: BinarizationState) -> None:
    """Quantizers that are none of the sign are left alone."""
    if isinstance(conv.activation, SignActivation):
        conv.activation.slope = state.slope
    if isinstance(conv.weight_quantizer, SignWeight):
        conv.weight_quantizer.binary = state.binary_weights


def build_gradual_binarization(cfg: CfgNode, model: nn.Module) -> Iterable[GradualBinarization]:
    """The hook of ``SOLVER.GRADUAL_BINARIZATION``, or none.

    Raises:
        ConfigError: A value is not among the valid ones.
    """
    options = own_node(cfg, "SOLVER.GRADUAL_BINARIZATION")
    lookup({"none": None, **SCHEDULES}, options.SCHEDULE, "SOLVER.GRADUAL_BINARIZATION.SCHEDULE")
    if options.SCHEDULE == "none":
        return []
    if not 0 < options.FRACTION <= 1:
        raise ConfigError(
            f"SOLVER.GRADUAL_BINARIZATION.FRACTION is {options.FRACTION}; it must be above 0 and "
            "at most 1"
        )
    if options.MAX_SLOPE < 1:
        raise ConfigError(
            f"SOLVER.GRADUAL_BINARIZATION.MAX_SLOPE is {options.MAX_SLOPE}; it must be at least 1"
        )
    hook = GradualBinarization(
        model,
        schedule=options.SCHEDULE,
        num_iterations=math.ceil(options.FRACTION * cfg.SOLVER.MAX_ITER),
        max_slope=options.MAX_SLOPE,
    )
    return [hook]


def _has_sign(conv: QuantizedConv2d) -> bool:
    return isinstance(conv.activation, SignActivation) or isinstance(
        conv.weight_quantizer, SignWeight
    )
