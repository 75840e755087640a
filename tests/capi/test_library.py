"""The C library's functions, by ctypes."""

import ctypes
import json
import threading

import numpy as np
import pytest

from groupnet_det.packed.packed_file import read_packed
from groupnet_det.runtime.reference.interpreter import run_reference
from groupnet_det.runtime.results import softmax
from tests.packed.edits import with_info
from tests.packed.programs import example_images, example_packed_files, group_net_example
from tests.packed.programs_of_shapes import simple_example

from .library import Error, LibraryError

EXAMPLES = dict(example_packed_files())


def same_bits(got, expected):
    nan = np.isnan(got) & np.isnan(expected)
    return bool(((got.view(np.uint32) == expected.view(np.uint32)) | nan).all())


def test_outputs_of_prepared_images(library, write_model):
    """Of any task, any number of channels and images, as the reference in PyTorch computes them."""
    for name, packed in EXAMPLES.items():
        images = example_images(packed, batch=3)
        model = library.model(write_model(packed=packed, task="another", preprocessing=None))
        assert library.input_channels(model) == packed.program.input_channels
        got = library.outputs(model, images.numpy(), threads=2, prepared=True)
        expected = run_reference(packed, images)
        assert list(got) == list(expected)
        for output, values in expected.items():
            assert same_bits(got[output], values.float().numpy()), (name, output)
        library.close(model)


def test_what_a_model_says(library, write_model):
    path = write_model(class_names=["\u00e9", *"bcdefghij"])
    model = library.model(path)
    assert library.task(model) == b"classification"
    assert json.loads(library.info(model))["class_names"][0] == "\u00e9"
    assert library.num_classes(model) == 10
    names = [library.class_name(model, number) for number in (0, 9, 10, -1)]
    assert names == ["\u00e9".encode(), b"j", None, None]
    assert library.num_outputs(model) == 1
    assert library.output_name(model, 0) == b"logits"
    assert library.output_name(model, 1) is None
    assert library.instruction_set(model)
    assert library.api_version() == 1
    library.close(model)
    library.close(None)
    library.free(None)


def test_classes_without_names(library, write_model):
    model = library.model(write_model(class_names=None))
    assert library.class_name(model, 9) == b"9"
    library.close(model)


def test_a_file_from_memory(library, write_model):
    content = write_model().read_bytes()
    error = Error()
    model = library.open_bytes(content, len(content), error)
    image = np.zeros((30, 40, 3), np.uint8)
    expected = library.outputs(library.model(write_model()), image)
    assert same_bits(library.outputs(model, image)["logits"], expected["logits"])
    library.close(model)
    assert library.open_bytes(content[:-1], len(content) - 1, error) is None
    assert error.message.startswith(b"the packed file in memory cannot be used: ")
    assert library.open_bytes(None, 0, None) is None


@pytest.mark.parametrize("isa", ["portable", "vax"])
def test_the_environment_chooses_the_instruction_set(library, write_model, monkeypatch, isa):
    monkeypatch.setenv("GROUPNET_DET_ISA", isa)
    if isa == "vax":
        with pytest.raises(LibraryError, match=r"'vax' \(GROUPNET_DET_ISA\).*possible: .*portable"):
            library.model(write_model())
        return
    model = library.model(write_model())
    assert library.instruction_set(model) == b"portable"
    library.close(model)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"class_names": ["a"]}, "it has 1 class_names for 10 classes"),
        ({"class_names": "abcdefghij"}, "info.class_names is not a list"),
        ({"class_names": list(range(10))}, "info.class_names[0] is not a string"),
        ({"task": 5}, "info.task is not a string"),
        ({"preprocessing": None}, "info has no 'preprocessing'"),
        ({"preprocessing": []}, "info.preprocessing is not an object"),
        ({"preprocessing": {"resize": 48}}, "info.preprocessing has no 'kind'"),
        ({"kind": "detection"}, "info.preprocessing.kind is 'detection'; valid: 'classification'"),
        ({"resize": "48"}, "info.preprocessing.resize is not a whole number"),
        ({"resize": 48.0}, "info.preprocessing.resize is not a whole number"),
        ({"crop": True}, "info.preprocessing.crop is not a whole number"),
        ({"crop": 21}, "crop 21 and resize 20; valid: 1 <= crop <= resize <= 16384"),
        ({"crop": 0}, "crop 0"),
        ({"resize": 10**9}, "resize 1000000000"),
        ({"format": "L"}, "info.preprocessing.format is 'L'; valid: 'RGB', 'BGR'"),
        ({"mean": 0}, "info.preprocessing has other members"),
    ],
    ids=str,
)
def test_files_that_do_not_say_what_they_are(library, write_model, info, message):
    members = {"kind": "classification", "resize": 20, "crop": 16, "format": "RGB"}
    if set(info) & {*members, "mean"}:
        info = {"preprocessing": {**members, **info}}
    path = write_model()
    content = path.read_bytes()
    members = {**read_packed(path).info, **info}
    kept = {key: value for key, value in members.items() if value is not None}
    path.write_bytes(with_info(content, kept))  # Python would refuse to write it
    with pytest.raises(LibraryError) as error:
        library.model(path)
    assert str(error.value).startswith(f"{path} cannot be used: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_classifier_without_logits(library, write_model):
    packed = group_net_example(groups=2, width=16)
    packed.program.outputs["scores"] = packed.program.outputs.pop("logits")
    with pytest.raises(LibraryError, match="it has no output 'logits'"):
        library.model(write_model(packed=packed))


def test_a_model_of_another_task(library, write_model):
    """Opens, runs on prepared images, and says why it cannot prepare them."""
    model = library.model(write_model(task="detection", preprocessing={"kind": "shortest edge"}))
    with pytest.raises(LibraryError) as error:
        library.outputs(model, np.zeros((30, 40, 3), np.uint8))
    assert str(error.value).startswith("images cannot be prepared for this model: ")
    assert "kind is 'shortest edge'" in str(error.value)
    images = np.zeros((1, 30, 40, 3), np.uint8)
    assert library.outputs(model, images, prepared=True)["logits"].shape == (1, 1, 1, 10)
    library.close(model)


def test_images_of_other_than_three_channels(library, write_model):
    packed = next(p for p in EXAMPLES.values() if p.program.input_channels != 3)
    model = library.model(write_model(packed=packed, task="depth"))
    with pytest.raises(LibraryError, match="it is for images of other than 3 channels"):
        library.outputs(model, np.zeros((30, 40, 3), np.uint8))
    library.close(model)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((0, 5, 5), "there is no image"),
        ((-1, 5, 5), "there is no image"),
        ((1, 0, 5), "the image is empty"),
        ((1, 5, -5), "the image is empty"),
        ((1, 1 << 31, 1 << 31), "more than 2^31 - 1 elements"),
        ((1, 1 << 62, 1 << 62), "more than 2^31 - 1 elements"),
    ],
    ids=str,
)
def test_impossible_sizes_of_prepared_images(library, write_model, size, message):
    model, error = library.model(write_model()), Error()
    assert library.run_prepared(model, b"abc", *size, 1, error) is None
    assert message in error.message.decode()
    library.close(model)


@pytest.mark.parametrize("threads", [-1, 257, 1 << 30])
def test_impossible_numbers_of_threads(library, write_model, threads):
    model = library.model(write_model())
    with pytest.raises(LibraryError, match=f"threads is {threads}; valid: 0 to 256"):
        library.outputs(model, np.zeros((30, 40, 3), np.uint8), threads=threads)
    library.close(model)


def test_null(library, write_model):
    error = Error()
    assert library.open(None, error) is None
    assert error.message == b"the path is NULL"
    assert library.run(None, None, 1, 1, 1, error) is None
    assert error.message == b"the model or the image is NULL"
    assert library.run(None, None, 1, 1, 1, None) is None
    model = library.model(write_model())
    assert library.run_prepared(model, None, 1, 20, 20, 1, None) is None
    library.close(model)


def test_a_long_message_is_cut_at_a_character(library):
    error = Error()
    for shift in range(3):
        path = "x" * shift + "\u00e9\n" * 400
        assert library.open(path.encode(), error) is None
        text = error.message.decode()
        assert 500 < len(error.message) < 512
        assert text == path.replace("\n", r"\x0a")[: len(text) - 3] + "..."


SPECIAL = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 3e38, -3e38, 1e-45, 5.0, 5.0]


def logits_of(count, seed):
    generator = np.random.default_rng(seed)
    values = generator.standard_normal(count) * generator.choice([0.01, 1, 20, 500])
    if seed % 3 == 0:
        values = generator.choice(SPECIAL[seed % 2 :], count)
    if seed % 3 == 1:
        values = np.round(values)  # equal ones among them
    return values.astype(np.float32)


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_softmax_and_top_are_those_of_python(library, count):
    for seed in range(30):
        logits = logits_of(count, seed)
        got = np.zeros(count, np.float32)
        library.softmax(logits.ctypes.data, count, got.ctypes.data)
        assert same_bits(got, softmax.softmax(logits))
        for top in (0, 1, 3, count, count + 5):
            classes = np.full(count, -1, np.int32)
            number = library.top(logits.ctypes.data, count, top, classes.ctypes.data)
            assert number == min(top, count)
            assert classes[:number].tolist() == softmax.rank(logits, top).tolist()


def test_labels(library, write_model):
    packed = simple_example(channels=5)
    packed.program.outputs["maps"] = 3
    model = library.model(write_model(packed=packed, task="segmentation", class_names=None))
    image = np.random.default_rng(0).integers(0, 256, (2, 30, 40, 3), np.uint8)
    result = library.run_prepared(model, image.ctypes.data, 2, 30, 40, 2, None)
    output = library.find_output(result, b"maps")
    values = np.ctypeslib.as_array(output.contents.values, tuple(output.contents.shape))
    labels = np.zeros(values.shape[:3], np.int32)
    library.labels(output, labels.ctypes.data)
    assert np.array_equal(labels, values.argmax(3))
    assert len(np.unique(labels)) > 1
    assert not library.find_output(result, b"absent")
    assert not library.get_output(result, 2)
    assert not library.get_output(result, -1)
    library.free(result)
    library.close(model)


def test_eight_threads_share_a_model(library, write_model):
    model = library.model(write_model())
    images = np.random.default_rng(0).integers(0, 256, (4, 50, 60, 3), np.uint8)
    expected = [library.outputs(model, image)["logits"] for image in images]
    right = []

    def work(caller):
        for number in range(10):
            place = (caller + number) % len(images)
            got = library.outputs(model, images[place], threads=1 + number % 3)["logits"]
            right.append(same_bits(got, expected[place]))

    threads = [threading.Thread(target=work, args=(caller,)) for caller in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 80
    library.close(model)


def test_it_needs_no_torch(native):
    content = (native / "libgroupnet.so").read_bytes()
    assert b"libtorch" not in content
    assert b"libc10" not in content


def test_nothing_but_the_interface_is_exported(native):
    """Names that could collide with those of a program."""
    library = ctypes.CDLL(str(native / "libgroupnet.so"))
    assert library.groupnet_open
    with pytest.raises(AttributeError):
        _ = library._ZN8groupnet5crc32EjPKhm


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("kernel-larger-than-map", (160, 160)),
        ("kernel-larger-than-map-segmenter", (64, 4096)),
        ("kernel-larger-than-map-segmenter", (64, 64)),
    ],
    ids=str,
)
def test_kernels_larger_than_maps(library, root, name, size):
    """Of real files, in which the next term of the step fits."""
    model = library.model(root / f"tests/runtime/files/{name}.gnp")
    with pytest.raises(LibraryError, match="is too small"):
        library.outputs(model, np.full((*size, 3), 77, np.uint8))
    library.close(model)
