"""Non-maximum suppression by the engine against torchvision's, number by number."""

import pytest
import torch
from torchvision.ops import batched_nms

from groupnet_det.runtime.backends.networks import FEW, NativeNetwork
from tests.packed.programs import simple_example

from .engine import needs_engine, write

pytestmark = needs_engine
THRESHOLDS = (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    packed = simple_example()
    return NativeNetwork(write(tmp_path_factory.mktemp("nms") / "model.gnp", packed), packed)


def random_boxes(count, classes, seed):
    """Some equal, empty or turned inside out, some of no number; equal scores among them."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator) * 300 - 20
    size = torch.rand(count, 2, generator=generator) ** 2 * 200
    boxes = torch.cat([corner, corner + size], dim=1)
    if seed % 2:
        boxes = boxes.round()  # whole unions, and thresholds that are met exactly
    boxes[::17, 2] = boxes[::17, 0]
    boxes[5::97] = boxes[min(4, max(count - 1, 0)) :][:1]
    boxes[7::101, 3] = boxes[7::101, 1] - 9
    if seed % 3 == 2:
        boxes[3::89, 1] = float("nan")
        boxes[11::89, 2] = float("inf")
    scores = (torch.rand(count, generator=generator) * 300).round() / 300
    return boxes, scores, torch.randint(0, classes, (count,), generator=generator)


def expected(boxes, scores, classes, threshold):
    """torchvision's, which sorts many boxes of equal scores in an order of the processor's: here
    the first comes first."""
    kept = batched_nms(boxes, scores, classes, threshold).sort().values
    return kept[scores[kept].sort(descending=True, stable=True).indices]


@pytest.mark.parametrize("classes", [1, 5, 80])
@pytest.mark.parametrize("seed", range(6))
def test_as_torchvision(network, classes, seed):
    before = torch.get_num_threads()
    torch.set_num_threads(1 + seed % 3)
    for threshold in THRESHOLDS:
        given = random_boxes(FEW // 4 + 200, classes, seed)
        assert torch.equal(network.nms(*given, threshold), expected(*given, threshold)), threshold
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 2, FEW // 4, FEW // 4 + 1])
def test_numbers_of_boxes(network, count):
    given = random_boxes(count, 3, 0)
    assert torch.equal(network.nms(*given, 0.5), expected(*given, 0.5))


def test_by_hand(network):
    """The second overlaps with the first by a third, the third is of another class."""
    boxes = torch.tensor([[0.0, 0, 2, 1], [1, 0, 3, 1], [0, 0, 2, 1]])
    scores, classes = torch.tensor([0.5, 0.9, 0.7]), torch.tensor([4, 4, 2])

    def kept(threshold):
        return network.engine.nms(boxes, scores, classes, threshold).tolist()

    assert kept(0.33) == [1, 2]
    assert kept(0.34) == [0, 1, 2]


def test_refusals(network):
    boxes, scores, classes = random_boxes(9, 2, 0)
    for given in (
        (boxes.double(), scores, classes),
        (boxes[:, :3], scores, classes),
        (boxes, scores[1:], classes),
        (boxes, scores, classes.int()),
    ):
        with pytest.raises(ValueError, match="boxes, scores and classes must be float32"):
            network.engine.nms(*given, 0.5)
