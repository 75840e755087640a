"""Packed networks of every task, from the pixels to the answer, against the training model."""

from contextlib import contextmanager

import pytest
import torch

from groupnet_det.inference.packed_model import PackedModel
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.extension import is_built
from tests.exporting.models import export, make_model, packed_stem

BACKEND = "native" if is_built() else "reference"
ALL = [
    *("MODEL.RETINANET.SCORE_THRESH_TEST", "0.01", "MODEL.FCOS.SCORE_THRESH_TEST", "0.01"),
    *("MODEL.RETINANET.NMS_THRESH_TEST", "0.9", "MODEL.FCOS.NMS_THRESH_TEST", "0.9"),
    *("MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.1", "TEST.DETECTIONS_PER_IMAGE", "20"),
]
EDGES = {"kind": "shortest_edge", "min_size": 0, "max_size": 0, "format": "BGR"}
WHOLE = {"inference": "whole"}


def pixels(height, width):
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator)


@contextmanager
def on_packed_stem(model, packed, image):
    """While it lasts, the model's stem gives the packed network's map, see `packed_stem`."""
    backbone = getattr(model.backbone, "bottom_up", model.backbone)
    stem = packed_stem(packed, image.permute(1, 2, 0)[None])
    handle = backbone.stem.register_forward_hook(lambda *_: stem)
    try:
        yield
    finally:
        handle.remove()


def calm(model):
    """Random deltas of a dense detector make boxes of no size, or as large as the image."""
    if hasattr(model, "head"):
        for parameter in model.head.bbox_pred.parameters():
            parameter.data.mul_(0.1)
        if hasattr(model.head, "ctrness"):
            model.head.bbox_pred.bias.data.fill_(0.5)


def both(root, tmp_path, kind, *options, **info):
    """Answers of the training model and of the packed file, for an image of 60 x 90 pixels that
    is wanted at twice that."""
    torch.manual_seed(0)
    model = make_model(root, kind, *options)
    calm(model)
    packed = export(model, info={"preprocessing": EDGES, **info})
    path = tmp_path / "model.gnp"
    write_packed(path, packed.program, packed.info, packed.tensors)
    item = {"image": pixels(60, 90), "height": 120, "width": 180}
    with on_packed_stem(model, packed, item["image"]), torch.no_grad():
        (expected,) = model([item])
    (found,) = PackedModel(str(path), backend=BACKEND)([item])
    return expected, found


@pytest.mark.parametrize("kind", ["retinanet", "fcos", "faster_rcnn", "cascade_rcnn", "mask_rcnn"])
def test_detectors(root, tmp_path, kind):
    expected, found = both(root, tmp_path, kind, *ALL)
    expected, found = expected["instances"], found["instances"]
    assert len(expected) > 2
    assert len(found) == len(expected)
    assert found.image_size == expected.image_size == (120, 180)
    torch.testing.assert_close(found.scores, expected.scores, atol=1e-3, rtol=1e-3)
    assert torch.equal(found.pred_classes, expected.pred_classes)
    torch.testing.assert_close(
        found.pred_boxes.tensor, expected.pred_boxes.tensor, atol=0.05, rtol=1e-3
    )
    assert found.has("pred_masks") == (kind == "mask_rcnn")
    if found.has("pred_masks"):
        assert (found.pred_masks != expected.pred_masks).float().mean() < 0.001


@pytest.mark.parametrize("kind", ["fcn8s", "deeplabv3", "deeplabv3plus"])
def test_segmenters(root, tmp_path, kind):
    expected, found = both(root, tmp_path, kind, postprocessing=WHOLE)
    labels = expected["sem_seg"].argmax(dim=0)
    assert found["sem_seg"].shape == expected["sem_seg"].shape
    assert len(labels.unique()) > 1
    assert (found["sem_seg"].argmax(dim=0) != labels).float().mean() < 0.001


def test_panoptic_segmenters(root, tmp_path):
    combine = "MODEL.PANOPTIC_FPN.COMBINE."
    options = [*ALL, f"{combine}INSTANCES_CONFIDENCE_THRESH", "0.3"]
    options += [f"{combine}STUFF_AREA_LIMIT", "20", f"{combine}OVERLAP_THRESH", "0.4"]
    names = {"stuff_class_names": ["things", "grass"]}
    expected, found = both(root, tmp_path, "panoptic_fpn", *options, **names)
    assert set(found) == set(expected) == {"instances", "sem_seg", "panoptic_seg"}
    labels = expected["sem_seg"].argmax(dim=0)
    assert len(labels.unique()) > 1
    assert (found["sem_seg"].argmax(dim=0) != labels).float().mean() < 0.001
    assert torch.equal(found["instances"].pred_classes, expected["instances"].pred_classes)
    (ids, infos), (right, right_infos) = found["panoptic_seg"], expected["panoptic_seg"]
    assert {info["isthing"] for info in right_infos} == {True, False}
    assert (ids != right).float().mean() < 0.002
    assert ids.dtype == right.dtype
    for own, other in zip(infos, right_infos, strict=True):
        assert set(own) == set(other)
        for key in ("id", "isthing", "category_id", "instance_id"):
            assert own.get(key) == other.get(key)
