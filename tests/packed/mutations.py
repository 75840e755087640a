"""Damage of many kinds to a packed file, seeded; for tests of every reader of the format.

Checksums are made right again, or tests would see nothing but the checksum.
"""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from groupnet_det.errors import PackedFileError
from groupnet_det.packed import packed_file
from groupnet_det.packed.container import METADATA

from .edits import (
    LENGTH,
    MISSING,
    edited,
    joined,
    program_of,
    raw_joined,
    signed,
    split,
    with_checksum,
    with_program,
)

VALUES: list[Any] = [
    *(-1, 0, 1, 2, 3, 7, 8, 31, 4096, 4097, 65536, 65537, 2**24, 2**31 - 1, 2**31, 2**32, 2**53),
    *(2**62, -(2**62), 2**63, 2**64, 10**30, -0.0, 0.5, 1.0, 1e-300, 1e300, float("nan")),
    *(
        float("inf"),
        True,
        False,
        None,
        MISSING,
        "",
        "t0",
        "t1",
        "../../etc/passwd",
        "\0",
        "é",
        "🙂",
    ),
    *("x" * 10_000, [], {}, [[]], [0], [1, 1, 1, 1], [-1, 3, 3, 4], [2**40, 2**40], {"a": 1}),
    *("bits", "float", "stem", "conv", "mean", "relu", "prelu", [None] * 100, [{}] * 100),
    *("bytes", "input", "resize", "interpolate", "max_pool", "depth_to_space"),
]
DTYPES = ["U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64", "BOOL", "F8_E4M3", "?", ""]


def mutated(content: bytes, seed: int) -> bytes:
    """One damaged copy of a packed file, whose checksum is right where it still has one."""
    rng = random.Random(seed)
    try:
        damaged = MUTATIONS[seed % len(MUTATIONS)](content, rng)
    except UnicodeEncodeError:
        damaged = content[: rng.randrange(len(content))]
    return sealed(damaged)


def sealed(content: bytes) -> bytes:
    """The file with a right checksum, if it has the place for one."""
    try:
        return packed_file.with_checksum(content)
    except PackedFileError:
        return content


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to all members of a JSON value."""
    members = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in members:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))


def value_at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _lengthen(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content))
    return content[:place] + rng.randbytes(rng.randrange(1, 99)) + content[place:]


def _flip_bits(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 50])):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _flip_header(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    end = LENGTH + int.from_bytes(content[:LENGTH], "little")
    for _ in range(rng.choice([1, 2, 4])):
        damaged[rng.randrange(end)] = rng.choice(b'{}[]",:0129-.eE\\u \0\xff')
    return bytes(damaged)


def _flip_data(content: bytes, rng: random.Random) -> bytes:
    """With a right checksum: other weights, NaN, other flags; some files stay valid."""
    header, data = split(content)
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 3, 30])):
        place = rng.randrange(len(damaged))
        damaged[place : place + 4] = rng.choice(
            [b"\xff\xff\xff\x7f", b"\0\0\xc0\xff", b"\0\0\x80\x7f", rng.randbytes(4)]
        )[: len(damaged) - place]
    return signed(header, bytes(damaged))


def _lie_about_length(content: bytes, rng: random.Random) -> bytes:
    true = int.from_bytes(content[:LENGTH], "little")
    lie = rng.choice([0, 1, true - 1, true + 1, true + 8, 2**24, 2**31, 2**63, 2**64 - 1])
    return lie.to_bytes(LENGTH, "little") + content[LENGTH:]


def _edit_program(content: bytes, rng: random.Random) -> bytes:
    program = program_of(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        path = rng.choice(list(places(program)))
        value = rng.choice(VALUES)
        if rng.random() < 0.3:
            value = value_at(program, rng.choice(list(places(program))))
        elif rng.random() < 0.2 and isinstance(value_at(program, path), int):
            value = value_at(program, path) + rng.choice([-1, 1])
        program = edited(program, path, value)
    return with_program(content, program)


def _edit_tensors(content: bytes, rng: random.Random) -> bytes:
    header, data = split(content)
    name = rng.choice(sorted(set(header) - {METADATA}))
    member = rng.choice(["dtype", "shape", "data_offsets", "name", "all"])
    if member == "dtype":
        header = edited(header, (name, "dtype"), rng.choice(DTYPES))
    elif member in ("shape", "data_offsets"):
        sizes = header[name][member]
        place = rng.randrange(len(sizes))
        value = rng.choice([v for v in VALUES if v is not MISSING])
        header = edited(header, (name, member, place), value)
        if rng.random() < 0.3:
            header[name][member] = sizes[::-1]
    elif member == "name":
        other = rng.choice(sorted(set(header) - {METADATA}))
        header = edited(header, (other,), header[name])
    else:
        header = edited(header, (name,), rng.choice(VALUES))
    return signed(header, data)


def _edit_metadata(content: bytes, rng: random.Random) -> bytes:
    header, data = split(content)
    path = rng.choice([(METADATA,), *((METADATA, key) for key in header[METADATA])])
    header = edited(header, path, rng.choice([v for v in VALUES if v == v or v is MISSING]))
    try:
        return signed(header, data)
    except (KeyError, TypeError, AttributeError):  # nothing left to sign
        return joined(header, data)


def _edit_text(content: bytes, rng: random.Random) -> bytes:
    """The program as text: cut, nested, with odd numbers."""
    text = json.dumps(program_of(content))
    place = rng.randrange(len(text))
    piece = rng.choice(
        ["[" * 3000, '{"a":' * 3000, "1" * 5000, "NaN", "-", "1e9999", '"', "\\u0000", "\x01", ","]
    )
    return with_program(content, text[:place] + piece + text[place + rng.randrange(9) :])


def _swap_tensors(content: bytes, rng: random.Random) -> bytes:
    """Other tensors under the names of a program."""
    header, data = split(content)
    first, second = rng.sample(sorted(set(header) - {METADATA}), 2)
    header = {**header, first: header[second], second: header[first]}
    return joined(header, data)


def _raw_header(content: bytes, rng: random.Random) -> bytes:
    header, data = split(content)
    text = json.dumps(header).encode()
    place = rng.randrange(len(text))
    piece = rng.choice([b"\xff", b"{" * 5000, b"[" * 5000, b"9" * 5000, b"\0", text[place:]])
    return raw_joined(text[:place] + piece + text[place:], data)


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    *(_edit_program, _edit_tensors, _flip_data, _truncate, _edit_program, _flip_bits),
    *(_edit_metadata, _lie_about_length, _edit_program, _swap_tensors, _flip_header, _edit_text),
    *(_edit_program, _lengthen, _raw_header, lambda content, rng: with_checksum(content)),
]
