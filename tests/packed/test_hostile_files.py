"""Files that lie; see also `test_mutated_files`."""

import pytest

from groupnet_det.packed.container import METADATA

from .edits import edited, joined, program_of, raw_joined, signed, split, with_program
from .refusals import refused, refused_when_read


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b'{"__metadata__": 3}',
        b'{"__metadata__": {"format": 3}}',
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": 1' + b"0" * 5000 + b"}",
        b'{"a": 1e999}',
        b'{"a": "\xff"}',
        b'{"a": ' * 100_000,
        b'{"a": ' + b"[" * 100_000,
        b"{} {}",
        b'{"a": [0' + b",0" * (1 << 20) + b"]}",
        *(b'{"a": ' + number + b"}" for number in (b"01", b"-007", b"1.", b"1.e5", b".5", b"+1")),
    ],
    ids=[
        *("open", "number", "no-text", "twice", "nan", "digits", "infinite", "utf-8"),
        *("deep-object", "deep-list", "two", "values"),
        *("zero", "zeros", "point", "point-exponent", "fraction", "plus"),
    ],
)
def test_hostile_headers(path, header):
    refused(path, raw_joined(header, b""))


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**32, 2**24 + 1, 10**6])
def test_lies_about_the_header(path, content, length):
    message = "too long|cut short"
    refused(path, length.to_bytes(8, "little") + content[8:], message)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("dtype", "F64"),
        ("dtype", 3),
        ("dtype", []),
        ("shape", [-3]),
        ("shape", [2**63]),
        ("shape", [2**32, 2**32]),
        ("shape", [2**32, 2**32, 0]),
        ("shape", [1.0]),
        ("shape", [True]),
        ("shape", []),
        ("shape", [1] * 9),
        ("shape", "3"),
        ("data_offsets", [0, 2**62]),
        ("data_offsets", [-4, 8]),
        ("data_offsets", [8, 4]),
        ("data_offsets", [0]),
        ("data_offsets", None),
        ("more", 1),
    ],
)
def test_hostile_tensors(path, content, member, value):
    header, data = split(content)
    name = max(set(header) - {METADATA})
    refused_when_read(path, joined(edited(header, (name, member), value), data))


def test_tensors_that_overlap(path, content):
    header, data = split(content)
    first, second = sorted(set(header) - {METADATA})[:2]
    header = edited(header, (first, "data_offsets"), header[second]["data_offsets"])
    refused_when_read(path, joined(header, data))


def test_a_program_that_is_no_program(path, content):
    for program in ("", "3", "[]", "null", "{}", "[" * 100_000, '{"a":' * 100_000, "\ud800"):
        refused_when_read(path, with_program_or_text(content, program))


def with_program_or_text(content, program):
    header, data = split(content)
    header = edited(header, (METADATA, "program"), program)
    try:
        return signed(header, data)
    except UnicodeEncodeError:  # half of a surrogate pair has no checksum
        return joined(header, data)


def test_info_that_is_no_object(path, content):
    header, data = split(content)
    for info in ("3", "[]", "", '{"a": 1, "a": 1}'):
        changed = signed(edited(header, (METADATA, "info"), info), data)
        refused(path, changed, "info")


@pytest.mark.parametrize("depth", [2, 100, 400])
def test_parts_of_parts(path, content, depth):
    whole = program_of(content)
    program = edited(whole, ("size_divisor",), 1)
    for _ in range(depth):
        program = {**whole, "parts": {"a": program}}
    message = "part 'a': it has parts" if depth == 2 else "nested too deeply|part 'a': it has parts"
    refused_when_read(path, with_program(content, program), message)


def test_nothing_that_a_file_names_is_opened(path, content, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    program = edited(program_of(content), ("steps", 0, "weight"), f"../{secret.name}")
    refused_when_read(path, with_program(content, program), "names the tensor .*which is missing")
