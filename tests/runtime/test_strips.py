"""Large maps are computed in strips of rows, and single steps as a whole: the same bits."""

import pytest
import torch

from groupnet_det.runtime.backends.extension import open_network
from tests.packed.programs import example_images, group_net_example
from tests.runtime.engine import needs_engine, same_bits, write


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@needs_engine
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_large_images_have_the_bits_of_steps_as_a_whole(threads, tmp_path):
    packed = group_net_example(groups=4, width=64)
    images = example_images(packed, batch=1, height=330, width=270)
    network = open_network(write(tmp_path / "model.gnp", packed))
    torch.set_num_threads(threads)
    (output,) = packed.program.outputs.values()
    _, buffers, contents = network.trace(images)
    expected = dict(zip(buffers, contents, strict=True))[output]
    for _ in range(2):  # the second time over what the first one left in memory
        assert same_bits(network.run(images)["logits"], expected)
    # Small images of a batch run together, as a whole; large ones one by one.
    pair = network.run(torch.cat([images, images]))["logits"]
    assert same_bits(pair, torch.cat([expected, expected]))
