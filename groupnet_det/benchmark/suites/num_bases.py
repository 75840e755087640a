"""Comparison of several K with full precision: memory, operations, and measured time.

The comparison that Group-Net's paper makes of K binary bases with the network that they stand for
(arXiv 1909.09934): there memory saving and speed-up are counted; here the time is measured too.
"""

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from detectron2.config import CfgNode
from tabulate import tabulate

from groupnet_det.analysis.config_networks import Size, network_of, pack, shapes_of
from groupnet_det.analysis.cost_table import operations
from groupnet_det.analysis.forward import forward_of
from groupnet_det.analysis.layer_costs import LayerCost, layer_costs, total
from groupnet_det.benchmark.engines.torch_engines import in_inference_mode
from groupnet_det.benchmark.measure.timing import (
    Burst,
    Schedule,
    alternate,
    burst_of,
    median_ratio,
    ratio_of_least,
)
from groupnet_det.config.network import float_baseline_of
from groupnet_det.errors import ConfigError
from groupnet_det.runtime.predictor import PackedPredictor

FULL_PRECISION = 0  # instead of K
SEED = 0


@dataclass(frozen=True, kw_only=True)
class BasesRow:
    """A network with K bases, or the full-precision one.

    Attributes:
        num_bases: K; `FULL_PRECISION` for the other.
        parameters: Number of trained parameters.
        binary_operations, float_operations, operations: BOPs, MACs, and ``BOPs / 64 + MACs``.
        num_bytes: Counted, of a packed file; of the full-precision one 32 bits for each number.
        memory_saving, operation_saving: How many times more full precision has.
        file_bytes: Bytes of the packed file that was timed.
        least_ms, median_ms: Over the rounds, from pixels to the prediction.
        speed_up_least, speed_up_median: How many times longer full precision takes: by the least
            of each, and the median of the rounds' ratios.
    """

    num_bases: int
    parameters: int
    binary_operations: int
    float_operations: int
    operations: float
    num_bytes: int
    memory_saving: float
    operation_saving: float
    file_bytes: int | None = None
    least_ms: float | None = None
    median_ms: float | None = None
    speed_up_least: float | None = None
    speed_up_median: float | None = None


def compare_bases(cfg: CfgNode, bases: Sequence[int], size: Size) -> list[BasesRow]:
    """A row for full precision, then one for each K.

    Args:
        cfg: Config of the network, whose ``MODEL.GROUPNET.NUM_BASES`` is set to each K.
        size: Height and width of the image.

    Raises:
        ConfigError: A K that is none, or the config makes no network that can be analyzed.
    """
    full = _count(float_baseline_of(cfg), size)
    full_bytes = full.simulated_bytes
    rows = [_row(FULL_PRECISION, full, full_bytes, full, full_bytes)]
    for k in dict.fromkeys(bases):
        cost = _count(_with_bases(cfg, k), size)
        rows.append(_row(k, cost, -(-cost.packed_bits // 8), full, full_bytes))
    return rows


def time_bases(
    cfg: CfgNode, rows: Sequence[BasesRow], size: Size, schedule: Schedule
) -> list[BasesRow]:
    """`rows` with times: the packed networks and the full-precision one in PyTorch (float32,
    channels-last layout) take turns in one process. Weights are random.

    Args:
        cfg, size: See `compare_bases`.

    Raises:
        ExtensionError: The compiled engine is missing.
        ConfigError: No program can compute the network.
    """
    bursts: dict[str, Burst] = {}
    sizes: dict[int, int] = {}
    for row in rows:
        if row.num_bases == FULL_PRECISION:
            bursts[str(row.num_bases)] = float_burst(float_baseline_of(cfg), size)
        else:
            packed = packed_burst(_with_bases(cfg, row.num_bases), size)
            bursts[str(row.num_bases)], sizes[row.num_bases] = packed
    seconds = alternate(bursts, schedule)
    base = seconds[str(FULL_PRECISION)]
    return [
        replace(
            row,
            file_bytes=sizes.get(row.num_bases),
            least_ms=round(1000 * min(own), 4),
            median_ms=round(1000 * statistics.median(own), 4),
            speed_up_least=round(ratio_of_least(base, own), 3),
            speed_up_median=round(median_ratio(base, own), 3),
        )
        for row in rows
        for own in [seconds[str(row.num_bases)]]
    ]


def format_bases(rows: Sequence[BasesRow]) -> str:
    """The table; times where they were measured."""
    timed = any(row.least_ms is not None for row in rows)
    lines = []
    for row in rows:
        line: dict[str, object] = {
            "K": row.num_bases or "full precision",
            "parameters, M": f"{row.parameters / 1e6:.2f}",
            "MB": f"{row.num_bytes / 1e6:.2f}",
            "memory saving": f"{row.memory_saving:.2f}x",
            "M operations": f"{row.operations / 1e6:.1f}",
            "operation saving": f"{row.operation_saving:.2f}x",
        }
        if timed:
            line |= {"least, ms": f"{row.least_ms:.3f}", "speed-up": f"{row.speed_up_least:.2f}x"}
            line |= {"median of rounds": f"{row.speed_up_median:.2f}x"}
        lines.append(line)
    return tabulate(lines, headers="keys", disable_numparse=True, colalign=("left",))


def _count(cfg: CfgNode, size: Size) -> LayerCost:
    model = shapes_of(cfg)
    return total(layer_costs(model, forward_of(model, size)))


def _row(
    num_bases: int, cost: LayerCost, num_bytes: int, full: LayerCost, full_bytes: int
) -> BasesRow:
    return BasesRow(
        num_bases=num_bases,
        parameters=cost.parameters,
        binary_operations=cost.binary_operations,
        float_operations=cost.float_operations,
        operations=operations(cost),
        num_bytes=num_bytes,
        memory_saving=round(full_bytes / num_bytes, 3),
        operation_saving=round(operations(full) / operations(cost), 3),
    )


def _with_bases(cfg: CfgNode, num_bases: int) -> CfgNode:
    if num_bases < 1:
        raise ConfigError(f"--compare-bases has {num_bases}; valid: 1 and more")
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.GROUPNET.NUM_BASES = num_bases
    return cfg


def packed_burst(cfg: CfgNode, size: Size) -> tuple[Burst, int]:
    """The packed network on an image of height and width `size`; and the bytes of its file.

    Raises:
        ConfigError: No program can compute the network.
        ExtensionError: The compiled engine is missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.gnp"
        pack(cfg, path)
        predictor, num_bytes = PackedPredictor(path), path.stat().st_size
    pixels = _pixels(size)
    return burst_of(lambda: predictor.predict_pixels(pixels, size)), num_bytes


def float_burst(cfg: CfgNode, size: Size) -> Burst:
    """The network in PyTorch, float32 and in channels-last layout."""
    network = network_of(cfg).to(memory_format=torch.channels_last)
    image = _pixels(size)[0].permute(2, 0, 1).contiguous()
    batch = [{"image": image, "height": size[0], "width": size[1]}]
    return burst_of(in_inference_mode(network, batch))


def _pixels(size: Size) -> torch.Tensor:
    """uint8 (1, H, W, 3)."""
    generator = torch.Generator().manual_seed(SEED)
    return torch.randint(0, 256, (1, *size, 3), dtype=torch.uint8, generator=generator)
