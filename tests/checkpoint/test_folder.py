"""Weights as a folder: what survives, and what is refused."""

import json

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from groupnet_det.checkpoint.checkpointer import Checkpointer, load_tensors, read_checkpoint
from groupnet_det.checkpoint.detector_start import initialize
from groupnet_det.checkpoint.folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, write_folder
from groupnet_det.errors import CheckpointError
from groupnet_det.inference.trained_predictor import open_predictor
from tests.inference.models import METADATA, THINGS, make_model, write_checkpoint

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    """A folder of weights, made from the checkpoint beside it."""
    write_folder(tmp_path / "model", load_tensors(str(write_checkpoint(tmp_path, "classifier"))))
    return tmp_path / "model"


def bits(tensor):
    return tensor.contiguous().view(-1).view(torch.uint8) if tensor.dim() else tensor


@pytest.mark.parametrize("task", ["retinanet", "mask_rcnn", "panoptic", "semantic", "classifier"])
def test_weights_and_provenance_survive_bit_by_bit(tmp_path, task):
    before = load_tensors(str(write_checkpoint(tmp_path, task)))
    left_out = write_folder(tmp_path / "model", {**before, "trainer": {}, "iteration": 7})
    assert left_out == ["trainer"]
    after = read_checkpoint(tmp_path / "model")
    weights, others = before.pop("model"), after.pop("model")
    assert sorted(weights) == sorted(others)
    for name, tensor in weights.items():
        assert others[name].dtype == tensor.dtype, name
        assert others[name].shape == tensor.shape, name
        assert torch.equal(bits(others[name]), bits(tensor)), name
    configs = [yaml.safe_load(members.pop("config")) for members in (before, after)]
    assert configs[0] == configs[1]
    assert after == {**before, "iteration": 7}


@pytest.mark.parametrize("value", [-0.0, 1e-45], ids=["-0", "denormal"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_odd_values_keep_their_bits(tmp_path, folder, value, dtype):
    tensor = torch.tensor([value, 1.0], dtype=dtype)
    state = {
        "model": {"a": tensor, "n": torch.tensor(3)},
        "config": read_checkpoint(folder)["config"],
    }
    write_folder(tmp_path / "odd", state)
    read = read_checkpoint(tmp_path / "odd")["model"]
    assert torch.equal(bits(read["a"]), bits(tensor))
    assert read["n"].dtype == torch.int64
    assert read["n"].shape == ()


def test_tensors_that_share_memory_are_written_each(tmp_path, folder):
    base = torch.arange(6.0)
    config = read_checkpoint(folder)["config"]
    write_folder(tmp_path / "a", {"model": {"x": base, "y": base, "z": base[2:]}, "config": config})
    read = read_checkpoint(tmp_path / "a")["model"]
    assert read["x"].tolist() == read["y"].tolist() == base.tolist()
    assert read["z"].tolist() == [2, 3, 4, 5]


def test_a_config_that_json_cannot_hold_is_kept_as_text(tmp_path):
    text = "A: {1: a number as a key}\nB: 2026-11-23\n"
    header = "MODEL: {META_ARCHITECTURE: X, BACKBONE: {NAME: b}, GROUPNET: {DEPTH: 18, METHOD: m"
    text += f"{header}, NUM_BASES: 1, WIDTH: 1}}}}\nDATASETS: {{TEST: []}}\n"
    write_folder(tmp_path / "a", {"model": {"x": torch.zeros(1)}, "config": text})
    assert json.loads((tmp_path / "a" / CONFIG_FILE).read_text())["config"] == text
    assert read_checkpoint(tmp_path / "a")["config"] == text


def test_config_json_can_be_looked_at(folder):
    described = json.loads((folder / CONFIG_FILE).read_text())
    assert described["model_type"] == "groupnet_det"
    assert described["config"]["MODEL"]["GROUPNET"]["WIDTH"] == 0.125
    assert described["class_names"] == THINGS
    assert described["metadata"] == METADATA["classifier"]


def test_folders_of_version_0_1_0_are_read(folder):
    path = folder / CONFIG_FILE
    path.write_text(path.read_text().replace('"metadata"', '"looks"'))
    assert read_checkpoint(folder)["metadata"] == METADATA["classifier"]


def test_the_card_says_what_is_known(tmp_path, folder):
    checkpoint = read_checkpoint(folder)
    write_folder(tmp_path / "b", {**checkpoint, "metrics": {"classification/top1": 91.25}})
    card = (tmp_path / "b" / CARD_FILE).read_text()
    assert card.startswith("---\nlibrary_name: groupnet_det\npipeline_tag: image-classification\n")
    assert "**2 classes:** cat, dog" in card
    assert "| classification/top1 | 91.25 |" in card
    assert "Training data: `mine`, fingerprint `000000" in card
    assert "Scores: unknown" in (folder / CARD_FILE).read_text()


@pytest.mark.parametrize("inner", ["", WEIGHTS_FILE], ids=["folder", "file"])
def test_it_is_loaded_where_a_file_is(folder, inner):
    model, other = make_model("classifier"), make_model("classifier")
    for parameter in other.parameters():
        parameter.data.zero_()
    rest = Checkpointer(other, strict=True).load(str(folder / inner))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
    assert rest["class_names"] == THINGS


def test_predictions_are_those_of_the_file(folder):
    logits = []
    for path in (folder, folder.with_name("classifier.pth")):
        result = open_predictor(path)(PIXELS)
        assert result.class_names == tuple(THINGS)
        logits.append(result.logits)
    assert torch.equal(*logits)


def test_a_training_starts_from_it(folder):
    model = make_model("classifier")
    plan = initialize(model, detector="", backbone=str(folder), noise=0.1)
    assert sum("backbone" in origin for origin in plan.origins.values()) > 20


def spoil_config(folder, text):
    (folder / CONFIG_FILE).write_text(text)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / WEIGHTS_FILE).unlink(), "model.safetensors does not exist; a folder of"),
        (lambda f: (f / CONFIG_FILE).unlink(), "config.json does not exist; a folder of weights"),
        (
            lambda f: (f / WEIGHTS_FILE).write_bytes(b"no"),
            "model.safetensors is broken or truncated",
        ),
        (
            lambda f: (f / WEIGHTS_FILE).write_bytes((f / WEIGHTS_FILE).read_bytes()[:-9]),
            "model.safetensors is broken or truncated",
        ),
        (lambda f: spoil_config(f, '{"model_'), "config.json is broken or truncated"),
        (
            lambda f: (f / CONFIG_FILE).write_bytes(b"\xff\xfe"),
            "config.json is broken or truncated",
        ),
        (lambda f: spoil_config(f, "[]"), "config.json is of another project"),
        (lambda f: spoil_config(f, '{"model_type": "bert"}'), "is of another project"),
        (
            lambda f: spoil_config(f, '{"model_type": "groupnet_det", "format_version": 2}'),
            "has format_version 2; valid: 1",
        ),
        (
            lambda f: spoil_config(f, '{"model_type": "groupnet_det", "format_version": 1}'),
            "has no config of the network",
        ),
    ],
    ids=[
        *("no-weights", "no-config", "no-safetensors", "cut", "half-json", "no-utf8", "list"),
        *("foreign", "version", "no-network"),
    ],
)
def test_broken_folders_end_in_one_line(folder, spoil, message):
    spoil(folder)
    for read in (read_checkpoint, lambda path: Checkpointer(torch.nn.Linear(1, 1)).load(str(path))):
        with pytest.raises(CheckpointError) as caught:
            read(folder)
        assert message in str(caught.value)
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_folder_of_another_network_is_refused_and_the_model_stays(folder):
    model = make_model("classifier", "MODEL.GROUPNET.NUM_BASES", "2")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(CheckpointError, match="has 1 branches in a block, the model 2"):
        Checkpointer(model, strict=True).load(str(folder))
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_nothing_is_overwritten(tmp_path, folder):
    checkpoint = read_checkpoint(folder)
    (tmp_path / "file").write_text("mine")
    for place in (folder, tmp_path / "file"):
        with pytest.raises(CheckpointError, match="already exists; name a new or an empty"):
            write_folder(place, checkpoint)
    assert (tmp_path / "file").read_text() == "mine"


def test_weights_without_a_config_make_no_folder(tmp_path):
    with pytest.raises(CheckpointError, match="the checkpoint has no config"):
        write_folder(tmp_path / "a", {"model": {"x": torch.zeros(1)}})
    assert not (tmp_path / "a").exists()


def test_safetensors_alone_are_no_folder(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match=r"config\.json does not exist"):
        read_checkpoint(tmp_path)
