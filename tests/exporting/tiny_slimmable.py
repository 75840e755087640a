"""A narrow slimmable classifier of digits with random weights: config, checkpoint."""

import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.layers.slimmable import make_slimmable, run_bases

from .networks import random_images, settle
from .tiny_classifier import CONFIG, OPTIONS, WEIGHTS

CHOICES = (1, 2, 4)
DIGITS = tuple(map(str, range(10)))
SLIMMABLE = [*OPTIONS, "MODEL.GROUPNET.NUM_BASES", "4"]
SLIMMABLE += ["MODEL.GROUPNET.SLIMMABLE_BASES", str(list(CHOICES))]


def slimmable_config(root, folder, *options):
    """The config, whose weights are in `folder`; its data sets are registered."""
    words = [*SLIMMABLE, "MODEL.WEIGHTS", str(folder / WEIGHTS), *options]
    cfg = load_config(str(root / CONFIG), words)
    register_datasets(cfg)
    return cfg


def write_slimmable(root, folder, *options, class_names=DIGITS):
    """Write `WEIGHTS` into a folder, with the config; the network."""
    cfg = slimmable_config(root, folder, *options)
    torch.manual_seed(0)
    model = build_model(cfg)
    make_slimmable(model, CHOICES)
    settle(model)
    torch.nn.init.normal_(model.fc.weight)  # else one class wins always
    images = random_images(4, 64, 64).permute(0, 3, 1, 2)
    for number in CHOICES[:-1]:  # statistics
        run_bases(model, number)
        with torch.no_grad():
            model.train()([{"image": image, "label": 0} for image in images])
    run_bases(model, CHOICES[-1])
    content = {"class_names": list(class_names), "config": cfg.dump()}
    torch.save({"model": model.state_dict(), **content}, folder / WEIGHTS)
    return model.eval()
