"""Whatever is given to a predictor: a result, or one clear line."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.errors import DataError, PackedFileError
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.predictor import PackedPredictor
from tests.packed.programs import group_net_example

BACKEND = "native" if is_built() else "reference"
NAN = float("nan")


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    packed = group_net_example(groups=2, width=16)
    path = tmp_path_factory.mktemp("bad") / "model.gnp"
    write_packed(path, packed.program, packed.info, packed.tensors)
    return PackedPredictor(path, backend=BACKEND)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def refusal(predictor, image):
    """The line that it is refused with."""
    with pytest.raises(DataError) as error:
        predictor(image)
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 300
    return text


def same(a, b):
    return torch.equal(a.logits, b.logits)


def as_mode(mode):
    image = Image.fromarray(noise(40, 50))
    through = {"PA": "P", "La": "LA", "RGBa": "RGBA"}
    image = image.convert(through[mode]) if mode in through else image
    return image.convert(mode)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"]
)
def test_modes_are_converted(predictor, tmp_path, mode):
    image = as_mode(mode)
    expected = predictor(np.asarray(image.convert("RGB")))
    assert same(predictor(image), expected)
    suffix = {"CMYK": "tif"}.get(mode, "png")
    # no file has these; Pillow before 13 does not read the YCbCr that it writes
    if mode not in ("PA", "RGBX", "HSV", "YCbCr"):
        image.save(tmp_path / f"image.{suffix}")
        assert same(predictor(tmp_path / f"image.{suffix}"), expected)


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_modes_of_calculations(predictor, mode):
    """With colours times alpha: Pillow converts them or says that it cannot."""
    image = as_mode(mode)
    try:
        expected = predictor(np.asarray(image.convert("RGB")))
    except ValueError:
        assert "cannot be read" in refusal(predictor, image)
    else:
        assert same(predictor(image), expected)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F"])
def test_more_than_8_bits_are_refused(predictor, mode):
    text = refusal(predictor, Image.new(mode, (50, 40)))
    assert text == (
        f"the image has more than 8 bits per channel (mode {mode}); convert it to 8 bits first, "
        "like the training images"
    )


def test_colours_of_16_bits_in_files(predictor, tmp_path):
    """Pillow keeps the upper byte of each: an answer that is as good as that of 8 bits."""
    cv2 = pytest.importorskip("cv2")
    pixels = noise(40, 50)
    deep = pixels.astype(np.uint16) * 256 + noise(40, 50, seed=1)
    assert cv2.imwrite(str(tmp_path / "deep.png"), deep[:, :, ::-1])
    assert same(predictor(tmp_path / "deep.png"), predictor(pixels))


def test_grey_of_16_bits_in_files_is_refused(predictor, tmp_path):
    Image.fromarray(np.arange(2000, dtype=np.uint16).reshape(40, 50)).save(tmp_path / "deep.png")
    assert "deep.png has more than 8 bits per channel (mode" in refusal(
        predictor, tmp_path / "deep.png"
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["image.jpg", "image.png", "image.tif"])
def test_orientation(predictor, tmp_path, orientation, name):
    """As a viewer shows it, whatever the file."""
    pixels = np.zeros((40, 64, 3), np.uint8)
    pixels[:16, :32], pixels[16:, 32:] = (255, 0, 0), (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / name, exif=exif)
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: pixels[::-1].transpose(1, 0, 2),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: pixels[:, ::-1].transpose(1, 0, 2),
    }[orientation]
    got = predictor(tmp_path / name)
    if name.endswith("jpg"):  # which is not exact: decode, then turn
        with Image.open(tmp_path / name) as image:
            stored = np.asarray(image)
        assert np.abs(stored.astype(int) - pixels).mean() < 20
        undone = Image.fromarray(stored)
        undone.getexif()[0x0112] = orientation
        assert same(got, predictor(undone))
    else:
        assert same(got, predictor(np.ascontiguousarray(turned)))


ARRAYS = {
    "float": np.zeros((9, 9, 3), np.float32),
    "double": np.zeros((9, 9, 3)),
    "NaN": np.full((9, 9, 3), NAN, np.float32),
    "one NaN": np.where(np.arange(243).reshape(9, 9, 3) == 7, NAN, 1.0),
    "half": np.zeros((9, 9, 3), np.float16),
    "infinity": np.full((9, 9, 3), np.inf),
    "int8": np.zeros((9, 9, 3), np.int8),
    "int64": np.zeros((9, 9, 3), np.int64),
    "uint16": np.zeros((9, 9, 3), np.uint16),
    "bool": np.zeros((9, 9, 3), bool),
    "complex": np.zeros((9, 9, 3), complex),
    "object": np.full((9, 9, 3), None),
    "text": np.full((9, 9, 3), "x"),
    "two channels": np.zeros((9, 9, 2), np.uint8),
    "channels first": np.zeros((3, 9, 9), np.uint8),
    "a batch": np.zeros((2, 9, 9, 3), np.uint8),
    "a number": np.array(3, np.uint8),
    "a row": np.zeros(27, np.uint8),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_other_kinds(predictor, name):
    array = ARRAYS[name]
    text = refusal(predictor, array)
    assert text.startswith(f"the array is {array.dtype} of shape {array.shape}; expected: ")


TENSORS = {
    "float": torch.zeros(3, 9, 9),
    "NaN": torch.full((3, 9, 9), NAN),
    "int64": torch.zeros(3, 9, 9, dtype=torch.int64),
    "bool": torch.zeros(3, 9, 9, dtype=torch.bool),
    "bfloat16": torch.zeros(3, 9, 9, dtype=torch.bfloat16),
    "channels last": torch.zeros(9, 9, 3, dtype=torch.uint8),
    "a batch": torch.zeros(1, 3, 9, 9, dtype=torch.uint8),
    "meta": torch.zeros(3, 9, 9, dtype=torch.uint8, device="meta"),
    "sparse": torch.zeros(3, 9, 9, dtype=torch.uint8).to_sparse(),
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_of_other_kinds(predictor, name):
    assert refusal(predictor, TENSORS[name]).startswith("the tensor ")


@pytest.mark.parametrize("kind", ["grey", "one channel", "alpha"])
def test_grey_and_alpha(predictor, kind):
    rgba = np.dstack([noise(40, 50), noise(40, 50, seed=1)[:, :, 0]])
    grey = np.ascontiguousarray(rgba[:, :, 0])
    array = {"grey": grey, "one channel": grey[:, :, None], "alpha": rgba}[kind]
    mode = "RGBA" if kind == "alpha" else "L"
    expected = predictor(Image.fromarray(rgba if kind == "alpha" else grey, mode))
    assert same(predictor(array), expected)
    tensor = torch.from_numpy(array)
    assert same(predictor(tensor if kind == "grey" else tensor.permute(2, 0, 1)), expected)


def test_views_are_images(predictor):
    pixels = noise(60, 90)
    for view in (pixels[::2, ::3], pixels[::-1], pixels[:, ::-1, ::-1], pixels.transpose(1, 0, 2)):
        expected = predictor(np.ascontiguousarray(view))
        assert same(predictor(view), expected)
        tensor = torch.from_numpy(np.ascontiguousarray(view)).permute(2, 0, 1)
        assert same(predictor(tensor), expected)


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 2), (2, 1), (8192, 8192), (8192, 16), (16, 8192)], ids=str
)
def test_sizes(predictor, size):
    """A white image of any size is a white image."""
    white = predictor(np.full((16, 16, 3), 255, np.uint8))
    assert same(predictor(np.full((*size, 3), 255, np.uint8)), white)


def test_an_image_of_one_pixel_from_a_file(predictor, tmp_path):
    pixel = np.array([[[255, 0, 9]]], np.uint8)
    Image.fromarray(pixel).save(tmp_path / "one.png")
    assert same(predictor(tmp_path / "one.png"), predictor(np.broadcast_to(pixel, (16, 16, 3))))


def test_a_thin_image(predictor):
    text = refusal(predictor, np.zeros((1, 700_000, 3), np.uint8))
    assert text == "the image of 700000 x 1 pixels is too narrow to be resized"


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)], ids=str)
def test_no_pixel(predictor, size):
    assert "it holds no pixel" in refusal(predictor, np.zeros((*size, 3), np.uint8))


def test_a_closed_image(predictor):
    stream = io.BytesIO()
    Image.fromarray(noise(9, 9)).save(stream, "png")
    image = Image.open(stream)
    image.close()
    assert "cannot be read" in refusal(predictor, image)


def test_an_animation_is_its_first_image(predictor, tmp_path):
    pictures = [Image.fromarray(noise(30, 30, seed)).quantize(16) for seed in (0, 1)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:])
    assert same(predictor(tmp_path / "a.gif"), predictor(pictures[0]))


@pytest.mark.parametrize(
    "bad", [None, 3, b"x", {}, np.float32(1), object()], ids=lambda bad: type(bad).__name__
)
def test_what_is_no_image(predictor, bad):
    text = refusal(predictor, bad)
    assert text.startswith(f"the image is of the type {type(bad).__name__}; expected: a path, ")


def test_one_bad_image_of_a_batch(predictor):
    with pytest.raises(DataError, match=r"the array is float32 of shape \(9, 9, 3\)"):
        predictor.predict_batch([noise(9, 9), ARRAYS["float"]])


@pytest.mark.parametrize("task", ["pose", None], ids=str)
def test_a_model_of_an_unknown_task(tmp_path, task):
    packed = group_net_example(groups=2, width=16)
    info = {**packed.info, "task": task}
    write_packed(tmp_path / "other.gnp", packed.program, info, packed.tensors)
    with pytest.raises(PackedFileError) as error:
        PackedPredictor(tmp_path / "other.gnp", backend=BACKEND)
    start = f"packed file {tmp_path / 'other.gnp'}: its task is {task!r}; valid: "
    assert str(error.value).startswith(start + "['classification', 'semantic_segmentation', ")


@pytest.mark.parametrize("task", ["detection", "semantic_segmentation"])
def test_a_classifier_that_claims_another_task(tmp_path, task):
    packed = group_net_example(groups=2, width=16)
    info = {**packed.info, "task": task}
    write_packed(tmp_path / "other.gnp", packed.program, info, packed.tensors)
    with pytest.raises(
        PackedFileError, match=r"other\.gnp: its postprocessing\.kind is None; valid"
    ):
        PackedPredictor(tmp_path / "other.gnp", backend=BACKEND)
