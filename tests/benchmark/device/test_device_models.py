"""The models of the device benchmark, and the numbers that two languages compute alike."""

import numpy as np
import torch

from groupnet_det.benchmark.device.device_models import checksum_of, device_models, noise
from groupnet_det.packed.packed_file import read_packed
from groupnet_det.pretrained import list_pretrained
from groupnet_det.runtime.reference.interpreter import run_reference


def test_noise():
    multiples = [0, 0x9E3779B1, 0x13C6EF362, 0x1DAA66D13]  # of 2654435761
    assert noise((2, 2)).tolist() == [[0, 0x9E], [0x3C, 0xDA]]
    assert [multiple >> 24 & 0xFF for multiple in multiples] == [0, 0x9E, 0x3C, 0xDA]


def test_checksum():
    # FNV-1a of the numbers 0x3F800000 and 0x80000000: the floats 1 and -0.
    start, prime, most = 14695981039346656037, 1099511628211, 2**64
    first = ((start ^ 0x3F800000) * prime) % most
    assert checksum_of([torch.tensor([[1.0]])]) == first
    assert checksum_of([torch.tensor([1.0]), torch.tensor([-0.0])]) == (
        ((first ^ 0x80000000) * prime) % most
    )
    assert checksum_of([]) == start


def test_models(tmp_path):
    models = device_models(tmp_path, width=0.125)
    names = [model.name for model in models]
    assert names == ["ResNet-18, K = 1", "ResNet-18, K = 4", *list_pretrained()]
    assert len({model.checksum for model in models}) == len(models)
    logits = run_reference(read_packed(models[1].path), noise((1, 64, 64, 3)))["logits"]
    assert logits.shape == (1, 1, 1, 1000)
    assert np.isfinite(logits.numpy()).all()
    assert models[1].checksum == checksum_of([logits])
