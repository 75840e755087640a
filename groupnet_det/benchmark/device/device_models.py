"""The packed models inside ``groupnet-benchmark``, with what their outputs must be."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from groupnet_det.benchmark.engines.packed_engines import export_network
from groupnet_det.benchmark.measure.workload import NetworkWorkload
from groupnet_det.packed.packed_file import read_packed
from groupnet_det.pretrained import list_pretrained, pretrained
from groupnet_det.runtime.reference.interpreter import run_reference

NUM_BASES = (1, 4)
CHECKED = (64, 64)  # pixels: the reference is slow
SHIPPED_SIZES = {"classifier_groupnet_mnist5k": (32, 32)}  # as they were trained
SHIPPED_SIZE = (160, 160)  # of all others
FNV_START, FNV_PRIME, FNV_MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class DeviceModel:
    """A packed file with the images that it runs on.

    Attributes:
        name: For the reader.
        path: The packed file.
        timed, checked: Height and width of the image that is timed, and of the one whose outputs
            have the checksum.
        checksum: `checksum_of` the outputs of `noise` of the size `checked`, by the reference.
    """

    name: str
    path: Path
    timed: tuple[int, int]
    checked: tuple[int, int]
    checksum: int


def device_models(folder: Path, *, width: float = 1.0) -> list[DeviceModel]:
    """Group-Net ResNet-18 with random weights, gates and 1000 classes, and the models of the
    package.

    Args:
        folder: Receives the files of the random networks.
        width: Factor on the channels of these, for tests.
    """
    models = []
    for num_bases in NUM_BASES:
        workload = NetworkWorkload(num_bases=num_bases, width=width)
        path = folder / f"resnet18_k{num_bases}.gnp"
        export_network(workload, path)
        size = (workload.size, workload.size)
        models.append(_device_model(f"ResNet-18, K = {num_bases}", path, size, CHECKED))
    for name in list_pretrained():
        size = SHIPPED_SIZES.get(name, SHIPPED_SIZE)
        checked = min(size, CHECKED)
        models.append(_device_model(name, pretrained(name).path, size, checked))
    return models


def _device_model(
    name: str, path: Path, timed: tuple[int, int], checked: tuple[int, int]
) -> DeviceModel:
    packed = read_packed(path)
    outputs = run_reference(packed, noise((*checked, packed.program.input_channels))[None])
    checksum = checksum_of([outputs[output] for output in packed.program.outputs])
    return DeviceModel(name=name, path=path, timed=timed, checked=checked, checksum=checksum)


def noise(shape: Sequence[int]) -> Tensor:
    """Bytes that every language computes alike: byte i is (2654435761 i mod 2^32) >> 24."""
    numbers = np.arange(np.prod(shape), dtype=np.uint32) * np.uint32(2654435761)
    return torch.from_numpy((numbers >> 24).astype(np.uint8)).reshape(*shape)


def checksum_of(outputs: Sequence[Tensor]) -> int:
    """FNV-1a, 64 bits, over the bits of each float32 as one 32-bit number."""
    checksum = FNV_START
    for output in outputs:
        for bits in output.contiguous().numpy().view(np.uint32).ravel().tolist():
            checksum = (checksum ^ bits) * FNV_PRIME & FNV_MASK
    return checksum
