"""Label maps against Detectron2's post-processing and the project's sliding window."""

import pytest
import torch
from detectron2.modeling.postprocessing import sem_seg_postprocess

from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.modeling.meta_arch.semantic_inference import SlidingWindow
from groupnet_det.runtime.label_maps import LabelMap, SegmentationPostprocessing


def logits_of(pixels):
    """A canvas larger than the image; each class likes another brightness."""
    values = pixels.float().mean(dim=3, keepdim=True)
    logits = -(values - torch.tensor([30.0, 120.0, 220.0])).abs()
    return torch.nn.functional.pad(logits, (0, 0, 0, 3, 0, 5), value=9.0)


def random_pixels(height, width):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (1, height, width, 3), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("wanted", [(12, 20), (30, 31)], ids=str)
def test_whole_images(wanted):
    pixels = random_pixels(12, 20)
    logits = logits_of(pixels)[0].permute(2, 0, 1)
    expected = sem_seg_postprocess(logits, (12, 20), *wanted).argmax(dim=0)
    options = SegmentationPostprocessing(kind="segmentation", inference="whole")
    assert torch.equal(options(logits_of, pixels, wanted), expected)
    assert len(expected.unique()) == 3


@pytest.mark.parametrize(("window", "stride"), [((8, 8), (5, 6)), ((40, 7), (40, 7))], ids=str)
def test_windows(window, stride):
    class Model(torch.nn.Module):
        def forward(self, records):
            (record,) = records
            pixels = record["image"].permute(1, 2, 0)[None]
            height, width = pixels.shape[1:3]
            return [{"sem_seg": logits_of(pixels)[0, :height, :width].permute(2, 0, 1)}]

    pixels = random_pixels(12, 20)
    record = {"image": pixels[0].permute(2, 0, 1), "height": 15, "width": 20}
    model = SlidingWindow(Model(), window=window, stride=stride)
    expected = model([record])[0]["sem_seg"].argmax(dim=0)
    options = SegmentationPostprocessing(
        kind="segmentation", inference="slide", window=window, stride=stride
    )
    assert torch.equal(options(logits_of, pixels, (15, 20)), expected)


def test_shares():
    found = LabelMap(torch.tensor([[0, 2, 2, 2]]), ("sky", "sea", "land"))
    assert found.shares() == {"land": 0.75, "sky": 0.25}
    assert str(found) == "land 75.0%, sky 25.0%"


def test_refusals():
    with pytest.raises(ConfigError, match="inference is 'half'; valid: 'whole', 'slide'"):
        SegmentationPostprocessing(kind="segmentation", inference="half")
    with pytest.raises(PackedFileError, match="have 0 and 0 numbers, not 2"):
        SegmentationPostprocessing(kind="segmentation", inference="slide")
    with pytest.raises(PackedFileError, match="must be above 0"):
        SegmentationPostprocessing(
            kind="segmentation", inference="slide", window=(8, 8), stride=(8, 0)
        )
