"""Files that have networks with several numbers of bases."""

import numpy as np
import pytest
import torch

from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.packed.program_json import to_json
from groupnet_det.packed.validation import validate
from groupnet_det.runtime.backends.extension import is_built, open_network
from groupnet_det.runtime.reference.interpreter import run_reference, run_reference_part

from .edits import MISSING
from .programs import example_images, example_maps, simple_example
from .programs_of_bases import FEWER, NUM_BASES, ONE, bases_example
from .refusals import refused_with

WHOLE = bases_example()
NUMBERS = [*FEWER, NUM_BASES]


def test_a_file_keeps_all_programs_and_each_tensor_once(tmp_path):
    path = tmp_path / "bases.gnp"
    write_packed(path, WHOLE.program, WHOLE.info, WHOLE.tensors)
    again = read_packed(path)
    assert again.program == WHOLE.program
    assert again.program.choices() == NUMBERS
    assert again.tensors.keys() == WHOLE.tensors.keys()
    weights = {step.branches[0].terms[0].weight for step in again.program.steps[1:2]}
    others = {p.steps[1].branches[0].terms[0].weight for p in again.program.fewer_bases.values()}
    assert weights == others


@pytest.mark.parametrize("number", NUMBERS)
def test_one_network_of_a_file_is_a_file_of_its_own(tmp_path, number):
    own = WHOLE.with_bases(number)
    assert own.program.choices() == [number]
    assert own.info.get("versions") == (ONE["versions"] if number == 1 else None)
    assert "fewer_bases" not in own.info
    validate(own.program, own.tensors)  # all tensors are named
    assert len(own.program.steps[1].branches) == number
    path = tmp_path / "own.gnp"
    write_packed(path, own.program, own.info, own.tensors)
    assert read_packed(path).program == own.program
    assert WHOLE.with_bases(None) is WHOLE


@pytest.mark.skipif(not is_built(), reason="the engine is not built")
@pytest.mark.parametrize("number", [None, *NUMBERS])
def test_the_engine_runs_the_bits_of_the_reference(tmp_path, number):
    path = tmp_path / "bases.gnp"
    write_packed(path, WHOLE.program, WHOLE.info, WHOLE.tensors)
    engine, own = open_network(path, number), WHOLE.with_bases(number)
    images, maps = example_images(WHOLE), example_maps(WHOLE, "box")
    assert engine.run(images)["logits"].equal(run_reference(own, images)["logits"])
    scores = engine.part("box").run(maps)["scores"]
    assert scores.equal(run_reference_part(own, "box", maps)["scores"])


@pytest.mark.skipif(not is_built(), reason="the engine is not built")
def test_networks_of_other_numbers_are_refused(tmp_path):
    path = tmp_path / "bases.gnp"
    write_packed(path, WHOLE.program, WHOLE.info, WHOLE.tensors)
    for number in (3, 5, -1, 2**40):
        with pytest.raises(PackedFileError, match=r"no network of .* bases; valid: 1, 2, 4"):
            open_network(path, number)
    with pytest.raises(ConfigError, match="bases is 3; valid: 1, 2, 4"):
        WHOLE.with_bases(3)
    plain = simple_example()
    write_packed(path, plain.program, plain.info, plain.tensors)
    with pytest.raises(ConfigError, match="bases is 1; valid: none, as the file has one network"):
        plain.with_bases(1)
    with pytest.raises(PackedFileError, match="valid: none, as it has one network"):
        open_network(path, 1)


@pytest.mark.parametrize("number", [True, 1.0, "1", torch.tensor(1)], ids=repr)
def test_what_only_equals_a_number_is_refused(number):
    with pytest.raises(ConfigError, match=r"bases is .*; valid: 1, 2, 4"):
        WHOLE.with_bases(number)
    own = WHOLE.with_bases(np.int64(1)).program
    assert type(own.num_bases) is int
    assert len(own.steps[1].branches) == 1


def test_files_of_one_network_do_not_change(tmp_path):
    assert "num_bases" not in to_json(simple_example().program)


FIRST = ("fewer_bases", "1")
INNER = to_json(WHOLE.program.fewer_bases["2"])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("num_bases",), MISSING, "fewer_bases has '1'; valid: numbers of 1 to num_bases - 1"),
        (("num_bases",), 0, "num_bases is 0; valid: 1 to 64"),
        (("num_bases",), 65, "num_bases is 65; valid: 1 to 64"),
        (("num_bases",), 2, "fewer_bases has '2'; valid"),
        (("num_bases",), 4.0, "num_bases is of the type float"),
        (("fewer_bases",), [], "fewer_bases is of the type list"),
        (("fewer_bases", "4"), INNER, "fewer_bases has '4'; valid"),
        (("fewer_bases", "03"), INNER, "fewer_bases has '03'; valid"),
        (("fewer_bases", "x"), INNER, "fewer_bases has 'x'; valid"),
        (FIRST, 3, "fewer_bases.1 is of the type int"),
        ((*FIRST, "num_bases"), 1, "1 bases: it has bases itself"),
        ((*FIRST, "fewer_bases"), {"2": INNER}, "1 bases: it has bases itself"),
        ((*FIRST, "outputs"), {"other": 2}, "1 bases: its input, size_divisor, outputs or parts"),
        ((*FIRST, "outputs"), {"logits": 1}, "1 bases: its input, size_divisor, outputs or parts"),
        ((*FIRST, "size_divisor"), 2, "1 bases: its input, size_divisor, outputs or parts"),
        ((*FIRST, "parts"), MISSING, "1 bases: its input, size_divisor, outputs or parts"),
        ((*FIRST, "steps"), [], "1 bases: the number of steps is 0"),
        ((*FIRST, "buffers", 0, "pad"), 2, "1 bases: buffer 0 of bits has the pad 2"),
        ((*FIRST, "parts", "box", "num_bases"), 1, "1 bases: part 'box': it has parts or bases"),
        (("parts", "box", "num_bases"), 1, "part 'box': it has parts or bases"),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)
def test_wrong_bases(path, value, message):
    refused_with(WHOLE, path, value, message)


def test_a_tensor_that_fewer_bases_alone_name_is_named():
    validate(WHOLE.program, WHOLE.tensors)
    with pytest.raises(PackedFileError, match="no step names the tensors"):
        validate(WHOLE.program.with_bases(4), WHOLE.tensors)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (3, "info.fewer_bases is of the type int"),
        ({"1": 3}, "info.fewer_bases.1 is of the type int"),
        ({"1": {"sizes": 3}}, "info.fewer_bases.'1'.sizes is of the type int"),
        ({"1": {"task": "detection"}}, "has .'task'., which are common to all bases"),
        ({"1": {"fewer_bases": {}}}, "common to all bases"),
    ],
    ids=str,
)
def test_wrong_info(tmp_path, members, message):
    path = tmp_path / "wrong.gnp"
    with pytest.raises(PackedFileError, match=message):
        write_packed(path, WHOLE.program, {**WHOLE.info, "fewer_bases": members}, WHOLE.tensors)
