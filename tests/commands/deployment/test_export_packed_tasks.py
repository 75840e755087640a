"""tools/export_packed.py on a detector and a segmenter, as a user runs it."""

import subprocess
import sys

import pytest
import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.config import load_config
from groupnet_det.packed.packed_file import read_packed
from groupnet_det.runtime.reference.interpreter import run_reference

SMALL = ["MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "8"]
SMALL += ["MODEL.SEM_SEG_HEAD.CONVS_DIM", "8"]
FCOS = "configs/quick/fcos_groupnet_photo_digits.yaml"
PANOPTIC = "configs/quick/panoptic_fpn_groupnet_photo_digits.yaml"
SEMSEG = "configs/quick/deeplab_groupnet_photo_digits.yaml"
INT8 = ["--predictors", "int8", "--calibration-images", "2"]


def write_checkpoint(root, folder, config):
    torch.manual_seed(0)
    model = build_model(load_config(str(root / config), [*SMALL, "MODEL.DEVICE", "cpu"]))
    Checkpointer(model, str(folder)).save("model_final")
    return folder / "model_final.pth"


def run_tool(root, folder, config, *options, flags=()):
    weights = write_checkpoint(root, folder, config)
    command = [sys.executable, "-W", "ignore", "tools/export_packed.py", "--config-file", config]
    command += ["--output", str(folder / "model.gnp"), *flags, *SMALL]
    return subprocess.run(
        [*command, "MODEL.WEIGHTS", str(weights), *map(str, options)],
        cwd=root,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("config", [FCOS, SEMSEG], ids=["fcos", "semseg"])
def test_export_with_8_bits(root, datasets_env, tmp_path, config):
    done = run_tool(root, tmp_path, config, flags=INT8)
    assert done.returncode == 0, done.stderr
    assert "8 bits, as --predictors int8 asks for" in done.stdout
    packed = read_packed(tmp_path / "model.gnp")
    assert packed.info["predictors"] == "int8"
    assert packed.info["preprocessing"]["kind"] == "shortest_edge"
    assert packed.info["architecture"]["parts"]["head"] == "method"
    assert packed.info["sizes"]["float32_twin"] < packed.info["sizes"]["float32_simulation"]
    names = packed.info["class_names"]
    assert names[-10:] == [str(digit) for digit in range(10)]
    outputs = run_reference(packed, torch.zeros(1, 32, 40, 3, dtype=torch.uint8))
    if config == SEMSEG:
        assert outputs["logits"].shape == (1, 32, 40, len(names))
    else:
        assert outputs["logits.p3"].shape == (1, 4, 6, len(names))  # of 32 x 48 pixels


def test_export_of_things_and_stuff(root, datasets_env, tmp_path):
    done = run_tool(root, tmp_path, PANOPTIC)
    assert done.returncode == 0, done.stderr
    packed = read_packed(tmp_path / "model.gnp")
    assert packed.info["task"] == "panoptic_segmentation"
    assert packed.info["class_names"] == [str(digit) for digit in range(10)]
    assert packed.info["stuff_class_names"] == ["things", "background"]
    edges = {"min_size": 160, "max_size": 1333, "format": "BGR"}
    assert packed.info["preprocessing"] == {"kind": "shortest_edge", **edges}
    assert packed.info["postprocessing"]["combination"] == {
        **{"overlap_threshold": 0.5, "stuff_area_limit": 4096, "score_threshold": 0.5}
    }
    assert packed.info["architecture"]["meta_architecture"] == "PanopticFPN"


def test_8_bits_without_data(root, tmp_path, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / "absent"))
    done = run_tool(root, tmp_path, FCOS, flags=INT8)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "absent" in line
    assert not (tmp_path / "model.gnp").exists()
    done = run_tool(root, tmp_path, FCOS, "DATASETS.TRAIN", "()", flags=INT8)
    assert "DATASETS.TRAIN is []" in done.stderr
