"""The engine's RoIAlign against torchvision's."""

import pytest
import torch

from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.backends.networks import AlignOptions, NativeNetwork, ReferenceNetwork
from tests.packed.programs import simple_example

pytestmark = pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    path = tmp_path_factory.mktemp("align") / "any.gnp"
    packed = simple_example()
    write_packed(path, packed.program, packed.info, packed.tensors)
    return NativeNetwork(path, packed), ReferenceNetwork(path, packed)


def random_boxes(number):
    """Inside, across the edges, outside, and of no size."""
    corner = 140 * torch.rand(number, 2) - 40
    boxes = torch.cat([corner, corner + 90 * torch.rand(number, 2)], dim=1)
    boxes[0] = torch.tensor([10.0, 10.0, 10.0, 30.0])
    boxes[1] = torch.tensor([500.0, 500.0, 600.0, 600.0])
    return boxes


@pytest.mark.parametrize("channels", [1, 16, 37])
@pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "not aligned"])
@pytest.mark.parametrize("ratio", [0, 1, 2], ids="{} samples".format)
@pytest.mark.parametrize("size", [(7, 7), (3, 14)], ids=str)
def test_as_torchvision(networks, channels, aligned, ratio, size):
    torch.manual_seed(0)
    maps = [torch.randn(1, 96 // s, 128 // s, channels) for s in (4, 8, 16)]
    boxes, level_of = random_boxes(40), torch.randint(0, 3, (40,))
    options = AlignOptions(
        scales=[1 / 4, 1 / 8, 1 / 16],
        rows=size[0],
        columns=size[1],
        sampling_ratio=ratio,
        aligned=aligned,
    )
    found, expected = (n.roi_align(maps, boxes, level_of, options) for n in networks)
    assert found.shape == (40, *size, channels)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


ZEROS = torch.zeros(1, dtype=torch.int64).expand(60_000)


def test_no_region(networks):
    options = AlignOptions(scales=[1.0], rows=2, columns=3, sampling_ratio=0, aligned=True)
    none = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    for network in networks:
        found = network.roi_align([torch.zeros(1, 4, 4, 5)], *none, options)
        assert found.shape == (0, 2, 3, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level_of": torch.tensor([1])}, "level_of names maps that there are not"),
        ({"level_of": torch.tensor([-1])}, "level_of names maps that there are not"),
        ({"boxes": torch.zeros(1, 5)}, r"boxes must be float32 \(R, 4\)"),
        ({"maps": []}, "there are 0 maps and 1 scales"),
        ({"maps": [torch.zeros(1, 4, 4)]}, "maps must be float32"),
        ({"rows": 0}, "rows and columns are 1 to 4096"),
        (
            {"rows": 4096, "boxes": torch.zeros(1, 4).expand(60_000, 4), "level_of": ZEROS},
            "60000 regions of 4096 x 2 pixels with 5 channels have more than",
        ),
        ({"maps": [torch.zeros(1).expand(1, 1, 2**25, 1)]}, r"of sides up to 2\^24"),
    ],
    ids=["level", "negative level", "boxes", "no map", "map", "rows", "elements", "side"],
)
def test_refusals(networks, changes, message):
    values = {
        "maps": [torch.zeros(1, 4, 4, 5)],
        "boxes": torch.zeros(1, 4),
        "level_of": torch.zeros(1, dtype=torch.int64),
        "rows": 2,
        **changes,
    }
    options = AlignOptions(
        scales=[1.0], rows=values["rows"], columns=2, sampling_ratio=0, aligned=True
    )
    with pytest.raises(ValueError, match=message):
        networks[0].roi_align(values["maps"], values["boxes"], values["level_of"], options)
