"""A narrow classifier of digits with random weights: config, checkpoint, packed file."""

import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config import load_config
from groupnet_det.data.registration import register_datasets
from groupnet_det.deploy.export import export_trained
from groupnet_det.runtime.packed_file import write_packed

from .networks import settle

CONFIG = "configs/quick/classifier_groupnet_mnist5k.yaml"
OPTIONS = ["MODEL.GROUPNET.WIDTH", "0.125", "MODEL.DEVICE", "cpu"]


def write_tiny_classifier(root, folder, seed=0):
    """Config, path of the packed file, and the network; ``model.pth`` lies beside."""
    weights = folder / "model.pth"
    cfg = load_config(str(root / CONFIG), [*OPTIONS, "MODEL.WEIGHTS", str(weights)])
    register_datasets(cfg)
    torch.manual_seed(seed)
    classifier = build_model(cfg)
    settle(classifier)
    torch.save({"model": classifier.state_dict()}, weights)
    packed = export_trained(cfg)
    path = folder / "model.gnp"
    write_packed(path, packed.program, packed.info, packed.tensors)
    return cfg, path, classifier
