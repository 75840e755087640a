"""Time a training step and an evaluation of Group-Net's classifier against two other networks.

  python tools/benchmark_train.py --num-bases 5 --csv results/train_speed.csv

``torchvision`` is the full-precision ResNet-18, ``plain`` the loop over branches of the tests (a
straight reading of the paper), ``ours`` the backbone of this package. The three take turns in one
process, so that what else runs on the machine falls on all of them; ``x`` columns are ratios to
torchvision. A training step is forward, cross-entropy, backward and fused Adam. Peak memory is
measured in one process for each side: its largest resident size, less that before the network.
"""

import argparse
import csv
import datetime
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import torch
import torchvision
from tabulate import tabulate
from torch import Tensor, nn
from tqdm import tqdm

from groupnet_det.analysis.memory import peak_resident_kib
from groupnet_det.benchmark.measure.environment import processor
from groupnet_det.layers import Quantization
from groupnet_det.layers.methods import Method
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet
from groupnet_det.paths import project_root

PLAIN = project_root() / "tests/modeling/plain_groupnet.py"
NUM_CLASSES = 1000
BASELINE = "torchvision"


class Classifier(nn.Module):
    """Our backbone with average pooling and a fully connected layer."""

    def __init__(self, num_bases: int, width: float) -> None:
        super().__init__()
        method = Method(quantization=Quantization(num_bases=num_bases))
        self.backbone = GroupNetResNet(width=width, method=method, out_features=["res5"])
        self.fc = nn.Linear(self.backbone.feature_channels["res5"], NUM_CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.backbone(images)["res5"].mean(dim=(2, 3)))


def load_plain() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plain_groupnet", PLAIN)
    if spec is None or spec.loader is None:
        sys.exit(f"error: {PLAIN} is missing; run this tool from a checkout")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_torchvision(num_bases: int, width: float) -> nn.Module:
    # torchvision checks that its basic block has a base width of 64, so only ours is narrowed.
    return torchvision.models.resnet18(num_classes=NUM_CLASSES)


def make_plain(num_bases: int, width: float) -> nn.Module:
    net: nn.Module = load_plain().PlainGroupNet(num_bases=num_bases, width=width)
    return net


SIDES: dict[str, Callable[[int, float], nn.Module]] = {
    "torchvision": make_torchvision,
    "plain": make_plain,
    "ours": Classifier,
}


class Runner:
    """One network with its optimizer, and the two things that are timed."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.optimizer = torch.optim.Adam(net.parameters(), lr=1e-4, fused=True)

    def train(self, images: Tensor) -> None:
        self.net.train()
        targets = torch.arange(len(images)) % NUM_CLASSES
        self.optimizer.zero_grad()
        nn.functional.cross_entropy(self.net(images), targets).backward()
        self.optimizer.step()

    def evaluate(self, images: Tensor) -> None:
        self.net.eval()
        with torch.no_grad():
            self.net(images)


def seconds(run: Callable[[Tensor], None], images: Tensor, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run(images)
    return (time.perf_counter() - start) / repeats


def time_sides(arguments: argparse.Namespace, num_bases: int) -> dict[tuple[str, str], list[float]]:
    """Seconds by (what, side), one value a round."""
    runners = {side: Runner(make(num_bases, arguments.width)) for side, make in SIDES.items()}
    size = arguments.size
    batch, single = torch.randn(arguments.batch, 3, size, size), torch.randn(1, 3, size, size)
    times: dict[tuple[str, str], list[float]] = {}
    progress = tqdm(range(arguments.rounds + 1), desc=f"K={num_bases}", disable=None)
    for number in progress:
        for what, images, repeats in (
            ("train", batch, 1),
            (f"evaluate, batch {arguments.batch}", batch, 2),
            ("evaluate, batch 1", single, 5),
        ):
            for side, runner in runners.items():
                run = runner.train if what == "train" else runner.evaluate
                if what != "train":
                    run(images)  # the first one after a step may prepare the new weights
                took = seconds(run, images, repeats)
                if number:  # the first round warms up
                    times.setdefault((what, side), []).append(took)
    return times


def peak_memory_of(arguments: argparse.Namespace) -> float:
    """MiB that this process grew by, at most, in three training steps of one side."""
    before = peak_resident_kib()
    runner = Runner(SIDES[arguments.memory_of](arguments.num_bases[0], arguments.width))
    images = torch.randn(arguments.batch, 3, arguments.size, arguments.size)
    for _ in range(3):
        runner.train(images)
    return (peak_resident_kib() - before) / 1024


def peak_memory(arguments: argparse.Namespace, num_bases: int, side: str) -> float:
    options = {
        name: getattr(arguments, name.replace("-", "_"))
        for name in ("batch", "size", "width", "threads")
    }
    command = [sys.executable, "-m", __name__, "--memory-of", side, "--num-bases", str(num_bases)]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def rows_of(arguments: argparse.Namespace, num_bases: int) -> list[dict[str, object]]:
    memory = {
        side: peak_memory(arguments, num_bases, side)
        for side in tqdm(SIDES, desc=f"K={num_bases}, memory", disable=None)
    }
    times = time_sides(arguments, num_bases)
    rows: list[dict[str, object]] = []
    for (what, side), values in times.items():
        baseline = times[what, BASELINE]
        ratios = [value / base for value, base in zip(values, baseline, strict=True)]
        rows.append(
            {
                "K": num_bases,
                "what": what,
                "side": side,
                "min_ms": round(1000 * min(values), 1),
                "median_ms": round(1000 * statistics.median(values), 1),
                "x_min": round(min(values) / min(baseline), 2),
                "x_median": round(statistics.median(ratios), 2),
                "x_lowest": round(min(ratios), 2),
                "x_highest": round(max(ratios), 2),
                "peak_MiB": round(memory[side]) if what == "train" else "",
            }
        )
    return rows


def write_csv(path: Path, rows: list[dict[str, object]], facts: dict[str, object]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], *facts])
        writer.writeheader()
        writer.writerows({**row, **facts} for row in rows)


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--num-bases", type=int, nargs="+", default=[5], help="K, one or several")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224, help="side of the images, pixels")
    parser.add_argument("--width", type=float, default=1.0, help="of plain and ours")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--csv", type=Path, help="write the table to this file")
    parser.add_argument("--memory-of", choices=list(SIDES), help=argparse.SUPPRESS)
    return parser.parse_args(words)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    if arguments.memory_of:
        print(peak_memory_of(arguments))
        return 0
    facts: dict[str, object] = {
        name: getattr(arguments, name) for name in ("batch", "size", "width", "threads", "rounds")
    }
    facts |= {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "device": processor(),
        "date": datetime.date.today().isoformat(),
    }
    rows = [row for num_bases in arguments.num_bases for row in rows_of(arguments, num_bases)]
    print(tabulate(rows, headers="keys"))
    print("; ".join(f"{name} {value}" for name, value in facts.items()))
    if arguments.csv:
        write_csv(arguments.csv, rows, facts)
        print(f"written: {arguments.csv}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
