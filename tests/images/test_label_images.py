import numpy as np
import pytest
from PIL import Image

from groupnet_det.errors import DataError
from groupnet_det.images.label_images import (
    check_range,
    count_labels,
    read_labels,
    voc_colours,
    write_labels,
)

LABELS = np.array([[0, 1, 2], [255, 20, 0]], dtype=np.uint8)


def save(folder, image):
    image.save(folder / "mask.png")
    return folder / "mask.png"


@pytest.mark.parametrize("palette", [True, False], ids=["palette", "grey"])
def test_labels_are_read_as_they_are(tmp_path, palette):
    image = Image.fromarray(LABELS)
    if palette:
        image.putpalette(voc_colours(256).tobytes())
    path = save(tmp_path, image)
    assert Image.open(path).mode == ("P" if palette else "L")
    read = read_labels(path, dtype=int)
    assert np.array_equal(read, LABELS)
    read[0, 0] = 7  # Detectron2's evaluator writes into it
    counts = count_labels({"sem_seg_file_name": str(path)})
    assert {label: n for label, n in enumerate(counts) if n} == {0: 2, 1: 1, 2: 1, 20: 1, 255: 1}


def test_one_bit_masks_have_labels_0_and_1(tmp_path):
    path = save(tmp_path, Image.fromarray(LABELS > 0))
    assert Image.open(path).mode == "1"
    assert np.array_equal(read_labels(path), LABELS > 0)


@pytest.mark.parametrize(
    ("pixels", "kind"),
    [
        (LABELS.astype(np.uint16) * 100, "16-bit"),
        (np.stack([LABELS] * 3, axis=2), "RGB"),
        (np.stack([LABELS] * 4, axis=2), "RGB with alpha"),
        (np.stack([LABELS] * 2, axis=2), "of mode LA"),
    ],
    ids=["16-bit", "rgb", "rgba", "alpha"],
)
def test_what_is_no_mask(tmp_path, pixels, kind):
    path = save(tmp_path, Image.fromarray(pixels))
    with pytest.raises(DataError, match=rf"mask .*mask\.png is {kind} instead of labels; save it"):
        read_labels(path)


def test_broken_mask(tmp_path):
    (tmp_path / "mask.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"mask\.png cannot be read"):
        read_labels(tmp_path / "mask.png")


def test_writing_and_reading(tmp_path):
    write_labels(tmp_path / "mask.png", LABELS.astype(np.int64), np.array([[9, 8, 7]], np.uint8))
    assert np.array_equal(read_labels(tmp_path / "mask.png"), LABELS)
    shown = np.asarray(Image.open(tmp_path / "mask.png").convert("RGB"))
    assert shown[0, 0].tolist() == [9, 8, 7]
    assert shown[0, 1].tolist() == [128, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["mask.png"]


def test_labels_that_are_no_classes():
    check_range(LABELS, "a.png", num_classes=21, ignore_label=255)
    with pytest.raises(
        DataError, match=r"a\.png contains label 20, but valid are 0 to 2.* and 255"
    ):
        check_range(LABELS, "a.png", num_classes=3, ignore_label=255)
    with pytest.raises(DataError, match=r"contains label 255, but valid are 0 to 20, the classes;"):
        check_range(LABELS, "a.png", num_classes=21, ignore_label=None)


def test_colours_of_voc():
    # As printed in VOC's development kit.
    expected = {0: (0, 0, 0), 1: (128, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128)}
    colours = voc_colours(256)
    assert {label: tuple(colours[label].tolist()) for label in expected} == expected
    assert colours[255].tolist() == [224, 224, 192]
    assert len(np.unique(colours, axis=0)) == 256
