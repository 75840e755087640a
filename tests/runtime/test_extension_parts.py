"""The compiled engine: parts, images of any size, results that are not copied."""

import pytest
import torch

from groupnet_det.runtime.extension import open_network
from groupnet_det.runtime.reference import run_reference
from tests.runtime.engine import needs_engine, same_bits, write
from tests.runtime.programs import example_images, example_maps, example_packed_files

EXAMPLES = dict(example_packed_files())


@pytest.fixture
def pyramid(tmp_path):
    packed = EXAMPLES["tiny-pyramid"]
    return packed, open_network(write(tmp_path / "model.gnp", packed))


@needs_engine
def test_a_part_outlives_its_network_and_takes_any_number_of_maps(pyramid, tmp_path):
    packed, network = pyramid
    maps = example_maps(packed, "box", batch=400)
    part = open_network(tmp_path / "model.gnp").part("box")
    (tmp_path / "model.gnp").unlink()
    whole = part.run(maps)["scores"]
    assert whole.shape[0] == 400
    pieces = [network.part("box").run(maps[i : i + 37])["scores"] for i in range(0, 400, 37)]
    assert same_bits(torch.cat(pieces), whole)
    seconds = part.time_steps(maps[:2], 3)
    assert seconds.shape == (3, len(packed.program.parts["box"].steps))
    assert (seconds > 0).all()


@needs_engine
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.double(), "a part takes float32"),
        (lambda x: x[0], "takes \\(N, H, W, 24\\)"),
        (lambda x: x[..., :3], "takes \\(N, H, W, 24\\)"),
        (lambda x: x[:0], "empty"),
    ],
    ids=["doubles", "one map", "channels", "no maps"],
)
def test_maps_that_a_part_cannot_use(pyramid, change, message):
    packed, network = pyramid
    with pytest.raises(ValueError, match=message):
        network.part("box").run(change(example_maps(packed, "box")))


@needs_engine
def test_a_part_that_is_not_there(pyramid):
    with pytest.raises(ValueError, match="no part 'bax'; its parts: box, mask"):
        pyramid[1].part("bax")


@needs_engine
def test_images_of_many_sizes_one_after_another(pyramid):
    packed, network = pyramid
    sizes = [(64, 64), (13, 17), (40, 200), (64, 64), (9, 9), (200, 40), (13, 17), (8, 8)]
    for height, width in sizes + sizes[::-1]:
        images = example_images(packed, batch=1, height=height, width=width)
        expected = run_reference(packed, images)
        got = network.run(images)
        assert all(same_bits(got[name], expected[name]) for name in expected), (height, width)


@needs_engine
@pytest.mark.parametrize("held", [0, 1, 2, 5])
def test_results_stay_as_they_are_while_the_network_runs_on(pyramid, held):
    packed, network = pyramid
    generator = torch.Generator().manual_seed(held)
    size = (1, 150, 270, packed.program.input_channels)
    results = []
    for _ in range(7):
        images = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
        outputs = network.run(images)
        results.append((images, outputs, {name: y.clone() for name, y in outputs.items()}))
        network.trace(images)  # writes to the same buffers
        results = results[len(results) - held :]
        for _, got, copies in results:
            assert all(torch.equal(got[name], copies[name]) for name in copies)
        expected = dict(zip(*network.trace(images)[1:], strict=True))
        for name, buffer in packed.program.outputs.items():
            assert torch.equal(outputs[name], expected[buffer])
    largest = max(outputs.values(), key=lambda y: y.numel())
    assert largest.numel() * largest.element_size() > 256 << 10  # some are not copied
