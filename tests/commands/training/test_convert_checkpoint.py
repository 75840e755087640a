"""The converter's output in use. What it refuses: tests/checkpoint."""

import json
import subprocess
import sys

import torch

from tests.checkpoint.authors_network import make_state
from tests.inference.models import write_checkpoint


def run(root, *command):
    command = [sys.executable, "-W", "ignore", *map(str, command)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def test_convert_then_evaluate(root, image_folder, tmp_path):
    theirs, ours = tmp_path / "theirs.pth.tar", tmp_path / "ours.pth"
    torch.save({"state_dict": make_state(num_bases=2, num_classes=2)}, theirs)
    done = run(root, "tools/convert_checkpoint.py", theirs, "--output", ours)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""

    images = image_folder("val", cat=2, dog=1)
    entry = {"NAME": "mine", "FORMAT": "image_folder", "ROOT": str(images)}
    scored = run(
        root,
        *("tools/train_net.py", "--eval-only", "--num-gpus", "0"),
        *("--config-file", ours.with_suffix(".yaml"), "OUTPUT_DIR", tmp_path / "output"),
        *("DATASETS.CUSTOM", [entry], "DATASETS.TEST", "['mine']", "DATALOADER.NUM_WORKERS", "0"),
    )
    assert scored.returncode == 0, scored.stderr
    assert len((tmp_path / "output/inference/predictions.csv").read_text().splitlines()) == 4


def test_a_broken_file_ends_in_one_line(root, tmp_path):
    (tmp_path / "theirs.pth").write_bytes(b"no checkpoint")
    done = run(
        root, "tools/convert_checkpoint.py", tmp_path / "theirs.pth", "--output", tmp_path / "a.pth"
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {tmp_path}/theirs.pth is ")


def test_to_a_folder_and_back(root, tmp_path):
    before = torch.load(write_checkpoint(tmp_path, "retinanet"), weights_only=True)
    torch.save({**before, "iteration": 9, "trainer": {"x": 1}}, tmp_path / "model.pth")
    rows = [{"iteration": 10, "bbox/AP": 12.5, "bbox/AP-cat": 11, "rpn/num_pos_anchors": 3}]
    rows.append({"iteration": 20, "bbox/AP": 99})
    (tmp_path / "metrics.json").write_text("\n".join(map(json.dumps, rows)))
    folder, back = tmp_path / "folder", tmp_path / "back.pth"

    done = run(root, "tools/convert_checkpoint.py", tmp_path / "model.pth", "--output", folder)
    assert done.returncode == 0, done.stderr
    assert "left out, for a training to go on: trainer" in done.stdout
    assert "| bbox/AP | 12.50 |" in (folder / "README.md").read_text()
    done = run(root, "tools/convert_checkpoint.py", folder, "--output", back)
    assert done.returncode == 0, done.stderr
    after = torch.load(back, weights_only=True)
    assert after["metrics"] == {"bbox/AP": 12.5}
    assert after["class_names"] == before["class_names"]
    for name, tensor in before["model"].items():
        assert torch.equal(after["model"][name], tensor), name


def test_mistakes_with_folders_end_in_one_line(root, tmp_path):
    checkpoint = write_checkpoint(tmp_path, "classifier")
    bare = tmp_path / "bare.pth"
    torch.save({"model": {}, "groupnet_det_version": "0.1.0"}, bare)
    (tmp_path / "empty").mkdir()
    for path, output, message in [
        (checkpoint, tmp_path / "a.pth", "is a checkpoint of ours already; --output names a fol"),
        (checkpoint, tmp_path, "already exists; name a new or an empty folder"),
        (bare, tmp_path / "a", "carries no config; give its training's: --config-file"),
        (tmp_path / "empty", tmp_path / "a.pth", "model.safetensors does not exist; a folder"),
        (tmp_path / "empty", tmp_path / "a", "must end in .pth"),
    ]:
        done = run(root, "tools/convert_checkpoint.py", path, "--output", output)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")
        assert message in line


def test_weights_without_a_config_get_that_of_a_file(root, tmp_path):
    checkpoint = write_checkpoint(tmp_path, "classifier")
    state = torch.load(checkpoint, weights_only=True)
    (tmp_path / "config.yaml").write_text(state["config"])
    torch.save({"model": state["model"]}, checkpoint)
    done = run(
        *(root, "tools/convert_checkpoint.py", checkpoint, "--output", tmp_path / "a"),
        *("--config-file", tmp_path / "config.yaml"),
    )
    assert done.returncode == 0, done.stderr
    described = json.loads((tmp_path / "a/config.json").read_text())
    assert described["config"]["MODEL"]["GROUPNET"]["WIDTH"] == 0.125
