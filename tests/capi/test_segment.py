"""Label maps of the C library and the command, against `PackedPredictor`, bit for bit."""

import json

import numpy as np
import pytest
from PIL import Image

from groupnet_det.errors import DataError
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.preprocessing.shortest_edge import ShortestEdge
from tests.packed.programs_of_parts import segmenter_example

from .library import Error, LibraryError

# (height, width): larger, smaller and the network's own size; far from square.
SIZES = [(30, 41), (41, 30), (24, 24), (1, 1), (9, 70), (70, 9), (120, 50), (200, 260)]
EDGES = [(24, 60), (0, 0), (40, 0), (33, 45), (28, 33)]
WHOLE = {"kind": "segmentation", "inference": "whole"}
SLIDE = {"kind": "segmentation", "inference": "slide", "window": [17, 20], "stride": [11, 20]}


def noise(height, width):
    generator = np.random.default_rng([height, width])
    return generator.integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def write_segmenter(write_model):
    """Write a packed segmenter, ``write_segmenter(edge=(24, 60), ...)``."""

    def write(edge=(24, 60), format="BGR", **info):
        names = ("kind", "min_size", "max_size", "format")
        preprocessing = dict(zip(names, ("shortest_edge", *edge, format), strict=True))
        members = {
            "task": "semantic_segmentation",
            "class_names": None,
            "preprocessing": preprocessing,
            "postprocessing": WHOLE,
            **info,
        }
        return write_model(packed=segmenter_example(), **members)

    return write


@pytest.mark.parametrize("edge", EDGES, ids=str)
@pytest.mark.parametrize("format", ["RGB", "BGR"])
def test_prepared_pixels_are_those_of_python(library, write_segmenter, edge, format):
    model = library.model(write_segmenter(edge, format))
    prepare = ShortestEdge(min_size=edge[0], max_size=edge[1], format=format)
    for size in [*SIZES, (480, 640), (640, 480), (1000, 37), (37, 1000)]:
        expected, _ = prepare(noise(*size))
        assert np.array_equal(library.prepared(model, noise(*size)), expected[0].numpy()), size
    library.close(model)


def test_sizes_are_those_of_python(library, write_segmenter):
    """Where the last bit of a float64 decides."""
    generator = np.random.default_rng(0)
    image = np.zeros((1, 1, 3), np.uint8)
    shape = (library.prepare.argtypes[4])()
    for _ in range(60):
        edge = generator.integers(0, 1400, 2).tolist()
        model = library.model(write_segmenter(edge))
        prepare = ShortestEdge(min_size=edge[0], max_size=edge[1], format="RGB")
        for height, width in generator.integers(1, 3000, (40, 2)).tolist():
            if library.prepare(model, image.ctypes.data, height, width, shape, None, None) == 0:
                assert tuple(shape) == prepare.resized(height, width), (edge, height, width)
        library.close(model)


@pytest.mark.parametrize("edge", EDGES, ids=str)
@pytest.mark.parametrize("postprocessing", [WHOLE, SLIDE], ids=["whole", "slide"])
def test_label_maps_are_those_of_python(library, write_segmenter, edge, postprocessing):
    path = write_segmenter(edge, postprocessing=postprocessing)
    model, predict = library.model(path), PackedPredictor(path, backend="reference")
    found = set()
    for number, size in enumerate(SIZES):
        labels = library.segmented(model, noise(*size), threads=1 + number % 3)
        assert np.array_equal(labels, predict(noise(*size)).labels.numpy()), size
        found |= set(labels.flatten().tolist())
    assert len(found) > 1
    library.close(model)


@pytest.mark.parametrize("postprocessing", [WHOLE, SLIDE], ids=["whole", "slide"])
@pytest.mark.parametrize("size", [(50, 70), (24, 24), (90, 31)], ids=str)
@pytest.mark.parametrize("names", [None, ["a", "void", "b", "a", "void", "c", "a"]], ids=str)
def test_the_command(
    groupnet_run, write_segmenter, write_image, tmp_path, postprocessing, size, names
):
    path = write_segmenter(postprocessing=postprocessing, class_names=names)
    image = write_image(*size)
    done = groupnet_run(path, image, "--output", tmp_path / "labels.pgm")
    expected = PackedPredictor(path, backend="reference")(image)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "labels.pgm")), expected.labels)
    shares = {name: np.float32(share) for name, share in expected.shares().items()}
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(name, np.float32(share)) for share, name in lines] == list(shares.items())
    done = groupnet_run(path, image, "--json", "--threads", "2")
    got = json.loads(done.stdout, object_pairs_hook=list)
    assert dict(got)["labels"] == list(size)
    assert [(name, np.float32(s)) for name, s in dict(got)["shares"]] == list(shares.items())


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"task": "classification?"}, "its task is 'classification\\?', not"),
        ({"postprocessing": None}, "postprocessing"),
        ({"postprocessing": {"kind": "rcnn"}}, "kind is 'rcnn'; valid: 'segmentation'"),
        ({"postprocessing": {**WHOLE, "inference": "half"}}, "'half'; valid: 'whole', 'slide'"),
        ({"postprocessing": {**SLIDE, "window": [1]}}, "window has not two numbers"),
        ({"postprocessing": {**SLIDE, "stride": [1, 0]}}, "stride must be above 0"),
        ({"class_names": ["a", "b"]}, "it has 2 class_names for 7 classes"),
    ],
    ids=str,
)
def test_what_is_no_segmenter(library, write_segmenter, info, message):
    model = library.model(write_segmenter(**info))
    with pytest.raises(LibraryError, match=f"the model gives no label map: .*{message}"):
        library.segmented(model, noise(9, 9))
    library.outputs(model, noise(9, 9))  # its network runs all the same
    library.close(model)


@pytest.mark.parametrize(
    ("preprocessing", "message"),
    [
        ({"kind": "shortest_edge"}, "format"),
        ({"min_size": -1}, "min_size or max_size below 0"),
        ({"format": "HSV"}, "format is 'HSV'; valid: 'RGB', 'BGR'"),
        ({"flip": 1}, "has other members than kind, min_size, max_size, format"),
        ({"kind": "other"}, "kind is 'other'; valid: 'classification', 'shortest_edge'"),
    ],
    ids=str,
)
def test_images_that_cannot_be_prepared(library, write_segmenter, preprocessing, message):
    whole = {"kind": "shortest_edge", "min_size": 9, "max_size": 9, "format": "RGB"}
    given = preprocessing if preprocessing.keys() == {"kind"} else {**whole, **preprocessing}
    model = library.model(write_segmenter(preprocessing=given))
    with pytest.raises(LibraryError, match=f"cannot be prepared for this model: .*{message}"):
        library.segmented(model, noise(9, 9))
    library.close(model)


@pytest.mark.parametrize(("least", "size"), [(800, (1, 30000)), (20000, (5, 5))], ids=str)
def test_an_image_that_would_be_too_large(library, write_segmenter, least, size):
    image = np.zeros((*size, 3), np.uint8)
    model = library.model(write_segmenter((least, 0)))
    with pytest.raises(DataError) as refused:
        ShortestEdge(min_size=least, max_size=0, format="RGB")(image)
    with pytest.raises(LibraryError) as got:
        library.segmented(model, image)
    assert str(got.value) == str(refused.value)
    assert library.segment(model, None, 5, 5, 1, None, None) == -1
    library.close(model)


def test_an_image_that_is_too_large(library, write_segmenter):
    """Its size alone is looked at."""
    model, error = library.model(write_segmenter((0, 0))), Error()
    shape = (library.prepare.argtypes[4])()
    assert library.prepare(model, b"", 16384, 16385, shape, None, error) == -1
    expected = "the image of 16385 x 16384 pixels has more than 2^28 pixels; make it smaller"
    assert error.message.decode() == expected
    library.close(model)
