"""The compiled engine as torch sees it."""

import functools
import multiprocessing
import threading

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from groupnet_det.errors import ExtensionError, PackedFileError
from groupnet_det.packed.sign_bits import pack_sign_bits
from groupnet_det.runtime.backends import extension
from groupnet_det.runtime.backends.extension import is_built, load_extension, open_network
from groupnet_det.runtime.reference.interpreter import trace_reference, trace_reference_part
from tests.packed.programs import example_images, example_maps, example_packed_files
from tests.runtime.engine import assert_same_trace, needs_engine, write

EXAMPLES = dict(example_packed_files())
ISAS = [
    "avx512_plain",
    "avx512_paired",
    "avx512_shuffle",
    "avx2",
    "neon_dot",
    "neon",
    "portable",
]


@pytest.fixture
def use_isa(monkeypatch):
    def use(name):
        load_extension()
        if name not in torch.ops.groupnet_det.available_isas():
            pytest.skip(f"this machine does not have {name}")
        monkeypatch.setenv("GROUPNET_DET_ISA", name)

    return use


@functools.cache
def reference_trace(name):
    packed = EXAMPLES[name]
    return trace_reference(packed, example_images(packed))


@functools.cache
def reference_trace_of_part(name, part):
    packed = EXAMPLES[name]
    return trace_reference_part(packed, part, example_maps(packed, part))


@needs_engine
@pytest.mark.parametrize("isa", ISAS)
def test_every_map_of_every_example_has_the_bits_of_the_reference(isa, use_isa, tmp_path):
    use_isa(isa)
    for name, packed in EXAMPLES.items():
        images = example_images(packed)
        network = open_network(write(tmp_path / "model.gnp", packed))
        assert network.isa() == isa
        assert_same_trace(network.trace(images), reference_trace(name), name)
        for part in packed.program.parts:
            maps = example_maps(packed, part)
            expected = reference_trace_of_part(name, part)
            assert_same_trace(network.part(part).trace(maps), expected, (name, part))


def simulated_conv(x, weight, stride, padding, dilation, pad_bit):
    signs = torch.where(x >= 0, 1.0, -1.0).permute(0, 3, 1, 2)
    padded = F.pad(signs, [padding] * 4, value=1.0 - 2 * pad_bit)
    weights = torch.where(weight >= 0, 1.0, -1.0)
    y = F.conv2d(padded, weights, stride=stride, dilation=dilation)
    return y.permute(0, 2, 3, 1).to(torch.int32)


def packed_conv(x, weight, stride, padding, dilation, pad_bit):
    load_extension()
    words = torch.ops.groupnet_det.pack_signs(x)
    return torch.ops.groupnet_det.binary_conv2d(
        words, pack_sign_bits(weight), x.shape[3], stride, padding, dilation, pad_bit
    )


@needs_engine
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    images=st.integers(1, 3),
    sides=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    channels=st.tuples(st.integers(1, 140), st.integers(1, 140)),
    kernel=st.sampled_from([1, 2, 3, 5]),
    stride=st.integers(1, 3),
    padding=st.integers(0, 4),
    dilation=st.sampled_from([1, 2, 3, 10]),
    pad_bit=st.integers(0, 1),
    isa=st.sampled_from(ISAS),
)
def test_binary_conv2d_is_a_convolution_of_signs(
    images, sides, channels, kernel, stride, padding, dilation, pad_bit, isa
):
    load_extension()
    assume(isa in torch.ops.groupnet_det.available_isas())
    assume(min(sides) + 2 * padding >= (kernel - 1) * dilation + 1)
    generator = torch.Generator().manual_seed(kernel * 1000 + channels[0])
    x = torch.randn(images, *sides, channels[0], generator=generator)
    x[x.abs() < 0.05] = -0.0  # counts as positive
    weight = torch.randn(channels[1], channels[0], kernel, kernel, generator=generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROUPNET_DET_ISA", isa)
        got = packed_conv(x, weight, stride, padding, dilation, pad_bit)
    expected = simulated_conv(x, weight, stride, padding, dilation, pad_bit)
    assert torch.equal(got, expected)


@needs_engine
@pytest.mark.parametrize("channels", [1, 33, 64])
def test_functions_obey_the_rules_of_torch(channels):
    load_extension()
    x = torch.randn(2, 5, 6, channels, generator=torch.Generator().manual_seed(0))
    weight = pack_sign_bits(torch.randn(7, channels, 3, 3))
    torch.library.opcheck(torch.ops.groupnet_det.pack_signs.default, (x,))
    words = torch.ops.groupnet_det.pack_signs(x)
    torch.library.opcheck(
        torch.ops.groupnet_det.binary_conv2d.default, (words, weight, channels, 1, 1, 1, 0)
    )


@needs_engine
def test_arguments_that_do_not_fit_are_refused():
    load_extension()
    ops = torch.ops.groupnet_det
    words = ops.pack_signs(torch.randn(1, 4, 4, 64))
    weight = pack_sign_bits(torch.randn(8, 64, 3, 3))
    with pytest.raises(ValueError, match="float32 of shape"):
        ops.pack_signs(torch.zeros(3))
    with pytest.raises(ValueError, match="are not for 65 channels"):
        ops.binary_conv2d(words, weight, 65, 1, 1, 1, 0)
    with pytest.raises(ValueError, match="stride and dilation"):
        ops.binary_conv2d(words, weight, 64, 0, 1, 1, 0)
    with pytest.raises(ValueError, match="pad_bit"):
        ops.binary_conv2d(words, weight, 64, 1, 1, 1, 2)
    with pytest.raises(ValueError, match=r"2\^31 - 1 elements"):
        ops.binary_conv2d(words, pack_sign_bits(torch.ones(64, 64, 1, 1)), 64, 1, 4096, 1, 0)
    with pytest.raises(ValueError, match="smaller than the kernel"):
        ops.binary_conv2d(words, weight, 64, 1, 0, 3, 0)


@pytest.fixture
def network_and_image(tmp_path):
    packed = next(iter(EXAMPLES.values()))
    return open_network(write(tmp_path / "model.gnp", packed)), example_images(packed)


@needs_engine
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.float(), "unsigned bytes"),
        (lambda x: x[0], "takes \\(N, H, W"),
        (lambda x: x[:, :, :, :0], "takes \\(N, H, W"),
        (lambda x: x[:0], "empty"),
        (lambda x: x[:, :, :0], "empty"),
        (lambda x: x[:1, :1, :1].expand(1, 60_000, 60_000, -1), "2\\^31 - 1 elements"),
    ],
    ids=["floats", "one image", "no channels", "no images", "no pixels", "too large"],
)
def test_images_that_cannot_be_used(network_and_image, change, message):
    network, images = network_and_image
    with pytest.raises(ValueError, match=message):
        network.run(change(images))


@needs_engine
def test_an_impossible_instruction_set_is_an_error_that_lists_the_possible_ones(
    tmp_path, monkeypatch
):
    path = write(tmp_path / "model.gnp", next(iter(EXAMPLES.values())))
    monkeypatch.setenv("GROUPNET_DET_ISA", "vax")
    with pytest.raises(ExtensionError, match=r"'vax' \(GROUPNET_DET_ISA\).*possible: .*portable"):
        open_network(path)


@needs_engine
def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "model.gnp"
    with pytest.raises(PackedFileError, match=r"model\.gnp cannot be opened"):
        open_network(path)
    path.write_bytes(b"\0" * 20)
    with pytest.raises(PackedFileError, match=r"model\.gnp cannot be used"):
        open_network(path)


def test_without_the_engine_the_fix_is_reported(monkeypatch, tmp_path):
    monkeypatch.setattr(extension, "LIBRARY", tmp_path / "absent.so")
    load_extension.cache_clear()
    try:
        with pytest.raises(ExtensionError, match=r'not built.*pip install.*backend="reference"'):
            open_network(tmp_path / "model.gnp")
        assert not is_built()
    finally:
        load_extension.cache_clear()


@needs_engine
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_nothing(network_and_image, threads):
    network, images = network_and_image
    expected = network.run(images)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        got = network.run(images)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(got[name], expected[name]) for name in expected)


@needs_engine
def test_eight_threads_share_a_network(network_and_image):
    network, images = network_and_image
    expected = network.run(images)
    right = []

    def work():
        for _ in range(10):
            got = network.run(images)
            right.append(all(torch.equal(got[name], expected[name]) for name in expected))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 80


def run_in_child(network, images, expected, answers):
    got = network.run(images)
    answers.put(all(torch.equal(got[name], expected[name]) for name in expected))


@needs_engine
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_process_goes_on_with_the_network(network_and_image):
    network, images = network_and_image
    expected = network.run(images)  # the threads that this starts stay with the parent
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=run_in_child, args=(network, images, expected, answers))
    child.start()
    assert answers.get(timeout=60)
    child.join(timeout=60)
    assert child.exitcode == 0


@needs_engine
def test_times_of_steps(network_and_image):
    network, images = network_and_image
    seconds = network.time_steps(images, 3)
    assert seconds.shape[0] == 3
    assert (seconds > 0).all()
    with pytest.raises(ValueError, match="repeats"):
        network.time_steps(images, 0)
