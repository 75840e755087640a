"""Label maps against Detectron2's post-processing and the project's sliding window."""

import pytest
import torch
import torch.nn.functional as F
from detectron2.modeling.postprocessing import sem_seg_postprocess

from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.modeling.meta_arch.semantic_inference import SlidingWindow
from groupnet_det.runtime.backends.label_map import label_map
from groupnet_det.runtime.backends.networks import NativeNetwork
from groupnet_det.runtime.postprocessing.segmentation import SegmentationPostprocessing
from groupnet_det.runtime.results.label_maps import LabelMap
from tests.packed.programs import simple_example
from tests.runtime.engine import needs_engine, write


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
    assert torch.equal(options(logits_of, pixels, wanted, label_map), expected)
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
    assert torch.equal(options(logits_of, pixels, (15, 20), label_map), expected)


SIZES = [(1, 1), (1, 7), (9, 1), (5, 6), (6, 5), (31, 40), (64, 3)]
SPECIAL = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.0, 1.0, 3e38])


def random_logits(seed, height, width, channels):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((1, height, width, channels), generator=generator)
    if seed % 3 == 1:
        logits = logits.round()  # equal ones among them
    if seed % 3 == 2:
        logits = SPECIAL[torch.randint(0, len(SPECIAL), logits.shape, generator=generator)]
    return logits


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_labels_are_those_of_interpolate(size):
    """Except where two classes are as good as equal."""
    logits = random_logits(0, 8, 11, 5)
    exact = F.interpolate(logits.double().permute(0, 3, 1, 2), size, mode="bilinear")[0]
    best = exact.topk(2, dim=0).values
    sure = best[0] - best[1] > 1e-5
    assert sure.float().mean() > 0.9
    assert torch.equal(label_map(logits, size)[sure], exact.argmax(dim=0)[sure])


def test_labels_by_hand():
    nan, inf = float("nan"), float("inf")
    logits = torch.tensor([[[1.0, 2.0, 2.0], [nan, -inf, -1.0], [nan, nan, nan], [0.0, inf, inf]]])
    assert label_map(logits[None], (1, 4)).tolist() == [[1, 2, 0, 1]]
    # Places -0.25 -> 0, 0.25, 0.75, 1.25 -> 1: the second class wins from 0.5 on.
    logits = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    assert label_map(logits[None], (1, 4)).tolist() == [[0, 0, 1, 1]]


@needs_engine
@pytest.mark.parametrize("seed", range(6))
def test_the_engine_gives_the_same_bits(seed, tmp_path):
    packed = simple_example(channels=5)
    network = NativeNetwork(write(tmp_path / "model.gnp", packed), packed)
    before = torch.get_num_threads()
    for number, size in enumerate(SIZES):
        torch.set_num_threads(1 + number % 3)
        for height, width in SIZES:
            logits = random_logits(seed, height + 2, width + 3, 7 + 16 * (seed % 2))
            for values in (logits, logits[:, :height, :width], logits[..., 1:6], logits[..., ::2]):
                assert torch.equal(network.label_map(values, size), label_map(values, size))
    torch.set_num_threads(before)


@needs_engine
def test_what_the_engine_refuses(tmp_path):
    packed = simple_example(channels=5)
    network = NativeNetwork(write(tmp_path / "model.gnp", packed), packed)
    for logits in (torch.zeros(1, 2, 2, 3).double(), torch.zeros(2, 2, 2, 3), torch.zeros(2, 2, 3)):
        with pytest.raises(ValueError, match=r"logits must be float32 \(1, H, W, C\)"):
            network.label_map(logits, (2, 2))
    for size in ((0, 5), (5, -1), (1 << 20, 1 << 20)):
        with pytest.raises(ValueError, match="a label map has 1 to 2\\^30 pixels"):
            network.label_map(torch.zeros(1, 2, 2, 3), size)


def test_shares():
    found = LabelMap(torch.tensor([[0, 2, 2, 2]]), ("sky", "sea", "land"))
    assert found.shares() == {"land": 0.75, "sky": 0.25}
    assert str(found) == "land 75.0%, sky 25.0%"


def test_shares_of_classes_of_one_name():
    names = ("void", "sea", "void", "land", "land")
    found = LabelMap(torch.tensor([[0, 2, 1, 3], [2, 1, 4, 1]]), names)
    assert list(found.shares().items()) == [("void", 0.375), ("sea", 0.375), ("land", 0.25)]


def test_refusals():
    with pytest.raises(ConfigError, match="inference is 'half'; valid: 'whole', 'slide'"):
        SegmentationPostprocessing(kind="segmentation", inference="half")
    with pytest.raises(PackedFileError, match="have 0 and 0 numbers, not 2"):
        SegmentationPostprocessing(kind="segmentation", inference="slide")
    with pytest.raises(PackedFileError, match="must be above 0"):
        SegmentationPostprocessing(
            kind="segmentation", inference="slide", window=(8, 8), stride=(8, 0)
        )
