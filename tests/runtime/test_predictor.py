import dataclasses
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import groupnet_det
from groupnet_det.errors import ConfigError, DataError, ExtensionError, PackedFileError
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.packed.steps.parts import Sinks
from groupnet_det.runtime.backends import extension
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.reference.interpreter import run_reference
from groupnet_det.runtime.results.classification import Classification
from tests.packed.edits import with_info
from tests.packed.program_builder import ProgramBuilder
from tests.packed.programs import simple_example


@pytest.fixture
def packed():
    return simple_example(channels=5)


@pytest.fixture
def path(tmp_path, packed):
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)
    return tmp_path / "model.gnp"


def write(folder, packed, **info):
    members = {k: v for k, v in {**packed.info, **info}.items() if v is not None}
    write_packed(folder / "other.gnp", packed.program, members, packed.tensors)
    return folder / "other.gnp"


def images(number):
    return list(np.random.default_rng(0).integers(0, 256, (number, 30, 40, 3), dtype=np.uint8))


def test_one_image(path, packed):
    predictor = PackedPredictor(path, backend="reference")
    (image,) = images(1)
    result = predictor(image)
    expected = run_reference(packed, predictor.preprocessing(image))["logits"].flatten()
    assert torch.equal(result.logits, expected)
    assert result.class_names == predictor.class_names == tuple(f"class {i}" for i in range(10))
    assert predictor.info == packed.info
    assert predictor.task == "classification"
    best = int(expected.argmax())
    assert result.class_name == result.top()[0][0] == f"class {best}"


def test_batches(path, tmp_path):
    predictor = PackedPredictor(str(path), backend="reference")
    Image.fromarray(images(1)[0]).save(tmp_path / "a.png")
    given = [*images(3), tmp_path / "a.png", Image.fromarray(images(2)[1])]
    results = predictor.predict_batch(given)
    for image, result in zip(given, results, strict=True):
        assert torch.equal(predictor(image).logits, result.logits)
    assert predictor.predict_batch([]) == []
    assert len(predictor.predict_batch(np.stack(images(2)))) == 2


def test_classification():
    result = Classification(torch.tensor([0.0, 2.0, 1.0]), ("cat", "dog", "horse"))
    shares = torch.tensor([1.0, math.exp(2), math.exp(1)]) / (1 + math.exp(2) + math.exp(1))
    assert torch.allclose(result.probabilities, shares, rtol=1e-7, atol=0)
    names = [name for name, _ in result.top(2)]
    assert names == ["dog", "horse"]
    assert result.top(2)[1][1] == pytest.approx(shares[2].item())
    assert len(result.top()) == len(result.top(99)) == 3
    assert result.top(0) == []
    assert str(result) == "dog 66.5%, horse 24.5%, cat 9.0%"


def test_classes_without_names(tmp_path, packed):
    for names in (None, []):
        path = write(tmp_path, packed, class_names=names)
        predictor = PackedPredictor(path, backend="reference")
        assert predictor.class_names == tuple("0123456789")


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"class_names": ["a"]}, "it has 1 class_names for 10 classes"),
        ({"class_names": "abcdefghij"}, "info.class_names is of the type str, not "),
        ({"class_names": list(range(10))}, r"info.class_names\[0\] is of the type int, not str"),
        *(
            ({"class_names": v}, f"info.class_names is of the type {type(v).__name__}, not ")
            for v in ({}, 0, "", False)
        ),
        (
            {"task": "detection"},
            "its postprocessing.kind is None; valid: .'retinanet', ",
        ),
        ({"task": None}, "its task is None"),
        ({"preprocessing": None}, "info.preprocessing does not have"),
        ({"preprocessing": {"kind": "x"}}, "info.preprocessing does not have"),
    ],
)
def test_files_of_other_kinds(tmp_path, packed, info, message):
    path = write(tmp_path, packed)
    members = {k: v for k, v in {**packed.info, **info}.items() if v is not None}
    path.write_bytes(with_info(path.read_bytes(), members))  # which could not be written
    with pytest.raises(PackedFileError, match=rf"other\.gnp: .*{message}"):
        PackedPredictor(path, backend="reference")


def test_a_program_without_logits(tmp_path, packed):
    program = dataclasses.replace(packed.program, outputs={"scores": 5})
    path = write(tmp_path, dataclasses.replace(packed, program=program))
    with pytest.raises(PackedFileError, match=r"no output 'logits', only \['scores'\]"):
        PackedPredictor(path, backend="reference")


def test_logits_that_are_maps(tmp_path, packed):
    program = dataclasses.replace(packed.program, outputs={"logits": 3})
    packed = dataclasses.replace(packed, program=program)
    path = write(tmp_path, packed, class_names=[str(i) for i in range(5)])
    predictor = PackedPredictor(path, backend="reference")
    with pytest.raises(PackedFileError, match=r"logits are maps of shape \(1, 16, 16, 5\)"):
        predictor(images(1)[0])


def test_bad_images(path):
    predictor = PackedPredictor(path, backend="reference")
    with pytest.raises(DataError, match=r"absent\.png cannot be read"):
        predictor.predict_batch([*images(1), "absent.png"])
    with pytest.raises(DataError, match="expected is a list of images"):
        predictor.predict_batch("absent.png")


def test_bad_arguments(path, tmp_path):
    with pytest.raises(ConfigError, match="backend is 'cuda'; valid: 'native', 'reference'"):
        PackedPredictor(path, backend="cuda")
    with pytest.raises(PackedFileError, match="No such file"):
        PackedPredictor(tmp_path / "absent.gnp")


def test_a_missing_engine_is_an_error(path, tmp_path, monkeypatch):
    monkeypatch.setattr(extension, "LIBRARY", tmp_path / "absent.so")
    extension.load_extension.cache_clear()
    with pytest.raises(ExtensionError, match=r'not built .*pip install.*backend="reference"'):
        PackedPredictor(path)
    monkeypatch.undo()
    extension.load_extension.cache_clear()


def test_the_engine_gives_the_same_bits(path):
    if not extension.is_built():
        pytest.skip("the compiled engine is not built")
    given = images(4)
    native = PackedPredictor(path, backend="native").predict_batch(given)
    reference = PackedPredictor(path, backend="reference").predict_batch(given)
    for a, b in zip(native, reference, strict=True):
        assert torch.equal(a.logits, b.logits)


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_images_smaller_than_the_kernels(tmp_path, backend):
    if backend == "native" and not extension.is_built():
        pytest.skip("the compiled engine is not built")
    b = ProgramBuilder()
    out = b.floats(10)
    b.stem(10, Sinks(float_=out), kernel=17, padding=0)
    b.outputs["logits"] = out
    predictor = PackedPredictor(write(tmp_path, b.build()), backend=backend)
    with pytest.raises(DataError, match="too small"):
        predictor(images(1)[0])


def test_public_name():
    assert groupnet_det.PackedPredictor is PackedPredictor
    assert "PackedPredictor" in dir(groupnet_det)


ALONE = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"detectron2", "fvcore", "iopath", "yacs", "pycocotools", "cv2"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
try:
    import detectron2
except ImportError as error:
    assert "blocked" in str(error)
else:
    raise AssertionError
from groupnet_det import PackedPredictor
import numpy

result = PackedPredictor(sys.argv[1], backend="reference")(numpy.load(sys.argv[2]))
print(result.logits.tolist())
"""


def test_it_needs_no_detectron2(path, tmp_path, root):
    (image,) = images(1)
    np.save(tmp_path / "image.npy", image)
    command = [sys.executable, "-c", ALONE, path, tmp_path / "image.npy"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    expected = PackedPredictor(path, backend="reference")(image).logits.tolist()
    assert done.stdout.strip() == str(expected)
