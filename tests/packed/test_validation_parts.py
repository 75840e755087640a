import math

import pytest
import torch

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.steps.conv import Branch, Join
from groupnet_det.packed.steps.parts import BitsSink, LevelsSink, Sinks
from groupnet_det.packed.validation import validate

from .program_builder import ProgramBuilder
from .programs import simple_example


@pytest.fixture
def packed():
    return simple_example(channels=9)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("t0", torch.zeros(9, 3, 3, 5, dtype=torch.int16), "weight has 5 input channels"),
        ("t0", torch.zeros(9, 3, 3, dtype=torch.int16), r"expected: .* \('any', 'any'"),
        ("t0", torch.full((9, 9, 9, 4), 32767, dtype=torch.int16), "can overflow 32 bits"),
        ("t0", torch.full((9, 9, 9, 4), -32768, dtype=torch.int16), "can overflow 32 bits"),
        ("t0", torch.zeros(9, 4097, 1, 4, dtype=torch.int16), "kernel rows of weight is 4097"),
        ("t0", torch.zeros(9, 0, 1, 4, dtype=torch.int16), "weight, 't0', is"),
        ("t3", torch.zeros(9, 3, 3, 1, dtype=torch.uint8), "has 1 in its last size; expected: 2"),
        ("t3", torch.full((9, 3, 3, 2), 4, dtype=torch.uint8), "unused bits that are not 0"),
        ("t3", torch.zeros(8, 3, 3, 2, dtype=torch.uint8), r"adds maps of \[8, 9\] channels"),
        ("t3", torch.zeros(9, 4096, 4096, 2, dtype=torch.uint8), "sums more than 2.24 products"),
        ("t2", torch.zeros(8), r"of shape \(8,\); expected: .* of shape \(9,\)"),
        ("t2", torch.full((9,), math.nan), "has values that are NaN"),
        ("t2", torch.zeros(9, dtype=torch.float64), "float64"),
    ],
)
def test_wrong_tensors(packed, name, value, message):
    assert name in packed.tensors
    with pytest.raises(PackedFileError, match=message):
        validate(packed.program, {**packed.tensors, name: value})


@pytest.mark.parametrize("fits", [True, False], ids=["most", "too-much"])
def test_largest_sums_of_a_stem(fits):
    b = ProgramBuilder(input_channels=1)
    out = b.floats(1)
    b.stem(1, Sinks(float_=out), kernel=(1, 129), padding=0)
    b.outputs["out"] = out
    weight = b.tensors["t0"].fill_(-32767)
    weight.view(-1)[-1] = (2**31 - 1) // 255 - 257 * 32767 + (not fits)
    packed = b.build()
    if fits:
        validate(packed.program, packed.tensors)
    else:
        with pytest.raises(PackedFileError, match="can overflow"):
            validate(packed.program, packed.tensors)


def bits_program(channels=8, c_out=4, kernel=1):
    b = ProgramBuilder()
    source, out = b.bits(channels), b.floats(c_out)
    b.stem(channels, Sinks(bits=(BitsSink(buffer=source),)))
    b.outputs["out"] = out
    return b, source, out


@pytest.mark.parametrize(
    ("offset", "fits"),
    [(2**24, True), (2**24 + 1, False), (-(2**24) + 16, True), (-(2**24) + 15, False)],
)
def test_offsets_keep_sums_exact(offset, fits):
    b, source, out = bits_program()
    name = b.tensor(torch.full((4,), offset, dtype=torch.int32))
    term = b.bits_term(source, 4, 1, offset=name)
    b.conv(Branch(terms=(term,), sinks=Sinks(float_=out)))
    packed = b.build()
    if fits:
        validate(packed.program, packed.tensors)
    else:
        with pytest.raises(PackedFileError, match=r"sums beyond 2\^24"):
            validate(packed.program, packed.tensors)


@pytest.mark.parametrize(
    ("thresholds", "values", "message"),
    [
        (torch.tensor([[0.0], [1.0]]), torch.zeros(3, 1), None),
        (torch.tensor([[1.0], [1.0]]), torch.zeros(3, 1), None),
        (torch.tensor([[1.0], [0.0]]), torch.zeros(3, 1), "do not rise"),
        (torch.tensor([[1.0], [math.nan]]), torch.zeros(3, 1), "NaN"),
        (torch.tensor([[1.0]]), torch.zeros(3, 1), r"shape \(3, 1\); expected: .*\(2, 1\)"),
        (torch.zeros(257, 1), torch.zeros(258, 1), "number of thresholds is 257; valid: 1 to 256"),
        (torch.zeros(1, 2), torch.zeros(2, 2), "thresholds"),
        (torch.zeros(0, 1), torch.zeros(1, 1), "thresholds"),
    ],
    ids=["fits", "equal", "falls", "nan", "values", "many", "channels", "none"],
)
def test_levels(thresholds, values, message):
    b, source, _ = bits_program(c_out=1)
    buffer = b.floats(1)
    sink = LevelsSink(buffer=buffer, thresholds=b.tensor(thresholds), values=b.tensor(values))
    b.conv(Branch(terms=(b.bits_term(source, 1, 1),), sinks=Sinks(levels=(sink,))))
    b.outputs["out"] = buffer
    packed = b.build()
    if message is None:
        validate(packed.program, packed.tensors)
    else:
        with pytest.raises(PackedFileError, match=message):
            validate(packed.program, packed.tensors)


@pytest.mark.parametrize(
    ("invert", "message"),
    [([0, 1, 0, 2], "values beside 0 and 1"), ([0, 1], "invert"), ([0, 1, 1, 0], None)],
)
def test_invert(invert, message):
    b, source, out = bits_program()
    name = b.tensor(torch.tensor(invert, dtype=torch.uint8))
    sinks = Sinks(float_=out, bits=(BitsSink(buffer=b.bits(4), invert=name),))
    b.conv(Branch(terms=(b.bits_term(source, 4, 1),), sinks=sinks))
    packed = b.build()
    if message is None:
        validate(packed.program, packed.tensors)
    else:
        with pytest.raises(PackedFileError, match=message):
            validate(packed.program, packed.tensors)


def test_sinks_of_a_kind():
    b, source, out = bits_program()
    bits = tuple(BitsSink(buffer=b.bits(4)) for _ in range(65))
    b.conv(Branch(terms=(b.bits_term(source, 4, 1),), sinks=Sinks(float_=out, bits=bits)))
    with pytest.raises(PackedFileError, match="number of sinks of bits is 65; valid: 0 to 64"):
        validate(b.build().program, b.tensors)


def two_branches(*, residual_of_first, joined):
    """Branch 1 adds buffer 3, and writes over it; branch 0 adds another one, or the same."""
    b, source, out = bits_program()
    residuals = [b.floats(4), b.floats(4)]
    for residual in residuals:
        b.stem(4, Sinks(float_=residual))
    terms = [(b.bits_term(source, 4, 1),) for _ in range(2)]
    sinks = (Sinks(float_=out), Sinks(float_=residuals[1]))
    b.conv(
        *(
            Branch(terms=terms[k], residual=r, sinks=None if joined else sinks[k])
            for k, r in enumerate((residuals[residual_of_first], residuals[1]))
        ),
        join=Join(branches=sinks) if joined else None,
    )
    packed = b.build()
    validate(packed.program, packed.tensors)


@pytest.mark.parametrize("joined", [False, True], ids=["apart", "joined"])
def test_residuals_in_place(joined):
    two_branches(residual_of_first=0, joined=joined)
    if joined:
        two_branches(residual_of_first=1, joined=joined)
    else:
        with pytest.raises(PackedFileError, match=r"branches\[0\] adds buffer 3, which another"):
            two_branches(residual_of_first=1, joined=joined)


@pytest.mark.parametrize(
    ("join", "message"),
    [
        ({"scales": "gate"}, r"join.scales, 'gate', is .* of shape \(2,\); expected: .*\(3,\)"),
        ({"gate": "scales"}, r"join.gate, 'scales', is .* of shape \(3,\); expected: .*\(2,\)"),
        ({"branches": (None,)}, "join.branches are 1; expected: 0 or 3"),
        ({"merged": None}, "nothing is written"),
    ],
)
def test_joins(join, message):
    b, source, out = bits_program()
    b.tensors.update(scales=torch.ones(3), gate=torch.ones(2))
    terms = (b.bits_term(source, 4, 1),)
    options = {"merged": Sinks(float_=out), "gate": "gate", "scales": "scales", **join}
    b.conv(*[Branch(terms=terms)] * 3, join=Join(**options))
    with pytest.raises(PackedFileError, match=message):
        validate(b.build().program, b.tensors)


def test_branches_of_other_channels():
    b, source, out = bits_program()
    terms = [(b.bits_term(source, c, 1),) for c in (4, 5)]
    other = b.floats(5)
    sinks = (Sinks(float_=out), Sinks(float_=other))
    b.conv(*(Branch(terms=t, sinks=s) for t, s in zip(terms, sinks, strict=True)))
    with pytest.raises(PackedFileError, match=r"branches give maps of \[4, 5\] channels"):
        validate(b.build().program, b.tensors)


def test_one_weight_for_inputs_of_other_channels():
    # Bit 8 is unused for the first input only.
    b = ProgramBuilder()
    sources = [b.bits(9), b.bits(10)]
    for channels, source in zip((9, 10), sources, strict=True):
        b.stem(channels, Sinks(bits=(BitsSink(buffer=source),)))
    wide = b.bits_term(sources[1], 4, 1)
    b.tensors[wide.weight].fill_(2)
    narrow = b.bits_term(sources[0], 4, 1)
    narrow = type(narrow)(input=sources[0], weight=wide.weight)
    out = b.floats(4)
    b.conv(Branch(terms=(wide, narrow), sinks=Sinks(float_=out)))
    b.outputs["out"] = out
    with pytest.raises(PackedFileError, match="unused bits"):
        validate(b.build().program, b.tensors)
