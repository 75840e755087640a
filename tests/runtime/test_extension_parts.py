"""The compiled engine: parts, images of any size, results that are not copied."""

import dataclasses
import threading

import pytest
import torch

from groupnet_det.runtime.backends.extension import open_network
from groupnet_det.runtime.reference.interpreter import run_reference, trace_reference
from tests.packed.programs import example_images, example_maps, example_packed_files

from .engine import needs_engine, same_bits, write

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


def large_outputs(outputs):
    return [y for y in outputs.values() if y.untyped_storage().nbytes() > 256 << 10]


@needs_engine
@pytest.mark.parametrize("held", [0, 1, 2, 5])
def test_results_stay_as_they_are_while_the_network_runs_on(pyramid, held):
    packed, network = pyramid
    generator = torch.Generator().manual_seed(held)
    size = (1, 250, 370, packed.program.input_channels)
    results = []
    for _ in range(7):
        images = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
        outputs = network.run(images)
        assert large_outputs(outputs)  # which are not copied
        results.append((outputs, {name: y.clone() for name, y in outputs.items()}))
        network.trace(images)  # writes to the same buffers
        results = results[len(results) - held :]
        for got, copies in results:
            assert all(torch.equal(got[name], copies[name]) for name in copies)
        expected = dict(zip(*network.trace(images)[1:], strict=True))
        for name, buffer in packed.program.outputs.items():
            assert torch.equal(outputs[name], expected[buffer])


def with_all_floats_as_outputs(packed):
    """Whatever reads or writes a map of floats now does so in memory that is handed out."""
    _, written, contents = trace_reference(packed, example_images(packed, batch=1))
    floats = {buffer for buffer, y in zip(written, contents, strict=True) if y.is_floating_point()}
    outputs = {f"buffer{buffer}": buffer for buffer in sorted(floats)}
    program = dataclasses.replace(packed.program, outputs=outputs)
    return dataclasses.replace(packed, program=program)


# A file of several numbers of bases has the programs of each as examples of their own.
SINGLE = [name for name, packed in EXAMPLES.items() if not packed.program.fewer_bases]


@needs_engine
@pytest.mark.parametrize("name", SINGLE)
def test_every_step_works_in_memory_that_is_handed_out(name, tmp_path):
    packed = with_all_floats_as_outputs(EXAMPLES[name])
    path = write(tmp_path / "model.gnp", packed)
    network = open_network(path)
    seen = []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        size = (1, 100, 130, packed.program.input_channels)
        images = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
        seen.append((images, network.run(images)))
    for images, outputs in seen:
        expected = open_network(path).run(images)  # one that has never run before
        assert all(same_bits(outputs[key], expected[key]) for key in expected)


@needs_engine
def test_threads_that_hold_results_do_not_disturb_each_other(pyramid):
    packed, network = pyramid
    size = (1, 250, 370, packed.program.input_channels)
    wrong = []

    def work(seed):
        generator = torch.Generator().manual_seed(seed)
        images = [
            torch.randint(0, 256, size, dtype=torch.uint8, generator=generator) for _ in range(3)
        ]
        expected = [run_reference(packed, x) for x in images]
        for _ in range(5):
            outputs = [network.run(x) for x in images]
            for mine, right in zip(outputs, expected, strict=True):
                wrong.extend(name for name in right if not same_bits(mine[name], right[name]))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@needs_engine
def test_results_outlive_their_network(pyramid, tmp_path):
    packed, _ = pyramid
    images = example_images(packed, batch=1, height=250, width=370)
    expected = run_reference(packed, images)
    got = open_network(tmp_path / "model.gnp").run(images)  # which is gone
    assert large_outputs(got)
    assert all(same_bits(got[name], expected[name]) for name in expected)
