"""A packed Panoptic FPN under Detectron2's evaluation, and files that do not fit a data set."""

import dataclasses

import pytest

from groupnet_det.data.datasets.photo_digits_panoptic import write_stuff_masks
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.inference.dataset_scores import score_dataset
from groupnet_det.inference.packed_model import build_packed_model
from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.predictor import PackedPredictor
from tests.exporting.tiny_panoptic import PACKED, tiny_panoptic_config

BACKEND = "native" if is_built() else "reference"


@pytest.fixture
def cfg(root, tiny_panoptic, datasets_env):
    cfg = tiny_panoptic_config(root, tiny_panoptic)
    register_datasets(cfg)
    for split in ("train", "val"):
        write_stuff_masks(datasets_env / "photo_digits", split)
    return cfg


@pytest.fixture
def edit(tiny_panoptic, tmp_path):
    """Write the packed file with other members of ``info``; its path."""

    def write(change):
        packed = read_packed(tiny_panoptic / PACKED)
        change(packed.info)
        write_packed(tmp_path / "edited.gnp", packed.program, packed.info, packed.tensors)
        return str(tmp_path / "edited.gnp")

    return write


def test_boxes_masks_and_labels_are_scored(cfg, tiny_panoptic):
    model = build_packed_model(cfg, str(tiny_panoptic / PACKED), backend=BACKEND)
    scores, number = score_dataset(cfg, model, cfg.DATASETS.TEST[0])
    assert number == 4
    assert {"bbox/AP", "segm/AP", "sem_seg/mIoU"} <= set(scores)
    assert 0 < scores["sem_seg/mIoU"] < 100


def test_other_stuff_is_refused(cfg, edit):
    path = edit(lambda info: info.update(stuff_class_names=["things", "grass"]))
    with pytest.raises(ConfigError, match=r"has the stuff classes things, background, but .*grass"):
        build_packed_model(cfg, path, backend="reference")
    path = edit(lambda info: info.pop("stuff_class_names"))
    model = build_packed_model(cfg, path, backend="reference")
    assert model.predictor.stuff_class_names == ("0", "1")


def test_a_detector_has_no_stuff(cfg, tiny_panoptic, tmp_path):
    packed = read_packed(tiny_panoptic / PACKED)
    members = {k: v for k, v in packed.info["postprocessing"].items() if k != "combination"}
    info = {**packed.info, "task": "instance_segmentation"}
    info["postprocessing"] = {**members, "kind": "rcnn"}
    write_packed(tmp_path / "masks.gnp", packed.program, info, packed.tensors)
    with pytest.raises(ConfigError, match=r"stuff classes .*, but .*masks.gnp was made for none"):
        build_packed_model(cfg, str(tmp_path / "masks.gnp"), backend="reference")


BROKEN = {
    "names": (
        lambda info: info.update(stuff_class_names=["things"]),
        "it has 1 stuff_class_names for 2 classes",
    ),
    "texts": (
        lambda info: info.update(stuff_class_names=[1, 2]),
        "its stuff_class_names are no list of texts",
    ),
    "mask": (
        lambda info: info["postprocessing"].pop("mask"),
        "postprocessing.mask is missing; panoptic segments are made of masks",
    ),
    "rule": (
        lambda info: info["postprocessing"].pop("combination"),
        r"postprocessing: unknown members \[\], missing members \['combination'\]",
    ),
    "limit": (
        lambda info: info["postprocessing"]["combination"].update(stuff_area_limit="many"),
        "postprocessing.combination.stuff_area_limit is of the type str, not int",
    ),
    "kind": (
        lambda info: info["postprocessing"].update(kind="rcnn"),
        r"its postprocessing.kind is 'rcnn'; valid: \['panoptic'\]",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_one_line(edit, name):
    change, message = BROKEN[name]
    with pytest.raises(PackedFileError, match=f"packed file .*edited.gnp: {message}") as error:
        PackedPredictor(edit(change), backend="reference")
    assert "\n" not in str(error.value)


def test_a_file_without_labels(tiny_panoptic, tmp_path):
    packed = read_packed(tiny_panoptic / PACKED)
    outputs = {k: v for k, v in packed.program.outputs.items() if k != "logits"}
    program = dataclasses.replace(packed.program, outputs=outputs)
    write_packed(tmp_path / "model.gnp", program, packed.info, packed.tensors)
    with pytest.raises(PackedFileError, match="it has no output 'logits', only"):
        PackedPredictor(tmp_path / "model.gnp", backend="reference")
