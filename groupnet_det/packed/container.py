"""The safetensors container around a packed file: its header, checked before it is trusted."""

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

import torch

from groupnet_det.errors import PackedFileError, shortened

DTYPES = {
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "F32": torch.float32,
}
LENGTH_BYTES = 8
ALIGNMENT = 8
MAX_HEADER_BYTES = 1 << 24
MAX_VALUES = 1 << 20  # of a text of JSON; each takes some hundred bytes of memory
MAX_RANK = 4
MAX_DIGITS = 20  # of a number in JSON; those of a double have 17, with sign, point and exponent 24
METADATA = "__metadata__"
# First bytes of what people take for a packed file.
FOREIGN = {
    b"PK": "it is a checkpoint of PyTorch, or another zip archive, and no packed file",
    b"\x80": "it is a pickle, such as an old checkpoint, and no packed file",
}
UNKNOWN = "it is no packed file"


@dataclass(frozen=True)
class Container:
    """A safetensors file.

    Attributes:
        content: All bytes.
        header: What the file says about its tensors: type, shape, place.
        metadata: Texts by name.
        data: Bytes after the header.
    """

    content: bytes
    header: dict[str, dict[str, Any]]
    metadata: dict[str, str]
    data: memoryview

    def check_tensors(self) -> None:
        """
        Raises:
            PackedFileError: There are tensors that no packed file has, or more or fewer bytes than
                those of all tensors.
        """
        for name, entry in self.header.items():
            _check_entry(name, entry)
        expected = sum(
            DTYPES[entry["dtype"]].itemsize * math.prod(entry["shape"])
            for entry in self.header.values()
        )
        if len(self.data) < expected:
            raise PackedFileError(f"it is cut short: {expected - len(self.data)} bytes are missing")
        if len(self.data) > expected:
            raise PackedFileError(f"it has {len(self.data) - expected} bytes too many")

    def with_metadata(self, metadata: dict[str, str]) -> bytes:
        """The bytes of this file with other metadata, which alone decide over them."""
        header = json.dumps({METADATA: metadata, **self.header}, separators=(",", ":")).encode()
        header += b" " * (-len(header) % ALIGNMENT)
        if len(header) > MAX_HEADER_BYTES:
            raise PackedFileError(f"its header has {len(header)} bytes, more than can be read")
        _check_values(header.decode(), "header")
        return b"".join([len(header).to_bytes(LENGTH_BYTES, "little"), header, self.data])


def header_end(content: bytes) -> int:
    """The end of the header that a file states; it may be beyond the file's own end."""
    return LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little")


def parse_container(content: bytes) -> Container:
    """Split a safetensors file.

    Raises:
        PackedFileError: It is none, or is cut short.
    """
    if len(content) <= LENGTH_BYTES:
        raise PackedFileError(f"it is cut short: it has {len(content)} bytes")
    if content[LENGTH_BYTES : LENGTH_BYTES + 1] != b"{":
        what = next((w for start, w in FOREIGN.items() if content.startswith(start)), UNKNOWN)
        raise PackedFileError(f"{what}; `groupnet-det export` makes packed files")
    end = header_end(content)
    if end - LENGTH_BYTES > MAX_HEADER_BYTES:
        raise PackedFileError("it is no packed file (what should be its header is too long)")
    if end > len(content):
        raise PackedFileError("it is cut short in its header, or no packed file")
    header = load_json(content[LENGTH_BYTES:end], "header")
    if not isinstance(header, dict):
        raise PackedFileError("it is no packed file (its header is no object)")
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise PackedFileError(f"its {METADATA} are not texts by name")
    return Container(content, header, metadata, memoryview(content)[end:])


def load_json(text: str | bytes, what: str) -> Any:
    """JSON as the standard has it: no NaN, no key twice, no endless numbers.

    Raises:
        PackedFileError: `text`, called `what`, is anything else, too long, or nested too deeply.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise PackedFileError(f"its {what} is not UTF-8") from error
    _check_values(decoded, what)
    try:
        return json.loads(
            decoded,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_int=_int,
            parse_float=_float,
        )
    except RecursionError as error:
        raise PackedFileError(f"its {what} is nested too deeply") from error
    except ValueError as error:  # PackedFileError is one
        raise PackedFileError(f"its {what} is no proper JSON: {error}") from error


def _check_values(text: str, what: str) -> None:
    # Each value but the first begins after one of these marks.
    if sum(map(text.count, ",[{")) > MAX_VALUES:
        raise PackedFileError(f"its {what} has more than {MAX_VALUES} values")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has a key twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a whole number has {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:MAX_DIGITS]} is too large")
    return value


def _check_entry(name: str, entry: Any) -> None:
    where = f"tensor {shortened(name)}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise PackedFileError(f"{where} has other members than dtype, shape and data_offsets")
    if entry["dtype"] not in list(DTYPES):
        raise PackedFileError(
            f"{where} has the type {shortened(entry['dtype'])}; valid: {list(DTYPES)}"
        )
    shape = entry["shape"]
    if not isinstance(shape, list) or not 1 <= len(shape) <= MAX_RANK:
        raise PackedFileError(f"{where} does not have a shape of 1 to {MAX_RANK} sizes")
    if not all(type(size) is int and size >= 1 for size in shape):
        raise PackedFileError(f"{where} has the shape {shape}; sizes are positive")
