"""Small detectors of every kind, and a batch for them."""

import torch
from detectron2.modeling import build_model
from detectron2.structures import BitMasks, Boxes, Instances
from detectron2.utils.events import EventStorage

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config import load_config
from groupnet_det.modeling.heads.class_agnostic_nms import with_chosen_nms

DETECTORS = ("retinanet", "fcos", "faster_rcnn", "cascade_rcnn", "mask_rcnn", "panoptic_fpn")
SMALL = [
    *("MODEL.DEVICE", "cpu", "MODEL.GROUPNET.WIDTH", "0.125", "MODEL.GROUPNET.NUM_BASES", "2"),
    *("MODEL.FPN.OUT_CHANNELS", "8", "MODEL.RETINANET.NUM_CLASSES", "3"),
    *("MODEL.RETINANET.NUM_CONVS", "2", "MODEL.FCOS.NUM_CLASSES", "3", "MODEL.FCOS.NUM_CONVS", "2"),
    *("MODEL.ROI_HEADS.NUM_CLASSES", "3", "MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE", "16"),
    *("MODEL.ROI_BOX_HEAD.NUM_CONV", "1", "MODEL.ROI_BOX_HEAD.CONV_DIM", "8"),
    *("MODEL.ROI_BOX_HEAD.FC_DIM", "16", "MODEL.ROI_MASK_HEAD.CONV_DIM", "8"),
    *("MODEL.SEM_SEG_HEAD.CONVS_DIM", "8", "MODEL.SEM_SEG_HEAD.NUM_CLASSES", "2"),
    *("MODEL.RPN.POST_NMS_TOPK_TRAIN", "50", "MODEL.RPN.POST_NMS_TOPK_TEST", "20"),
    *("INPUT.MASK_FORMAT", "bitmask"),
]


def detector_config(root, name, *options):
    """The config of ``configs/Base`` with small sizes."""
    path = root / f"configs/Base/{name}_groupnet_r18_fpn.yaml"
    return load_config(str(path), [*SMALL, *options])


def make_detector(root, name, *options):
    return build_model(with_chosen_nms(detector_config(root, name, *options)))


def parts_options(backbone, neck, head):
    pairs = zip(("BACKBONE", "NECK", "HEAD"), (backbone, neck, head), strict=True)
    return [item for name, value in pairs for item in (f"MODEL.GROUPNET.PARTS.{name}", value)]


def make_batch(number=2, *, num_objects=1):
    """Images of 64 x 96 with the same box, mask and semantic labels."""
    masks = torch.zeros(num_objects, 64, 96, dtype=torch.bool)
    masks[:, 4:44, 4:50] = True
    instances = Instances((64, 96))
    instances.gt_boxes = Boxes(torch.tensor([[4.0, 4.0, 50.0, 44.0]]).repeat(num_objects, 1))
    instances.gt_classes = torch.ones(num_objects, dtype=torch.long)
    instances.gt_masks = BitMasks(masks)
    sem_seg = torch.ones(64, 96, dtype=torch.long)
    sem_seg[4:44, 4:50] = 0
    return [
        {
            "image": torch.randint(0, 255, (3, 64, 96)).float(),
            "instances": instances,
            "sem_seg": sem_seg,
        }
        for _ in range(number)
    ]


def losses_of(model, batch=None):
    with EventStorage():
        return model(batch or make_batch())
