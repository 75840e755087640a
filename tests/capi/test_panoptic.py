"""A packed Panoptic FPN in C: its maps and segments."""

import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.packed.packed_file import read_packed
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.reference.interpreter import run_reference
from tests.exporting.tiny_panoptic import PACKED
from tests.runtime.engine import needs_engine

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


@needs_engine
def test_segments_are_those_of_python(library, tiny_panoptic):
    """Of values as after a training."""
    model = library.model(str(tiny_panoptic / PACKED))
    expected = PackedPredictor(tiny_panoptic / PACKED, score_threshold=0.05)(PIXELS)
    found, segments = library.segments(model, PIXELS, score_threshold=0.05)
    assert np.array_equal(found, expected.segment_map.numpy())
    assert len(segments) == len(expected) > 0
    library.close(model)


def test_the_command(native, tiny_panoptic, tmp_path):
    image = tmp_path / "image.ppm"
    Image.fromarray(PIXELS).save(image)
    command = [native / "groupnet-run", tiny_panoptic / PACKED, image]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run([*command, "--map", "logits"], capture_output=True, text=True)
    assert "logits" in done.stdout
