"""A narrow classifier of digits with random weights: config, checkpoint, packed file."""

import shutil

import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.exporting.packed.trained import export_trained
from groupnet_det.packed.packed_file import write_packed

from .networks import settle

CONFIG = "configs/quick/classifier_groupnet_mnist5k.yaml"
# Float downsampling, which its config has, is slow in the reference.
OPTIONS = ["MODEL.GROUPNET.WIDTH", "0.125", "MODEL.GROUPNET.DOWNSAMPLE", "binary"]
OPTIONS += ["MODEL.DEVICE", "cpu"]
WEIGHTS, PACKED = "model.pth", "model.gnp"


def tiny_config(root, folder):
    """The config, whose weights are in `folder`; its data sets are registered."""
    cfg = load_config(str(root / CONFIG), [*OPTIONS, "MODEL.WEIGHTS", str(folder / WEIGHTS)])
    register_datasets(cfg)
    return cfg


def write_tiny_classifier(root, folder, seed=0):
    """Write `WEIGHTS` and `PACKED` into a folder, which is returned."""
    cfg = tiny_config(root, folder)
    torch.manual_seed(seed)
    classifier = build_model(cfg)
    settle(classifier)
    torch.nn.init.normal_(classifier.fc.weight)  # else one class wins always
    torch.save({"model": classifier.state_dict()}, folder / WEIGHTS)
    digits = {"class_names": [str(digit) for digit in range(10)]}
    packed = export_trained(cfg, classifier, digits)
    write_packed(folder / PACKED, packed.program, packed.info, packed.tensors)
    return folder


def copy_tiny_classifier(source, folder):
    """The same files, for a test to spoil."""
    for name in (WEIGHTS, PACKED):
        shutil.copy(source / name, folder)
    return folder
