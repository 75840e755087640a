"""groupnet-det push: what goes to the hub, and that it comes back as it was."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from groupnet_det import PackedPredictor, export, predict
from groupnet_det.checkpoint.checkpointer import Checkpointer, load_tensors, read_checkpoint
from groupnet_det.checkpoint.detector_start import initialize
from groupnet_det.checkpoint.folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, write_folder
from groupnet_det.commands.deployment.push import main
from groupnet_det.errors import CheckpointError, PackedFileError, UserError
from groupnet_det.files.hub import HubError
from groupnet_det.inference.trained_predictor import open_predictor
from groupnet_det.runtime.backends.extension import is_built
from tests.hub_server import TOKEN
from tests.inference.models import make_model, write_checkpoint

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
NAME = "me/pets"
WEIGHTS, PACKED = f"hf://{NAME}", f"hf://{NAME}/model.gnp"
pytestmark = pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of weights with a packed file, and the checkpoint beside it."""
    place = tmp_path_factory.mktemp("made")
    checkpoint = write_checkpoint(place, "classifier")
    write_folder(place / "pets", load_tensors(str(checkpoint)))
    export(place / "pets", place / "pets" / "model.gnp")
    return place


@pytest.fixture
def folder(made, tmp_path):
    """A copy, for a test to spoil."""
    (tmp_path / "pets").mkdir()
    for path in (made / "pets").iterdir():
        (tmp_path / "pets" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "pets"


def pushed(server):
    repo = server.repos[NAME]
    return repo.commits[repo.refs["main"]]


def test_it_comes_back_as_it_was(made, folder, hub, capsys):
    (folder / "notes.txt").write_text("mine")
    assert main([str(folder), NAME]) == 0
    out = capsys.readouterr().out
    assert "pushed: model.safetensors, config.json, README.md, model.gnp\n" in out
    assert "left out: notes.txt\n" in out
    assert f"{WEIGHTS} is {hub.url}/{NAME}/commit/" in out
    assert set(pushed(hub)) == {WEIGHTS_FILE, CONFIG_FILE, CARD_FILE, "model.gnp"}

    before, after = read_checkpoint(made / "pets"), read_checkpoint(WEIGHTS)
    assert {k: v for k, v in after.items() if k != "model"} == {
        k: v for k, v in before.items() if k != "model"
    }
    for name, tensor in before["model"].items():
        assert torch.equal(after["model"][name], tensor), name
    model = make_model("classifier")
    Checkpointer(model, strict=True).load(WEIGHTS)
    assert initialize(model, backbone=WEIGHTS, noise=0.1).values

    trained, here = (open_predictor(path)(PIXELS) for path in (WEIGHTS, made / "classifier.pth"))
    assert torch.equal(trained.logits, here.logits)
    packed = PackedPredictor(PACKED)
    assert torch.equal(packed(PIXELS).logits, PackedPredictor(folder / "model.gnp")(PIXELS).logits)
    assert torch.equal(predict(PACKED, PIXELS).logits, packed(PIXELS).logits)


def test_what_was_exported_of_a_model_on_the_hub_names_it(folder, hub, tmp_path):
    main([str(folder), NAME])
    path = export(WEIGHTS, tmp_path / "again.gnp")
    source = PackedPredictor(path).info["source"]
    assert source["checkpoint"] == "pets"
    pushed_one = PackedPredictor(PACKED).info["source"]
    assert source["checkpoint_sha256"] == pushed_one["checkpoint_sha256"]


def test_the_card_gets_the_name_unless_somebody_edited_it(folder, hub):
    main([str(folder), NAME])
    card = pushed(hub)[CARD_FILE].decode()
    assert f'predict("{WEIGHTS}", "photo.jpg")' in card
    assert f"`MODEL.WEIGHTS {WEIGHTS}`" in card
    edited = (folder / CARD_FILE).read_text() + "\nTrained on my pets.\n"
    (folder / CARD_FILE).write_text(edited)
    main([str(folder), f"hf://{NAME}"])
    assert pushed(hub)[CARD_FILE].decode() == edited


def test_the_card_is_one_that_huggingface_hub_reads(folder):
    library = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    data = library.ModelCard.load(folder / CARD_FILE).data
    assert data.library_name == "groupnet_det"
    assert data.pipeline_tag == "image-classification"
    assert data.tags == ["binary-neural-network", "group-net"]


def break_link(folder):
    (folder / CARD_FILE).unlink()
    (folder / CARD_FILE).symlink_to(folder.parent / "secret")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: (f / WEIGHTS_FILE).unlink(),
            "model.safetensors is not a plain file, so nothing",
        ),
        (break_link, "README.md is not a plain file, so nothing is pushed"),
        (lambda f: (f / "a.gnp").mkdir(), "a.gnp is not a plain file, so nothing is pushed"),
        (lambda f: (f / "a.gnp").write_bytes(b"no"), "a.gnp"),
        (lambda f: (f / CONFIG_FILE).write_text("{}"), "config.json is of another project"),
    ],
    ids=["missing", "link", "folder", "broken", "foreign"],
)
def test_folders_that_cannot_be_read_are_not_pushed(folder, hub, spoil, message):
    (folder.parent / "secret").write_text("secret")
    spoil(folder)
    with pytest.raises(SystemExit) as end:
        main([str(folder), NAME])
    assert str(end.value).startswith("error: ")
    assert message in str(end.value)
    assert "\n" not in str(end.value)
    assert hub.asked == []


@pytest.mark.parametrize("name", ["pets", "../pets", f"{NAME}/model.gnp", f"{NAME}@v1", "a/b/c"])
def test_other_names_are_refused(folder, hub, name):
    with pytest.raises(SystemExit, match=r"^error: '?hf://"):
        main([str(folder), name])
    assert hub.asked == []


def hostile(server, **files):
    main_files = {name.replace("__", "."): content for name, content in files.items()}
    server.repos[NAME].commit(main_files)


@pytest.mark.parametrize(
    ("files", "load", "error", "message"),
    [
        ({"config__json": b"/etc/passwd"}, read_checkpoint, CheckpointError, "config.json is brok"),
        ({"config__json": b"[" * 99999}, read_checkpoint, CheckpointError, "config.json is brok"),
        (
            {"config__json": b" " * ((1 << 24) + 1)},
            read_checkpoint,
            HubError,
            "config.json has 16777217 bytes; the limit is 16777216",
        ),
        (
            {"model__safetensors": b"\xff" * 64},
            read_checkpoint,
            CheckpointError,
            "model.safetensors is broken or truncated",
        ),
        ({"model__gnp": b"\x80\x04."}, PackedPredictor, PackedFileError, "model.gnp"),
    ],
    ids=["link", "nested", "large", "weights", "pickle"],
)
def test_hostile_models_end_in_one_line(folder, hub, files, load, error, message):
    main([str(folder), NAME])
    hostile(hub, **files)
    with pytest.raises(error) as caught:
        load(PACKED if load is PackedPredictor else WEIGHTS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("load", "name", "message"),
    [
        (read_checkpoint, PACKED, "model.gnp is a file; weights are model.safetensors with"),
        (PackedPredictor, WEIGHTS, "names no packed file; add it: hf://me/pets/FILE.gnp"),
        (PackedPredictor, f"{WEIGHTS}/a.pth", "names no packed file"),
        (PackedPredictor, f"{WEIGHTS}/../a.gnp", "names no model"),
    ],
    ids=["file", "folder", "kind", "path"],
)
def test_names_of_the_other_kind_are_distinguished(load, name, message):
    with pytest.raises(UserError, match=message):
        load(name)


def test_as_typed_and_then_offline(folder, hub, tmp_path):
    """With the variables of huggingface_hub; a token is nowhere in what is printed."""
    variables = {
        **{"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": TOKEN},
        **{"HF_HUB_DISABLE_XET": "1", "HF_DEBUG": "1", "HF_HUB_OFFLINE": "0"},
    }

    def run(*words, **more):
        return subprocess.run(
            [sys.executable, "-W", "ignore", *words],
            env={**os.environ, **variables, **more},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    done = run("-m", "groupnet_det", "push", str(folder), NAME, "--private")
    assert done.returncode == 0, done.stderr
    assert hub.repos[NAME].private
    np.save(tmp_path / "pixels.npy", PIXELS)
    code = (
        "import numpy, groupnet_det\n"
        f"print(groupnet_det.predict({WEIGHTS!r}, numpy.load('pixels.npy')).class_name)\n"
        f"print(groupnet_det.PackedPredictor({PACKED!r})(numpy.load('pixels.npy')).class_name)"
    )
    outputs = [run("-c", code), run("-c", code, HF_HUB_OFFLINE="1", HF_ENDPOINT="http://[::1]:9")]
    for output in outputs:
        assert output.returncode == 0, output.stderr
        assert output.stdout == outputs[0].stdout
    assert "the copy in the cache is used" in outputs[1].stderr
    for output in (done, *outputs):
        assert TOKEN not in output.stdout + output.stderr
