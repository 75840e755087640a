"""Boxes that groupnet-run draws over the image."""

import numpy as np
import pytest
from PIL import Image

from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.results.drawing import blend, largest_first, object_colours
from tests.runtime.engine import needs_engine


def drawn(pixels, found, line):
    """The same by numpy."""
    pixels = pixels.copy()
    colours = object_colours(len(found.class_names))
    if found.masks is not None:
        for number in largest_first(found.masks.numpy()):
            blend(pixels, found.masks[number].numpy(), colours[int(found.classes[number])])
    for each in reversed(list(found)):
        left, top = (int(np.floor(side)) for side in each.box[:2])
        right, bottom = (int(np.ceil(side)) for side in each.box[2:])
        inside = pixels[top + line : bottom - line, left + line : right - line].copy()
        pixels[top:bottom, left:right] = colours[each.label]
        if inside.size:
            pixels[top + line : bottom - line, left + line : right - line] = inside
    return pixels


@needs_engine
@pytest.mark.parametrize("masks", [False, True], ids=["boxes", "masks"])
@pytest.mark.parametrize("suffix", ["ppm", "png"])
@pytest.mark.parametrize(("size", "line"), [((51, 67), 1), ((1000, 800), 3)], ids=str)
def test_objects_are_drawn(
    groupnet_run, write_detector, write_regions, write_image, tmp_path, masks, suffix, size, line
):
    if suffix == "png" and "PNG" not in groupnet_run("--help").stdout.splitlines()[-1]:
        suffix = "ppm"  # as on ARM
    if masks:
        path = write_regions((60, 90), max_detections=12)
    else:
        path = write_detector((60, 90), topk=200, max_detections=12)
    image = write_image(*size)
    out = tmp_path / f"drawn.{suffix}"
    done = groupnet_run(path, image, "--draw", out, "--score-threshold", "0.3")
    found = PackedPredictor(path, score_threshold=0.3)(image)
    assert len(done.stdout.splitlines()) == len(found) > 3
    expected = drawn(np.asarray(Image.open(image)), found, line)
    assert np.array_equal(np.asarray(Image.open(out)), expected)


def test_what_cannot_be_drawn(groupnet_run, write_model, write_detector, write_image, tmp_path):
    image = write_image()
    done = groupnet_run(write_model(), image, "--draw", tmp_path / "a.ppm")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: there are no objects that could be drawn\n"
    for name in ("a.gif", "png", "a.ppm.", ""):
        done = groupnet_run(write_detector(), image, "--draw", name)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: --draw is '{name}'; valid: a file name that ends in")
    done = groupnet_run(write_detector(), image, "--draw", tmp_path / "absent/a.ppm")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == f"error: {tmp_path}/absent/a.ppm cannot be written: No such file or directory\n"
    )
