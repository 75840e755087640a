"""Models with several numbers of bases, in the C library and the command."""

import numpy as np
import pytest

from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.reference.interpreter import run_reference
from tests.packed.edits import with_info
from tests.packed.programs import example_images
from tests.packed.programs_of_bases import FEWER, NUM_BASES, bases_example

from .library import LibraryError
from .test_info import refusal, refused_by_python

WHOLE = bases_example()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "bases.gnp"
    write_packed(path, WHOLE.program, WHOLE.info, WHOLE.tensors)
    return path


@pytest.mark.parametrize("number", [0, *FEWER, NUM_BASES])
def test_the_library_runs_the_chosen_number(library, path, number):
    model = library.model(path, bases=number)
    assert library.num_bases(model) == (number or NUM_BASES)
    images = example_images(WHOLE)
    got = library.outputs(model, images.numpy(), prepared=True)["logits"]
    expected = run_reference(WHOLE.with_bases(number or None), images)["logits"].numpy()
    assert np.array_equal(got.view(np.uint32), expected.view(np.uint32))
    library.close(model)


def test_other_numbers_are_refused(library, path, write_model):
    with pytest.raises(LibraryError, match=r"no network of 3 bases; valid: 1, 2, 4"):
        library.model(path, bases=3)
    model = library.model(write_model())
    assert library.num_bases(model) == 0
    with pytest.raises(LibraryError, match="no network of 1 bases; valid: none"):
        library.model(write_model(), bases=1)


def test_the_command_runs_the_chosen_number(groupnet_run, path, write_image, answer):
    image = write_image(16, 16)
    for number in (*FEWER, NUM_BASES):
        got = answer(groupnet_run(path, image, "--json", "--bases", number))
        expected = PackedPredictor(path, backend="reference", bases=number)(image)
        assert np.array_equal(np.float32(got["logits"]), expected.logits.numpy())
    assert answer(groupnet_run(path, image, "--json")) == got
    done = groupnet_run(path, image, "--bases", "3")
    assert done.returncode == 1
    assert "no network of 3 bases; valid: 1, 2, 4" in done.stderr
    assert groupnet_run(path, image, "--bases", "0").returncode == 2


@pytest.mark.parametrize(
    "members",
    [
        *(3, {}, {"1": 3}, {"1": None}, {"1": {}}, {"1": {"sizes": 3}}, {"7": {"sizes": {"a": 1}}}),
        *({"1": {"task": "detection"}}, {"1": {"fewer_bases": {}}}, {"1": {"class_names": None}}),
    ],
    ids=str,
)
def test_info_of_fewer_bases_is_checked_as_in_python(library, path, members):
    info = {**WHOLE.info, "fewer_bases": members}
    path.write_bytes(with_info(path.read_bytes(), info))
    message = refusal(library, path)
    assert (message is not None) == refused_by_python(info), message
