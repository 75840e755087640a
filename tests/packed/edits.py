"""Changes to packed files, as JSON or as bytes, for tests of what readers refuse."""

import copy
import json
import zlib
from collections.abc import Sequence
from typing import Any

from groupnet_det.packed.container import METADATA

LENGTH = 8
MISSING = object()

Path = Sequence[str | int]


def edited(tree: Any, path: Path, value: Any) -> Any:
    """A copy of a JSON value with one member changed, added, or removed where it is `MISSING`."""
    tree = copy.deepcopy(tree)
    at = tree
    for key in path[:-1]:
        at = at[key]
    if value is MISSING:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return tree


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and data of a safetensors file."""
    end = LENGTH + int.from_bytes(content[:LENGTH], "little")
    return json.loads(content[LENGTH:end]), content[end:]


def joined(header: Any, data: bytes) -> bytes:
    """The inverse of `split`; any JSON may be the header."""
    return raw_joined(json.dumps(header, separators=(",", ":")).encode(), data)


def raw_joined(header: bytes, data: bytes) -> bytes:
    """The same with a header that need not be JSON."""
    return len(header).to_bytes(LENGTH, "little") + header + data


def with_checksum(content: bytes) -> bytes:
    """The same file, its checksum made right where it has one."""
    header, data = split(content)
    return signed(header, data)


def signed(header: dict[str, Any], data: bytes) -> bytes:
    """The file with a right checksum, worked out as the documentation says."""
    blank = joined(edited(header, (METADATA, "crc32"), "00000000"), data)
    digits = f"{zlib.crc32(blank):08x}".encode()
    return blank.replace(b'"crc32":"00000000"', b'"crc32":"' + digits + b'"')


def with_info(content: bytes, info: Any) -> bytes:
    """The same file with other JSON as its ``info``, and a right checksum."""
    header, data = split(content)
    return signed(edited(header, (METADATA, "info"), json.dumps(info)), data)


def with_program(content: bytes, program: Any) -> bytes:
    """The same file with other JSON as its program, and a right checksum."""
    text = program if isinstance(program, str) else json.dumps(program)
    header, data = split(content)
    return signed(edited(header, (METADATA, "program"), text), data)


def program_of(content: bytes) -> Any:
    """The program of a file, as JSON."""
    return json.loads(split(content)[0][METADATA]["program"])
