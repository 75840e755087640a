"""tools/export_packed.py as a user runs it."""

import hashlib
import subprocess
import sys

import pytest
import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.commands.deployment import export_packed
from groupnet_det.config import load_config
from groupnet_det.exporting.packed.trained import class_names
from groupnet_det.packed.packed_file import read_packed
from groupnet_det.runtime.reference.interpreter import run_reference

CONFIG = "configs/quick/classifier_groupnet_mnist5k.yaml"
SMALL = ["MODEL.GROUPNET.WIDTH", "0.125"]


@pytest.fixture(scope="module")
def checkpoint(root, tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("trained")
    model = build_model(load_config(str(root / CONFIG), [*SMALL, "MODEL.DEVICE", "cpu"]))
    Checkpointer(model, str(folder), extra={"class_names": list("0123456789")}).save("model_final")
    return folder / "model_final.pth"


def run_tool(root, output, *options):
    command = [sys.executable, "-W", "ignore", "tools/export_packed.py", "--config-file", CONFIG]
    return subprocess.run(
        [*command, "--output", str(output), *SMALL, *map(str, options)],
        cwd=root,
        capture_output=True,
        text=True,
    )


def test_export(root, checkpoint, tmp_path):
    output = tmp_path / "new" / "digits.gnp"
    done = run_tool(root, output, "MODEL.WEIGHTS", checkpoint)
    assert done.returncode == 0, done.stderr
    for text in ("full precision by the config", "float32 baseline", "bits each", str(output)):
        assert text in done.stdout
    packed = read_packed(output)
    assert packed.info["class_names"] == list("0123456789")
    assert packed.info["preprocessing"] == {
        **{"kind": "classification", "format": "RGB"},
        **{"resize": 32, "crop": 32},
    }
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert packed.info["source"]["checkpoint_sha256"] == digest
    assert packed.info["architecture"]["num_bases"] == 2
    assert packed.info["sizes"]["float32_twin"] < packed.info["sizes"]["float32_simulation"]
    logits = run_reference(packed, torch.zeros(1, 32, 32, 3, dtype=torch.uint8))["logits"]
    assert logits.shape == (1, 1, 1, 10)


def test_a_checkpoint_and_a_file_are_enough(root, checkpoint, tmp_path):
    stored = torch.load(checkpoint, weights_only=True)
    config = load_config(str(root / CONFIG), SMALL).dump()
    torch.save({**stored, "config": config}, tmp_path / "trained.pth")
    words = [checkpoint, root / CONFIG, tmp_path / "named.gnp", *SMALL]
    assert export_packed.main(list(map(str, words))) == 0
    words = [tmp_path / "trained.pth", tmp_path / "carried.gnp"]
    assert export_packed.main(list(map(str, words))) == 0
    named, carried = (read_packed(tmp_path / name) for name in ("named.gnp", "carried.gnp"))
    assert carried.program == named.program
    assert carried.info["preprocessing"] == named.info["preprocessing"]
    assert all(torch.equal(value, named.tensors[key]) for key, value in carried.tensors.items())


MISTAKES = {
    "none": ([], "MODEL.WEIGHTS is empty"),
    "absent": (["MODEL.WEIGHTS", "absent.pth"], "absent.pth does not exist"),
    "other": (["MODEL.GROUPNET.NUM_BASES", "3"], "has 2 branches in a block, the model 3"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_end_in_one_line(root, checkpoint, tmp_path, name):
    options, message = MISTAKES[name]
    weights = ["MODEL.WEIGHTS", checkpoint] if name == "other" else []
    done = run_tool(root, tmp_path / "x.gnp", *weights, *options)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not (tmp_path / "x.gnp").exists()


def test_class_names_fall_back_to_the_data_set_and_to_numbers(root, datasets_env):
    from groupnet_det.data.datasets.registration import register_datasets

    cfg = load_config(str(root / CONFIG))
    register_datasets(cfg)
    digits = [str(digit) for digit in range(10)]
    assert class_names(cfg.DATASETS.TEST[0], list("abcdefghij"), 10) == list("abcdefghij")
    assert class_names(cfg.DATASETS.TEST[0], [], 10) == digits
    assert class_names("", ["a", "b"], 3) == ["0", "1", "2"]


def test_why_a_data_set_gives_no_names_is_reported(tmp_path, caplog):
    from groupnet_det.data.datasets.registration import register_datasets

    entry = {"NAME": "broken", "FORMAT": "image_folder", "ROOT": str(tmp_path)}
    options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TEST", "['broken']"]
    cfg = load_config("", options)
    register_datasets(cfg)
    assert class_names("broken", [], 3) == ["0", "1", "2"]
    assert f"names 3 classes (image folder {tmp_path}" in caplog.text
    assert class_names("broken", ["a", "b"], 2) == ["a", "b"]  # which need no data set
