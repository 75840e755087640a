"""PNG and JPEG files of groupnet-run against Pillow, byte by byte, and hostile ones."""

import io
import struct
import subprocess
import zlib
from itertools import product

import numpy as np
import pytest
from PIL import Image

from groupnet_det.images.decoding import read_rgb
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.native_build import (
    TARGETS,
    compile_files,
    link_program,
    sources_of,
)
from tests.runtime.small_detectors import dense_detector

from .conftest import runner

SIZES = [(24, 31), (41, 24), (17, 64)]  # (height, width)
SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def groupnet_run(root):
    """Natively: on ARM, the command reads PPM and PGM files alone."""
    return runner(root, "native")


@pytest.fixture
def read(groupnet_run, tmp_path):
    """The pixels that the command sees: it draws no object over them."""
    packed, out = dense_detector(), tmp_path / "seen.ppm"
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)
    formats = groupnet_run("--help").stdout.splitlines()[-1]

    def run(path):
        if path.suffix == ".png" and "PNG" not in formats:
            pytest.skip("this program reads no PNG files")
        if path.suffix == ".jpg" and "JPEG" not in formats:
            pytest.skip("this program reads no JPEG files")
        words = (tmp_path / "model.gnp", path, "--score-threshold", "1", "--draw", out)
        return groupnet_run(*words)

    def pixels(path):
        done = run(path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return np.asarray(Image.open(out))

    pixels.run = run
    return pixels


def picture(height, width, channels=3):
    """Smooth areas and noise."""
    generator = np.random.default_rng([height, width, channels])
    y, x = np.mgrid[:height, :width][:, :, :, None]
    waves = 128 + 100 * np.sin((x + 2 * y) / 7 + np.arange(channels))
    noise = generator.normal(0, 20, (height, width, channels))
    return np.clip(waves + noise, 0, 255).astype(np.uint8)


def image_of(mode, height, width):
    rgb = Image.fromarray(picture(height, width))
    if mode in ("RGBA", "LA"):
        image = rgb.convert(mode)
        image.putalpha(Image.fromarray(picture(height, width, 1)[:, :, 0]))
        return image
    return rgb.quantize(13) if mode == "P" else rgb.convert(mode)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(height, width, depth, kind, rows, *, interlaced=False, more=b""):
    """A file of these bytes of rows."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    data = chunk(b"IDAT", zlib.compress(rows))
    return SIGNATURE + chunk(b"IHDR", header) + more + data + chunk(b"IEND", b"")


def png_of(height, width, depth, kind, **options):
    """The same of noise, each row with a filter of its own."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    row = (width * channels * depth + 7) // 8
    noise = np.random.default_rng(depth).integers(0, 256, (height, row), np.uint8)
    filters = (np.arange(height) % 5).astype(np.uint8)[:, None]
    rows = np.concatenate([filters, noise], axis=1).tobytes()
    return png(height, width, depth, kind, rows, **options)


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "maker"
    return exif


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_png(read, tmp_path, mode):
    path = tmp_path / "a.png"
    for size in SIZES:
        image_of(mode, *size).save(path)
        assert np.array_equal(read(path), read_rgb(str(path))), size


@pytest.mark.parametrize(
    ("depth", "kind"), [(1, 0), (2, 0), (4, 0), (8, 0), (8, 2), (16, 2), (8, 4), (16, 4), (16, 6)]
)
def test_png_of_other_depths(read, tmp_path, depth, kind):
    path = tmp_path / "a.png"
    for size in SIZES:
        path.write_bytes(png_of(*size, depth, kind))
        assert np.array_equal(read(path), read_rgb(str(path))), size


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("colours", [1, 2, 256])
def test_palettes(read, tmp_path, depth, colours):
    """Some pixels have a number beyond the palette; transparent colours are as others."""
    colours = min(colours, 1 << depth)
    palette = np.random.default_rng(colours).integers(0, 256, 3 * colours, np.uint8).tobytes()
    more = chunk(b"PLTE", palette) + chunk(b"tRNS", bytes(colours))
    path = tmp_path / "a.png"
    path.write_bytes(png_of(24, 31, depth, 3, more=more))
    assert np.array_equal(read(path), read_rgb(str(path)))


def test_interlaced_png(read, tmp_path):
    """Seven passes, made by hand, as Pillow writes none."""
    height, width = 21, 26
    pixels = picture(height, width)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = b"".join(
        b"\0" + row.tobytes()
        for y, x, down, right in (*passes, (1, 0, 2, 1))
        for row in pixels[y::down, x::right]
    )
    path = tmp_path / "a.png"
    path.write_bytes(png(height, width, 8, 2, rows, interlaced=True))
    assert np.array_equal(read_rgb(str(path)), pixels)
    assert np.array_equal(read(path), pixels)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str
)
def test_jpeg(read, tmp_path, subsampling, options):
    path = tmp_path / "a.jpg"
    for size, quality in product(SIZES, (30, 95)):
        image = image_of("RGB", *size)
        image.save(path, quality=quality, subsampling=subsampling, **options)
        assert np.array_equal(read(path), read_rgb(str(path))), (size, quality)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpeg_of_other_colours(read, tmp_path, mode):
    path = tmp_path / "a.jpg"
    for size in SIZES:
        image_of(mode, *size).save(path, quality=90)
        assert np.array_equal(read(path), read_rgb(str(path))), size


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", range(10))
def test_orientation(read, tmp_path, suffix, orientation):
    path = tmp_path / f"a.{suffix}"
    image_of("RGB", 24, 31).save(path, exif=exif_of(orientation))
    expected = read_rgb(str(path))
    assert expected.shape[:2] == ((31, 24) if 5 <= orientation <= 8 else (24, 31))
    assert np.array_equal(read(path), expected)


@pytest.mark.parametrize(
    "exif", [b"", b"II", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0"]
)
def test_broken_exif(read, tmp_path, exif):
    path = tmp_path / "a.jpg"
    image_of("RGB", 24, 31).save(path)
    content = path.read_bytes()
    segment = b"Exif\0\0" + exif
    head = b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
    path.write_bytes(content[:2] + head + content[2:])
    assert read(path).shape == (24, 31, 3)


def jpeg_bytes(**options):
    memory = io.BytesIO()
    image_of("RGB", 40, 50).save(memory, "JPEG", **options)
    return memory.getvalue()


def with_size(jpeg, height, width):
    """A JPEG whose header announces another size."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


HOSTILE = {
    "PNG signature": ("png", SIGNATURE, "it is cut short"),
    "no PNG": ("png", b"\x89PNX" + bytes(60), "Not a PNG file"),
    "cut PNG": ("png", png_of(24, 31, 8, 2)[:-300], "it is cut short"),
    "PNG without rows": ("png", png(24, 31, 8, 2, b""), "Not enough image data"),
    "PNG with few rows": ("png", png(24, 31, 8, 2, bytes(94 * 3)), "Not enough image data"),
    "PNG, wrong filter": ("png", png(24, 31, 8, 2, b"\7" * 94 * 24), "bad adaptive filter value"),
    "PNG, no palette": ("png", png_of(24, 31, 8, 3), "Missing PLTE before IDAT"),
    "PNG, wrong sum": ("png", png_of(24, 31, 8, 2)[:30] + bytes(600), ": CRC error"),
    "huge PNG": (
        "png",
        png(100_000, 100_000, 8, 2, b"abc"),
        "100000 x 100000 pixels are more than 178956970",
    ),
    "huge interlaced PNG": (
        "png",
        png(1 << 30, 1 << 30, 16, 6, b"abc", interlaced=True),
        "",
    ),
    "PNG without pixels": ("png", png(0, 31, 8, 2, b""), ""),
    "deep grey PNG": ("png", png_of(24, 31, 16, 0), "it has 16 bits a channel; convert it to 8"),
    "no JPEG": ("jpg", b"\xff\x00" + bytes(60), "Not a JPEG file: starts with 0xff 0x00"),
    "JPEG start": ("jpg", b"\xff\xd8", "it is cut short"),
    "cut JPEG": ("jpg", jpeg_bytes()[:-200], "it is cut short"),
    "cut progressive JPEG": ("jpg", jpeg_bytes(progressive=True)[:-200], "it is cut short"),
    "huge JPEG": (
        "jpg",
        with_size(jpeg_bytes(), 65_000, 65_000),
        "65000 x 65000 pixels are more than 178956970",
    ),
    "JPEG without pixels": ("jpg", with_size(jpeg_bytes(), 0, 50), "Empty JPEG image"),
    "GIF": ("gif", b"GIF89a" + bytes(99), "its format is not known; this program reads "),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(read, tmp_path, name):
    suffix, content, message = HOSTILE[name]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    done = read.run(path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: image {path} cannot be read: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_rows_that_a_jpeg_announces(read, tmp_path):
    """Are grey, as Pillow has them."""
    path = tmp_path / "a.jpg"
    path.write_bytes(with_size(jpeg_bytes(), 900, 50))
    assert np.array_equal(read(path), read_rgb(str(path)))


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_files_with_broken_bytes(read, tmp_path, suffix):
    """A picture or one line, whatever the bytes are."""
    path, generator = tmp_path / f"a.{suffix}", np.random.default_rng(0)
    good = jpeg_bytes(progressive=True) if suffix == "jpg" else png_of(24, 31, 8, 6)
    for _ in range(60):
        broken = bytearray(good)
        for at in generator.integers(2, len(good), int(generator.integers(1, 6))):
            broken[at] = generator.integers(0, 256)
        path.write_bytes(bytes(broken[: int(generator.integers(len(good) // 2, len(good) + 1))]))
        done = read.run(path)
        assert done.returncode in (0, 1)
        assert done.stderr.count("\n") == done.returncode


def test_many_scans(read, tmp_path):
    """Each of which would go through all pixels."""
    jpeg = jpeg_bytes(progressive=True)
    start = jpeg.rindex(b"\xff\xda")
    scan = jpeg[start:-2]
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg[:-2] + scan * 600 + jpeg[-2:])
    done = read.run(path)
    assert (done.returncode, "it has too many scans\n" in done.stderr) == (1, True)


def test_a_program_without_the_libraries(native, tmp_path):
    """One line says which formats it reads."""
    program = tmp_path / "groupnet-run"
    own = compile_files(TARGETS["native"], sources_of("cli"), tmp_path)
    link_program(TARGETS["native"], [*own, native / "libgroupnet.a"], program)
    packed = dense_detector()
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)

    def run(*words):
        command = [program, tmp_path / "model.gnp", *words]
        return subprocess.run([*map(str, command)], capture_output=True, text=True)

    for suffix in ("png", "jpg"):
        image_of("RGB", 24, 31).save(tmp_path / f"a.{suffix}")
        assert run(tmp_path / f"a.{suffix}").stderr == (
            f"error: image {tmp_path}/a.{suffix} cannot be read: its format is not known; this "
            "program reads binary PPM and PGM (P6, P5)\n"
        )
    image_of("RGB", 24, 31).save(tmp_path / "a.ppm")
    assert run(tmp_path / "a.ppm", "--draw", tmp_path / "b.ppm").returncode == 0
    done = run(tmp_path / "a.ppm", "--draw", tmp_path / "b.png")
    assert "valid: a file name that ends in .ppm\n" in done.stderr
