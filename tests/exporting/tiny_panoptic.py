"""A narrow Panoptic FPN of photo-digits with values as after a training, and its packed file."""

import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config import load_config
from groupnet_det.data.datasets.photo_digits_panoptic import STUFF_CLASSES
from groupnet_det.exporting.packed.trained import export_trained
from groupnet_det.packed.packed_file import write_packed
from tests.modeling.detectors import make_batch

from .models import settle_model

CONFIG = "configs/quick/panoptic_fpn_groupnet_photo_digits.yaml"
OPTIONS = [
    *("MODEL.DEVICE", "cpu", "MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "8"),
    *("MODEL.ROI_BOX_HEAD.FC_DIM", "16", "MODEL.ROI_MASK_HEAD.CONV_DIM", "8"),
    *("MODEL.SEM_SEG_HEAD.CONVS_DIM", "8", "MODEL.PANOPTIC_FPN.COMBINE.STUFF_AREA_LIMIT", "50"),
    *("MODEL.RPN.POST_NMS_TOPK_TEST", "30", "INPUT.MIN_SIZE_TEST", "96"),
    *("DATALOADER.NUM_WORKERS", "0"),
]
WEIGHTS, PACKED = "model.pth", "panoptic.gnp"
DIGITS = [str(digit) for digit in range(10)]


def tiny_panoptic_config(root, folder):
    """With the weights in `folder`."""
    options = [*OPTIONS, "MODEL.WEIGHTS", str(folder / WEIGHTS)]
    return load_config(str(root / CONFIG), options)


@torch.no_grad()
def make_even(model, batch):
    """Have half of the pixels of a batch get each of the two labels."""
    features = model.backbone(model.preprocess_image(batch).tensor)
    things, background = model.sem_seg_head.layers(features).unbind(dim=1)
    model.sem_seg_head.predictor.bias[0] += (background - things).median()


def write_tiny_panoptic(root, folder):
    """Write `WEIGHTS`, which carry their config and names, and `PACKED`; returns `folder`."""
    cfg = tiny_panoptic_config(root, folder)
    torch.manual_seed(0)
    model = build_model(cfg)
    batch = make_batch()
    settle_model(model, batch)
    make_even(model, batch)
    rest = {
        "class_names": DIGITS,
        "metadata": {"thing_classes": DIGITS, "stuff_classes": list(STUFF_CLASSES)},
        "config": cfg.dump(),
    }
    torch.save({"model": model.state_dict(), **rest}, folder / WEIGHTS)
    packed = export_trained(cfg, model.eval(), rest)
    write_packed(folder / PACKED, packed.program, packed.info, packed.tensors)
    return folder
