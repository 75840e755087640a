"""A packed Panoptic FPN in C: its maps, and no segments."""

import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.packed.packed_file import read_packed
from groupnet_det.runtime.reference.interpreter import run_reference
from tests.exporting.tiny_panoptic import PACKED

from .library import LibraryError

PIXELS = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
TASK = "its task is 'panoptic_segmentation', not 'semantic_segmentation'"


def test_maps_are_those_of_the_reference(library, tiny_panoptic):
    model = library.model(str(tiny_panoptic / PACKED))
    found = library.outputs(model, PIXELS)
    bgr = torch.from_numpy(np.ascontiguousarray(PIXELS[:, :, ::-1]))
    expected = run_reference(read_packed(tiny_panoptic / PACKED), bgr[None])
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert np.array_equal(found[name], values.numpy()), name
    with pytest.raises(LibraryError, match=TASK):
        library.segmented(model, PIXELS)
    library.close(model)


def test_the_command_tells_of_maps(native, tiny_panoptic, tmp_path):
    image = tmp_path / "image.ppm"
    Image.fromarray(PIXELS).save(image)
    command = [native / "groupnet-run", tiny_panoptic / PACKED, image]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "logits" in done.stdout
