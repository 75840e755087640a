"""Count and time the networks of the zoo."""

import datetime
import shlex
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode

from groupnet_det.analysis.config_networks import Size, count_layers, pack, shapes_of
from groupnet_det.analysis.forward import default_size, parse_size
from groupnet_det.analysis.layer_costs import total
from groupnet_det.analysis.precision_map import count_weights, layer_precisions
from groupnet_det.benchmark.engines.packed_engines import engine_isa
from groupnet_det.benchmark.measure.timing import Schedule, alternate
from groupnet_det.benchmark.suites.num_bases import float_burst, packed_burst
from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError
from groupnet_det.machine import processor
from groupnet_det.version import __version__

from .records import CostRow, LatencyRow


def measure_costs(network: str, size: str, root: Path) -> CostRow:
    """Count what a network costs, and pack it.

    Args:
        network: See `records`.
        size: Height and width of the image, such as ``480x640``; "" for those of evaluation.
        root: The checkout.

    Raises:
        UserError: There is no such network.
    """
    cfg, model, pixels = _load(network, size, root)
    whole = total(count_layers(cfg, pixels))
    binary, number = count_weights(model)
    return CostRow(
        network=network,
        size=_text(pixels),
        parameters=whole.parameters,
        binary_percent=round(100 * binary / number, 1),
        binary_operations=whole.binary_operations,
        float_operations=whole.float_operations,
        counted_bytes=-(-whole.packed_bits // 8),
        file_bytes=_file_bytes(cfg),
        date=datetime.date.today().isoformat(),
        groupnet_det=__version__,
    )


def measure_latency(
    network: str, size: str, root: Path, threads: int, schedule: Schedule
) -> LatencyRow:
    """Time a network: packed, or where all of it is full precision in PyTorch.

    Raises:
        ConfigError: It cannot be packed.
        ExtensionError: The compiled engine is missing.
    """
    torch.set_num_threads(threads)
    cfg, model, pixels = _load(network, size, root)
    quantized = any(layer.weight_bits < 32 for layer in layer_precisions(model))
    burst = packed_burst(cfg, pixels)[0] if quantized else float_burst(cfg, pixels)
    (seconds,) = alternate({network: burst}, schedule).values()
    return LatencyRow(
        network=network,
        size=_text(pixels),
        engine="packed" if quantized else "PyTorch",
        least_ms=round(1000 * min(seconds), 4),
        median_ms=round(1000 * statistics.median(seconds), 4),
        threads=threads,
        device=processor(),
        isa=engine_isa(),
        torch=torch.__version__,
        date=datetime.date.today().isoformat(),
    )


def _load(network: str, size: str, root: Path) -> tuple[CfgNode, Any, Size]:
    config, *options = shlex.split(network)
    cfg = load_config(str(root / config), options)
    model = shapes_of(cfg)
    return cfg, model, parse_size(size) if size else default_size(cfg, model)


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _file_bytes(cfg: CfgNode) -> int | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.gnp"
        try:
            pack(cfg, path)
        except ConfigError:  # no program can compute it
            return None
        return path.stat().st_size
