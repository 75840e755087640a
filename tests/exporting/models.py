"""Narrow detectors and segmenters with values as after a training, exported, and their outputs."""

import torch
from detectron2.modeling import GeneralizedRCNN, PanopticFPN
from detectron2.structures import ImageList
from detectron2.utils.events import EventStorage
from torch import nn

from groupnet_det.exporting.packed.models.meta_architectures import export_model
from groupnet_det.exporting.verify.kept_maps import keep_places
from groupnet_det.runtime.reference.interpreter import run_reference, trace_reference
from tests.modeling import detectors, segmentors

from .networks import random_images, settle_by


def numbers(count):
    return [str(number) for number in range(count)]


def make_model(root, kind, *options):
    """A settled network in eval mode."""
    if kind in segmentors.HEADS:
        model = segmentors.make_segmentor(kind, *options)
        batch = segmentors.make_batch()
    else:
        model = detectors.make_detector(root, kind, *map(str, options))
        batch = detectors.make_batch()
    settle_model(model, batch)
    return model


def settle_model(model, batch):
    def run():
        with EventStorage():
            model(batch)

    settle_by(model, run)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.normal_(module.bias)
            fan_in = module.weight[0].numel()
            nn.init.normal_(module.weight, std=fan_in**-0.5)  # else biases are all that is seen


def export(model, **options):
    return export_model(model, class_names=numbers, **options)


def packed_stem(packed, images):
    """The packed network's map after the stem, (N, C, H, W).

    The stem's weights of 16 bits move its output by some 1e-5, which may turn a sign near 0.
    """
    kept = keep_places(packed)
    _, buffers, contents = trace_reference(kept.packed, images)
    _, buffer = kept.floats[0, "stem", 0]
    return contents[buffers.index(buffer)].permute(0, 3, 1, 2)


@torch.no_grad()
def raw_outputs(model, packed, images):
    """The training model's raw outputs, (N, H, W, C) by name, on the packed network's stem."""
    stem = packed_stem(packed, images)
    backbone = getattr(model.backbone, "bottom_up", model.backbone)
    handle = backbone.stem.register_forward_hook(lambda *_: stem)
    try:
        batch = [{"image": image} for image in images.permute(0, 3, 1, 2)]
        outputs = _outputs(model, batch)
    finally:
        handle.remove()
    return {name: x.permute(0, 2, 3, 1) for name, x in outputs.items()}


def _outputs(model, batch):
    if not hasattr(model, "roi_heads") and hasattr(model, "sem_seg_head"):
        images = [(x["image"] - model.pixel_mean) / model.pixel_std for x in batch]
        canvas = ImageList.from_tensors(images, model.backbone.size_divisibility).tensor
        logits = model.sem_seg_head(model.backbone(canvas))[0]
        return {"logits": logits[..., : canvas.shape[2], : canvas.shape[3]]}
    features = model.backbone(model.preprocess_image(batch).tensor)
    if isinstance(model, GeneralizedRCNN):
        names = model.proposal_generator.in_features
        head, kinds = model.proposal_generator.rpn_head, ("objectness", "anchor_deltas")
        outputs = {name: features[name] for name in model.roi_heads.box_in_features}
        if isinstance(model, PanopticFPN):
            outputs["logits"] = model.sem_seg_head(features)[0]
    else:
        names, head, outputs = model.head_in_features, model.head, {}
        kinds = ("logits", "deltas", "centerness")
    predicted = head([features[name] for name in names])
    for kind, maps in zip(kinds, predicted, strict=False):
        outputs.update({f"{kind}.{name}": x for name, x in zip(names, maps, strict=True)})
    return outputs


def assert_raw_outputs_agree(model, packed, images=None):
    """To 1e-4 of the largest; no number is so near 0 that float rounding turns its sign."""
    images = random_images(2, 50, 70) if images is None else images
    expected = raw_outputs(model, packed, images)
    actual = run_reference(packed, images)
    assert set(actual) == set(expected)
    for name, x in expected.items():
        tolerance = 1e-4 * float(x.abs().max())
        torch.testing.assert_close(
            actual[name], x, rtol=0, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )
