"""The converter's output in use. What it refuses: tests/checkpoint."""

import subprocess
import sys

import torch

from tests.checkpoint.authors_network import make_state


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
