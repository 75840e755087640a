"""Images as the C library prepares them, against Pillow and torchvision."""

import ctypes

import numpy as np
import pytest
from PIL import Image

from groupnet_det.errors import DataError
from groupnet_det.runtime.preprocessing.center_crop import Preprocessing

from .library import LibraryError

# (height, width): smaller, larger, equal; odd and even remainders; far from square.
SIZES = [(1, 1), (1, 2), (2, 1), (3, 5), (20, 20), (19, 23), (16, 16), (21, 20), (20, 27), (33, 20)]
SIZES += [(50, 70), (71, 50), (100, 100), (31, 200), (200, 31), (480, 640), (641, 479), (1000, 37)]
CHOICES = [(20, 16), (20, 20), (21, 16), (33, 1), (64, 56), (7, 7), (1, 1), (128, 111)]


def noise(height, width, seed=0):
    generator = np.random.default_rng([seed, height, width])
    pixels = generator.integers(0, 256, (height, width, 3), np.uint8)
    pixels[generator.random((height, width)) < 0.3] = 255  # sums at the ends of the range
    pixels[generator.random((height, width)) < 0.3] = 0
    return pixels


def expected(image, resize, crop, format="RGB"):
    return Preprocessing(resize=resize, crop=crop, format=format)(image)[0].numpy()


@pytest.mark.parametrize(("resize", "crop"), CHOICES)
def test_pixels_are_those_of_python(library, write_model, resize, crop):
    for format in ("RGB", "BGR"):
        model = library.model(write_model(resize=resize, crop=crop, format=format))
        for size in SIZES:
            image = noise(*size)
            got = library.prepared(model, image)
            assert np.array_equal(got, expected(image, resize, crop, format)), (size, format)
        library.close(model)


def test_pixels_of_random_sizes_are_those_of_python(library, write_model):
    generator = np.random.default_rng(0)
    for round_ in range(40):
        resize = int(generator.integers(1, 90))
        crop = int(generator.integers(1, resize + 1))
        model = library.model(write_model(resize=resize, crop=crop))
        for _ in range(10):
            image = noise(*generator.integers(1, 160, 2).tolist(), seed=round_)
            case = (image.shape, resize, crop)
            assert np.array_equal(library.prepared(model, image), expected(image, resize, crop)), (
                case
            )
        library.close(model)


@pytest.mark.parametrize("size", [(224, 8192), (4000, 3000)])
def test_large_images(library, write_model, size):
    model = library.model(write_model(resize=32, crop=28))
    image = noise(*size)
    assert np.array_equal(library.prepared(model, image), expected(image, 32, 28))
    library.close(model)


@pytest.mark.parametrize("size", [(300, 300), (8, 8), (90, 301), (640, 200), (31, 30)], ids=str)
@pytest.mark.parametrize(("resize", "crop"), [(224, 224), (16, 15), (25, 4)])
def test_it_is_pillows_resize(library, write_model, size, resize, crop):
    """Of rows, then of columns, and the part at the centre: without our own code beside it."""
    height, width = size
    model = library.model(write_model(resize=resize, crop=crop))
    image = noise(height, width)
    longer = resize * max(size) // min(size)
    tall, wide = (longer, resize) if height > width else (resize, longer)
    rows = Image.fromarray(image).resize((wide, height), Image.Resampling.BILINEAR)
    pillow = np.asarray(rows.resize((wide, tall), Image.Resampling.BILINEAR))
    y, x = round((tall - crop) / 2), round((wide - crop) / 2)
    assert np.array_equal(library.prepared(model, image), pillow[y : y + crop, x : x + crop])
    library.close(model)


@pytest.mark.parametrize("size", [(0, 9), (9, 0), (1, 9000), (9000, 1)])
def test_images_that_python_refuses(library, write_model, size):
    model = library.model(write_model(resize=224, crop=224))
    image = np.zeros((*size, 3), np.uint8)
    with pytest.raises(DataError) as refused:
        expected(image, 224, 224)
    with pytest.raises(LibraryError) as got:
        library.prepared(model, image)
    assert str(got.value) == str(refused.value)
    library.close(model)


@pytest.mark.parametrize(("height", "width"), [(-1, 5), (1 << 40, 1 << 40), (1 << 62, 3)])
def test_impossible_sizes(library, write_model, height, width):
    model = library.model(write_model())
    error_shape = (ctypes.c_int64 * 2)()
    assert library.prepare(model, b"abc", height, width, error_shape, None, None) == -1
    library.close(model)
