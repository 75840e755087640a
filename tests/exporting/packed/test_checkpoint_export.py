"""Packed files of slimmable networks."""

import pytest
import torch

from groupnet_det.exporting.packed.checkpoint_export import ExportOptions, export_checkpoint
from groupnet_det.exporting.packed.trained import export_trained, load_trained
from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.reference.interpreter import run_reference
from tests.exporting.networks import random_images
from tests.exporting.tiny_slimmable import CHOICES, slimmable_config, write_slimmable

BACKENDS = [
    "reference",
    pytest.param("native", marks=pytest.mark.skipif(not is_built(), reason="no engine")),
]


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slimmable")
    write_slimmable(root, folder)
    return folder


@pytest.fixture(scope="module")
def packed(root, folder):
    found, model = export_checkpoint(slimmable_config(root, folder), ExportOptions())
    assert len(model.backbone.res2[0].branches) == 4
    write_packed(folder / "slimmable.gnp", found.program, found.info, found.tensors)
    return read_packed(folder / "slimmable.gnp")


def alone(root, folder, number):
    """The file of a network that has no other bases."""
    options = ["MODEL.GROUPNET.NUM_BASES", str(number)]
    cfg = slimmable_config(root, folder, *options)
    return export_trained(cfg, *load_trained(cfg))


@pytest.mark.parametrize("number", CHOICES)
def test_each_number_is_the_network_with_so_many_bases(root, folder, packed, number):
    own, expected = packed.with_bases(number), alone(root, folder, number)
    images = random_images(2, 28, 28)
    outputs = [run_reference(file, images)["logits"] for file in (own, expected)]
    assert torch.equal(*outputs)
    assert own.info.keys() == expected.info.keys()
    for key in ("blocks", "network_keys", "sizes", "unpacked"):
        assert own.info[key] == expected.info[key], key


def test_weights_are_in_the_file_once(root, folder, packed):
    def num_bytes(tensors, *dtypes):
        return sum(t.nbytes for t in tensors.values() if t.dtype in dtypes)

    greatest = alone(root, folder, 4).tensors
    for dtype in (torch.uint8, torch.int16):  # signs, and the stem
        assert num_bytes(packed.tensors, dtype) == num_bytes(greatest, dtype)
    # The others have an affine for each channel and number.
    assert num_bytes(packed.tensors, torch.float32) < 3 * num_bytes(greatest, torch.float32)


def test_one_number_alone_is_a_plain_file(root, folder):
    options = ["MODEL.GROUPNET.NUM_BASES", "1"]
    packed, _ = export_checkpoint(slimmable_config(root, folder, *options), ExportOptions())
    assert packed.program.choices() == []
    assert "fewer_bases" not in packed.info
    options = ["MODEL.GROUPNET.NUM_BASES", "2"]
    packed, _ = export_checkpoint(slimmable_config(root, folder, *options), ExportOptions())
    assert packed.program.choices() == [1, 2]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_predictor_runs_the_chosen_number(root, folder, packed, backend):
    image = random_images(1, 28, 28)[0].numpy()
    path = folder / "slimmable.gnp"
    for number in CHOICES:
        predictor = PackedPredictor(path, backend=backend, bases=number)
        expected = run_reference(alone(root, folder, number), predictor.prepare(image)[0])
        assert torch.equal(predictor(image).logits, expected["logits"].flatten())
        assert predictor.program.choices() == [number]
        keys = predictor.info["network_keys"]
        assert keys.get("MODEL.GROUPNET.NUM_BASES", 4) == number
    default = PackedPredictor(path, backend=backend)
    assert torch.equal(default(image).logits, predictor(image).logits)  # that of 4
    assert default.program.choices() == list(CHOICES)
