"""The command, natively and on an emulated ARM, against `PackedPredictor`, bit for bit."""

import numpy as np
import pytest
from PIL import Image

from groupnet_det.runtime.predictor import PackedPredictor
from tests.packed.programs import group_net_example
from tests.packed.programs_of_shapes import simple_example


def bits(values):
    return np.array(values, dtype=np.float32).view(np.uint32).tolist()


@pytest.mark.parametrize(("height", "width"), [(50, 70), (16, 16), (1, 1), (300, 41)])
@pytest.mark.parametrize("options", [(), ("--threads", "1"), ("--threads", "3")], ids=str)
def test_answers_are_those_of_python(
    groupnet_run, write_model, write_image, answer, height, width, options
):
    model = write_model(resize=30, crop=25, format="BGR")
    image = write_image(height, width)
    got = answer(groupnet_run(model, image, "--json", "--top", "3", *options))
    expected = PackedPredictor(model, backend="reference")(image)
    assert bits(got["logits"]) == bits(expected.logits.tolist())
    assert bits(got["probabilities"]) == bits(expected.probabilities.tolist())
    top = [(entry["class"], np.float32(entry["probability"])) for entry in got["top"]]
    assert top == [(name, np.float32(share)) for name, share in expected.top(3)]
    assert got["task"] == "classification"
    assert got["outputs"] == {"logits": [1, 1, 1, 10]}


def test_a_trained_classifier(groupnet_run, tiny_packed, write_image, answer):
    image = write_image(28, 28, "digit.pgm")
    got = answer(groupnet_run(tiny_packed / "model.gnp", image, "--json"))
    expected = PackedPredictor(tiny_packed / "model.gnp", backend="reference")(image)
    assert bits(got["probabilities"]) == bits(expected.probabilities.tolist())


def test_eight_processes(groupnet_run, write_model, write_image):
    model, image = write_model(), write_image()
    words = (model, image, "--json", "--threads", "2")
    expected = groupnet_run(*words).stdout
    running = [groupnet_run(*words, start=True) for _ in range(8)]
    assert (
        [process.communicate(timeout=120)[0] for process in running] == [expected] * 8 != [""] * 8
    )


def test_text(groupnet_run, write_model, write_image):
    model, image = write_model(), write_image()
    done = groupnet_run(model, image, "--top", "2")
    expected = PackedPredictor(model, backend="reference")(image).top(2)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(name, np.float32(share)) for share, name in lines] == [
        (name, np.float32(share)) for name, share in expected
    ]
    assert done.stderr == ""
    assert groupnet_run(model, image, "--top", "0").stdout == ""


def test_names_of_classes_in_json(groupnet_run, write_model, write_image, answer):
    names = ['"quoted"', "back\\slash", "new\nline", "\u00e9\u4e2d\U0001f600", *"abcdef"]
    model = write_model(class_names=names)
    got = answer(groupnet_run(model, write_image(), "--json", "--top", "10"))
    assert sorted(entry["class"] for entry in got["top"]) == sorted(names)


def maps_of_classes():
    """Whose output is a map of five channels, called logits as a segmenter's."""
    packed = simple_example(channels=5)
    packed.program.outputs.clear()
    packed.program.outputs["logits"] = 3
    return packed


@pytest.mark.parametrize("task", ["semantic_segmentation", None])
def test_label_maps(groupnet_run, write_model, write_image, tmp_path, answer, library, task):
    names = ["a", "b", "c", "d", "e"]
    path = write_model(packed=maps_of_classes(), task=task, class_names=names)
    image = write_image()
    labels = tmp_path / "labels.pgm"
    done = groupnet_run(path, image, "--output", labels, "--map", "logits")
    assert done.stdout == "logits\t1 x 16 x 16 x 5\n", done.stderr
    model = library.model(path)
    values = library.outputs(model, np.asarray(Image.open(image)))["logits"]
    library.close(model)
    written = Image.open(labels)
    assert written.mode == "L"
    assert np.array_equal(np.asarray(written), values[0].argmax(2))
    got = answer(groupnet_run(path, image, "--json", "--map", "logits"))
    assert got["outputs"] == {"logits": [1, 16, 16, 5]}


@pytest.mark.parametrize("task", ["detection", "instance_segmentation"])
def test_of_a_detector_the_maps_and_a_note(groupnet_run, write_model, write_image, task):
    path = write_model(packed=maps_of_classes(), task=task, class_names=None)
    for options in ((), ("--json",)):
        done = groupnet_run(path, write_image(), *options)
        assert ("1 x 16 x 16 x 5" if not options else "[1, 16, 16, 5]") in done.stdout
        assert done.stderr.startswith(
            "note: only the network's maps are computed: the model finds no objects: "
        )


def test_labels_of_what_is_no_label_map(groupnet_run, write_model, write_image, tmp_path):
    model, image = write_model(), write_image()
    done = groupnet_run(model, image, "--output", tmp_path / "x.pgm", "--map", "scores")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the model has no output 'scores'\n"
    done = groupnet_run(model, image, "--output", tmp_path / "absent/x.pgm")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path}/absent/x.pgm cannot be written: No such file")


def test_a_grey_file_is_as_its_three_channels(groupnet_run, write_model, write_image, tmp_path):
    model, grey = write_model(), write_image(name="grey.pgm")
    Image.open(grey).convert("RGB").save(tmp_path / "same.ppm")
    outputs = [groupnet_run(model, path).stdout for path in (grey, tmp_path / "same.ppm")]
    assert outputs[0] == outputs[1] != ""


HEADERS = {
    "comments": b"P6 # a comment\n#another\n 2#here\n\t3 # too\r\n255\n",
    "spaces": b"P6\r\n2\v3\f255 ",
    "zeros": b"P6 002 03 00255\n",
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("rest", [b"", b"P6 another image"])
def test_headers(groupnet_run, write_model, tmp_path, name, rest):
    model = write_model()
    pixels = bytes(range(18))
    (tmp_path / "plain.ppm").write_bytes(b"P6 2 3 255\n" + pixels)
    (tmp_path / "image.ppm").write_bytes(HEADERS[name] + pixels + rest)
    done = groupnet_run(model, tmp_path / "image.ppm")
    assert done.stdout == groupnet_run(model, tmp_path / "plain.ppm").stdout != "", done.stderr


BROKEN = {
    "empty": (b"", "it is cut short"),
    "one byte": (b"P", "it is cut short"),
    "magic alone": (b"P6", "it is not a binary PPM or PGM file (P6 or P5)"),
    "no size": (b"P6\n", "its header is cut short"),
    "no height": (b"P6 5 ", "its header is cut short"),
    "no greatest": (b"P5 5 5", "its header is cut short"),
    "endless comment": (b"P6 # 5 5 255 abc", "its header is cut short"),
    "a letter": (b"P6 5 x 255\n", "its header is broken: the height is not a number"),
    "negative": (b"P6 -5 5 255\n", "its header is broken: the width is not a number"),
    "point": (b"P6 5.0 5 255\n", "its header is broken: the width is not a number"),
    "no space": (b"P6 5 5 255x", "its header is broken: the greatest value is not a number"),
    "huge number": (b"P6 99999999999999999999 1 255\n", "its width is above 1000000000"),
    "huge": (b"P6 100000 100000 255\n", "100000 x 100000 pixels are more than 178956970"),
    "wide": (b"P5 1000000000 1 255\n", "1000000000 x 1 pixels are more than 178956970"),
    "no pixel": (b"P6 0 5 255\n", "it holds no pixel"),
    "16 bits": (b"P6 1 1 65535\n" + bytes(6), "it has 16 bits a channel; convert it to 8"),
    "256": (b"P5 1 1 256\n" + bytes(2), "it has 16 bits a channel; convert it to 8"),
    "17 bits": (b"P6 1 1 65536\n", "its greatest value is not 1 to 65535"),
    "no values": (b"P6 1 1 0\n", "its greatest value is not 1 to 65535"),
    "5 bits": (b"P6 1 1 31\n" + bytes(3), "its greatest value is 31; only 255 is read"),
    "cut": (b"P6 5 5 255\n" + bytes(74), "it is cut short: 74 of 75 bytes"),
    "cut and large": (b"P6 10000 10000 255\nabc", "it is cut short: 3 of 300000000 bytes"),
    "text P3": (b"P3 1 1 255\n1 2 3", "it is a P3 file; only binary PPM and PGM (P6, P5) are read"),
    "text P2": (b"P2 1 1 255\n1", "it is a P2 file; only binary PPM and PGM (P6, P5) are read"),
    "bitmap": (b"P4 8 1\n\0", "it is a P4 file; only binary PPM and PGM (P6, P5) are read"),
    "PAM": (b"P7\nWIDTH 1\n", "it is a P7 file; only binary PPM and PGM (P6, P5) are read"),
    "PFM": (b"PF\n1 1\n-1\n", "it is not a binary PPM or PGM file (P6 or P5)"),
    "P60": (b"P60 5 5 255\n", "it is not a binary PPM or PGM file (P6 or P5)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_images(groupnet_run, write_model, tmp_path, name):
    content, message = BROKEN[name]
    path = tmp_path / "image.ppm"
    path.write_bytes(content)
    done = groupnet_run(write_model(), path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: image {path} cannot be read: {message}\n"


def test_missing_files(groupnet_run, write_model, write_image, tmp_path):
    model, image = write_model(), write_image()
    done = groupnet_run(tmp_path / "absent.gnp", image)
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {tmp_path}/absent.gnp cannot be opened\n",
    )
    done = groupnet_run(model, tmp_path / "absent.ppm")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "absent.ppm cannot be read: it cannot be opened: No such file or directory\n"
    )
    done = groupnet_run(model, tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith(f"{tmp_path} cannot be read: Is a directory\n")


def test_an_image_that_is_too_narrow(groupnet_run, write_model, write_image):
    done = groupnet_run(write_model(resize=224, crop=224), write_image(1, 9000))
    assert done.returncode == 1
    assert done.stderr == "error: the image of 9000 x 1 pixels is too narrow to be resized\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "a model and an image are needed"),
        (("a",), "a model and an image are needed"),
        (("a", "b", "c"), "a model and an image are needed"),
        (("a", "b", "--threads"), "--threads needs a value"),
        (("a", "b", "--threads", "0"), "--threads is '0'; valid: 1 to 256"),
        (("a", "b", "--threads", "two"), "--threads is 'two'; valid: 1 to 256"),
        (("a", "b", "--threads", "99999999999999999999"), "valid: 1 to 256"),
        (("a", "b", "--top", "-1"), "--top is '-1'"),
        (("a", "b", "--speed"), "unknown option --speed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_words(groupnet_run, words, message):
    done = groupnet_run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr.splitlines()[0]
    assert "usage: groupnet-run MODEL.gnp IMAGE" in done.stderr


def test_help(groupnet_run):
    done = groupnet_run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: groupnet-run MODEL.gnp")


def test_logits_that_are_no_numbers(groupnet_run, write_model, write_image, answer):
    """NaN has no place in JSON."""
    packed = group_net_example(groups=1, width=16)
    shift = packed.program.steps[-1].branches[0].terms[0].map.shift1
    packed.tensors[shift][3] = float("inf")
    got = answer(groupnet_run(write_model(packed=packed), write_image(), "--json"))
    assert got["logits"][3] is None
    assert got["probabilities"] == [None] * 10
    assert got["top"][0]["class"] == "class 3"
