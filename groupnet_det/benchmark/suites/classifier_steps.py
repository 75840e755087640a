"""Training and evaluation of Group-Net's ResNet-18 beside torchvision's and a plain loop.

The plain loop over branches is a straight reading of the paper and belongs to the tests, so this
suite needs a checkout.
"""

import importlib.util
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import torch
import torchvision
from torch import Tensor, nn

from groupnet_det.analysis.memory import peak_mib
from groupnet_det.benchmark.measure.timing import (
    alternate_single_runs,
    median_ratio,
    ratio_of_least,
)
from groupnet_det.errors import UserError
from groupnet_det.files.paths import project_root
from groupnet_det.layers import Quantization
from groupnet_det.layers.methods import Method
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet

NUM_CLASSES = 1000
BASELINE = "torchvision"
TRAIN = "train"
MEMORY_STEPS = 3
_PLAIN = "tests/modeling/plain_groupnet.py"


@dataclass(frozen=True, kw_only=True)
class ClassifierSize:
    """Sizes of the networks and batches to time.

    Attributes:
        num_bases: K of the binary networks.
        batch: Images of a training step.
        size: Height and width of the images.
        width: Factor on the channels of the binary networks.
    """

    num_bases: int
    batch: int
    size: int
    width: float

    def images(self, number: int) -> Tensor:
        """Random float images (number, 3, size, size)."""
        return torch.randn(number, 3, self.size, self.size)


@dataclass(frozen=True, kw_only=True)
class ClassifierRow:
    """One network in one of the things that are timed.

    Attributes:
        num_bases: K of the binary networks.
        what: ``train``, or ``evaluate`` with its batch.
        network: A key of `CLASSIFIERS`.
        least_ms, median_ms: Over the rounds.
        x_least, x_median, x_lowest, x_highest: How many times longer than `BASELINE`: by the least
            of each, and the median, lowest and highest of the rounds' ratios.
        peak_mib: Memory of a process of its own in `MEMORY_STEPS` training steps, less what it had
            before the network; None for evaluation.
    """

    num_bases: int
    what: str
    network: str
    least_ms: float
    median_ms: float
    x_least: float
    x_median: float
    x_lowest: float
    x_highest: float
    peak_mib: float | None = None


class _Classifier(nn.Module):
    """Our backbone with average pooling and a fully connected layer."""

    def __init__(self, size: ClassifierSize) -> None:
        super().__init__()
        method = Method(quantization=Quantization(num_bases=size.num_bases))
        self.backbone = GroupNetResNet(width=size.width, method=method, out_features=["res5"])
        self.fc = nn.Linear(self.backbone.feature_channels["res5"], NUM_CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.backbone(images)["res5"].mean(dim=(2, 3)))


def _make_torchvision(size: ClassifierSize) -> nn.Module:
    # torchvision checks that its basic block has a base width of 64, so only ours is narrowed.
    return torchvision.models.resnet18(num_classes=NUM_CLASSES)


def _make_plain(size: ClassifierSize) -> nn.Module:
    network: nn.Module = _load_plain().PlainGroupNet(num_bases=size.num_bases, width=size.width)
    return network


def _load_plain() -> ModuleType:
    path = project_root() / _PLAIN
    spec = importlib.util.spec_from_file_location("plain_groupnet", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UserError(f"{path} is missing; run this benchmark in a checkout")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CLASSIFIERS: Mapping[str, Callable[[ClassifierSize], nn.Module]] = {
    BASELINE: _make_torchvision,
    "plain": _make_plain,
    "ours": _Classifier,
}


class _Runner:
    """One network with its optimizer."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)

    def train(self, images: Tensor) -> None:
        """A step: forward, cross-entropy, backward and Adam."""
        self.network.train()
        targets = torch.arange(len(images)) % NUM_CLASSES
        self.optimizer.zero_grad()
        nn.functional.cross_entropy(self.network(images), targets).backward()
        self.optimizer.step()

    def evaluate(self, images: Tensor) -> None:
        """Run the forward pass without gradients."""
        self.network.eval()
        with torch.no_grad():
            self.network(images)


def measure_peak(network: str, size: ClassifierSize) -> float:
    """MiB that this process grows by, at most, in some training steps.

    Raises:
        UserError: The plain loop is missing.
    """
    before = peak_mib(torch.device("cpu"))
    runner = _Runner(CLASSIFIERS[network](size))
    images = size.images(size.batch)
    for _ in range(MEMORY_STEPS):
        runner.train(images)
    return peak_mib(torch.device("cpu")) - before


def time_classifiers(
    size: ClassifierSize, rounds: int, peaks: Mapping[str, float]
) -> list[ClassifierRow]:
    """Rows of training steps and evaluations, of which the networks take turns.

    Args:
        peaks: MiB by network, for the rows of training.

    Raises:
        UserError: The plain loop is missing.
    """
    torch.manual_seed(0)
    runners = {name: _Runner(make(size)) for name, make in CLASSIFIERS.items()}
    batch, single = size.images(size.batch), size.images(1)
    timed: dict[str, dict[str, Callable[[], object]]] = {
        TRAIN: {n: partial(r.train, batch) for n, r in runners.items()},
        f"evaluate, batch {size.batch}": {
            n: partial(r.evaluate, batch) for n, r in runners.items()
        },
        "evaluate, batch 1": {n: partial(r.evaluate, single) for n, r in runners.items()},
    }
    rows: list[ClassifierRow] = []
    for what, runs in timed.items():
        seconds = alternate_single_runs(runs, rounds)
        rows += _rows(size.num_bases, what, seconds, peaks if what == TRAIN else {})
    return rows


def _rows(
    num_bases: int,
    what: str,
    seconds: Mapping[str, Sequence[float]],
    peaks: Mapping[str, float],
) -> list[ClassifierRow]:
    base = seconds[BASELINE]
    rows = []
    for network, values in seconds.items():
        ratios = [value / other for value, other in zip(values, base, strict=True)]
        rows.append(
            ClassifierRow(
                num_bases=num_bases,
                what=what,
                network=network,
                least_ms=round(1000 * min(values), 1),
                median_ms=round(1000 * statistics.median(values), 1),
                x_least=round(ratio_of_least(values, base), 2),
                x_median=round(median_ratio(values, base), 2),
                x_lowest=round(min(ratios), 2),
                x_highest=round(max(ratios), 2),
                peak_mib=round(peaks[network]) if network in peaks else None,
            )
        )
    return rows
