import pytest
import torch
from detectron2.modeling.postprocessing import sem_seg_postprocess
from torch import nn

from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError
from groupnet_det.modeling.meta_arch.semantic_inference import (
    MultiScaleFlip,
    SlidingWindow,
    wrap_for_inference,
)


class PointwiseSegmentor(nn.Module):
    """Scores of each pixel from its colour alone, and a note of what was seen."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1).double()
        self.seen = []

    def forward(self, batched_inputs):
        outputs = []
        for record in batched_inputs:
            image = record["image"]
            self.seen.append(tuple(image.shape[1:]))
            scores = self.conv(image.double() / 255)
            size = tuple(image.shape[1:])
            wanted = record.get("height", size[0]), record.get("width", size[1])
            outputs.append({"sem_seg": sem_seg_postprocess(scores, size, *wanted)})
        return outputs


@pytest.fixture
def model():
    return PointwiseSegmentor().requires_grad_(False).eval()


def random_image(height, width):
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8)


@pytest.mark.parametrize("size", [(40, 60), (20, 90), (10, 10)], ids=str)
@pytest.mark.parametrize(("window", "stride"), [((16, 24), (10, 24)), ((20, 20), (7, 3))], ids=str)
@pytest.mark.parametrize("wanted", [{}, {"height": 33, "width": 55}], ids=["same", "resized"])
def test_windows_give_what_the_whole_image_gives(model, size, window, stride, wanted):
    records = [{"image": random_image(*size), **wanted}, {"image": random_image(*size[::-1])}]
    slid = SlidingWindow(model, window=window, stride=stride)(records)
    assert all(h <= window[0] and w <= window[1] for h, w in model.seen)
    for whole, output in zip(model(records), slid, strict=True):
        assert torch.allclose(output["sem_seg"], whole["sem_seg"], atol=1e-12)


def test_scales_and_flips_are_averaged(model):
    record = {"image": random_image(8, 12), "height": 10, "width": 15}
    augmented = MultiScaleFlip(model, scales=[0.5, 1.0, 2.0], flip=True)
    (output,) = augmented([record])
    assert model.seen == [(4, 6), (4, 6), (8, 12), (8, 12), (16, 24), (16, 24)]
    assert output["sem_seg"].shape == (4, 10, 15)
    assert torch.allclose(output["sem_seg"].sum(dim=0), torch.ones(10, 15).double())


def test_one_scale_gives_the_plain_probabilities(model):
    record = {"image": random_image(8, 12)}
    (plain,) = model([record])
    for flip in (False, True):  # this network does not mind mirrors
        (output,) = MultiScaleFlip(model, scales=[1.0], flip=flip)([record])
        assert torch.allclose(output["sem_seg"], plain["sem_seg"].softmax(dim=0), atol=1e-12)


def test_mirrored_scores_are_mirrored_back(model):
    def brightness_of_the_left_half(batched_inputs):
        image = batched_inputs[0]["image"].double()
        left = torch.arange(image.shape[2]) < image.shape[2] // 2
        return [{"sem_seg": torch.stack([image[0] * left, image[1]])}]

    model.forward = brightness_of_the_left_half
    image = random_image(4, 6)
    (output,) = MultiScaleFlip(model, scales=[1.0], flip=True)([{"image": image}])
    straight = brightness_of_the_left_half([{"image": image}])[0]["sem_seg"].softmax(dim=0)
    mirrored = brightness_of_the_left_half([{"image": image.flip(2)}])[0]["sem_seg"]
    expected = (straight + mirrored.softmax(dim=0).flip(2)) / 2
    assert torch.allclose(output["sem_seg"], expected)


@pytest.mark.parametrize(
    ("options", "types"),
    [
        ([], ["PointwiseSegmentor"]),
        (["TEST.SEMANTIC.INFERENCE", "slide"], ["SlidingWindow", "PointwiseSegmentor"]),
        (["TEST.AUG.ENABLED", "True"], ["MultiScaleFlip", "PointwiseSegmentor"]),
        (
            ["TEST.AUG.ENABLED", "True", "TEST.SEMANTIC.INFERENCE", "slide"],
            ["MultiScaleFlip", "SlidingWindow", "PointwiseSegmentor"],
        ),
    ],
    ids=["whole", "slide", "augmented", "both"],
)
@pytest.mark.parametrize("training", [True, False])
def test_by_configuration(model, options, types, training):
    model.train(training)
    wrapped = wrap_for_inference(load_config("", options), model)
    names = [type(part).__name__ for part in wrapped.modules()]
    assert [name for name in names if name != "Conv2d"] == types
    assert {part.training for part in wrapped.modules()} == {training}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["INFERENCE", "tiles"], "INFERENCE is 'tiles'; valid: 'whole', 'slide'"),
        (["STRIDE", "[500, 100]"], r"STRIDE \[500, 100\] leaves gaps between windows of"),
        (["WINDOW", "[0, 100]"], r"WINDOW is \[0, 100\]; valid: two numbers"),
        (["STRIDE", "[100]"], r"STRIDE is \[100\]; valid: two numbers"),
        (["SCALES", "[]"], r"SCALES is \[\]; valid: factors > 0"),
        (["SCALES", "[1.0, 0.0]"], "SCALES is .*; valid: factors > 0"),
    ],
)
def test_values_that_cannot_work(model, options, message):
    key, value = options
    cfg = load_config("", ["TEST.SEMANTIC.INFERENCE", "slide", "TEST.AUG.ENABLED", "True"])
    cfg.merge_from_list([f"TEST.SEMANTIC.{key}", value])
    with pytest.raises(ConfigError, match=f"TEST.SEMANTIC.{message}"):
        wrap_for_inference(cfg, model)
