"""The networks of a config, for analysis: without weights to count, packed to be timed."""

from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config.network import float_baseline_of
from groupnet_det.exporting.export_settings import ExportSettings
from groupnet_det.exporting.packed.trained import baseline_bytes, pack_network
from groupnet_det.packed.packed_file import PackedFile, write_packed

from .forward import default_size, forward_of
from .layer_costs import LayerCost, layer_costs, with_float_baseline
from .random_weights import SEED, prepared

Size = tuple[int, int]


def shapes_of(cfg: CfgNode) -> Any:
    """The network of `cfg` on the ``meta`` device: it knows shapes, and computes nothing."""
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.DEVICE = "meta"
    return build_model(cfg).eval()


def count_layers(cfg: CfgNode, size: Size | None = None) -> list[LayerCost]:
    """Costs of the layers of the network of `cfg`, beside its full-precision baseline.

    Args:
        size: Height and width of the image; as in evaluation by default.

    Raises:
        ConfigError: The config makes no network that can be analyzed.
    """
    rows = []
    for each in (cfg, float_baseline_of(cfg)):
        model = shapes_of(each)
        rows.append(layer_costs(model, forward_of(model, size or default_size(cfg, model))))
    return with_float_baseline(*rows)


def network_of(cfg: CfgNode) -> Any:
    """The network of `cfg` on the CPU, in eval mode, with random weights, whatever
    ``MODEL.WEIGHTS`` says; its BN have statistics as of a trained network."""
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.DEVICE = "cpu"
    torch.manual_seed(SEED)
    return prepared(build_model(cfg)).to(memory_format=torch.contiguous_format)


def pack(cfg: CfgNode, path: Path) -> PackedFile:
    """Write the packed file of `network_of`, whose classes have numbers for names.

    Raises:
        UserError: No program can compute this network.
    """
    packed = pack_network(
        ExportSettings.from_config(cfg),
        network_of(cfg),
        baseline_bytes=baseline_bytes(cfg),
        class_names=lambda number: [str(label) for label in range(number)],
    )
    write_packed(path, packed.program, packed.info, packed.tensors)
    return packed
