"""Networks of a config for timing: from prepared pixels to the prediction, random weights."""

import tempfile
from pathlib import Path

import torch
from detectron2.config import CfgNode

from groupnet_det.analysis.networks import Size, network_of, pack
from groupnet_det.benchmark.engines.torch_engines import in_inference_mode
from groupnet_det.benchmark.measure.timing import Burst, burst_of
from groupnet_det.runtime.predictor import PackedPredictor

SEED = 0


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
