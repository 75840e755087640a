"""The packed file: safetensors with a program, read as data that nobody vouches for."""

import json
import os
import stat
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from groupnet_det.errors import PackedFileError, shortened

from .container import DTYPES, Container, header_end, load_json, parse_container
from .info import FEWER_BASES, check_info
from .program import Program, named_tensors
from .program_json import from_json, to_json
from .validation import validate

FORMAT = "groupnet_det.packed"
VERSION = "1"
MAX_BYTES = 1 << 30  # of a file; a ResNet-50 with eight branches has a tenth
CRC_KEY = b'"crc32":"'
CRC_DIGITS = 8
MAX_REASON = 400  # characters of a message that may quote the file

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class PackedFile:
    """The content of a packed file.

    Attributes:
        program: What is computed.
        info: For people and tools, see docs/reference/packed-format.md.
        tensors: The tensors that the program names.
    """

    program: Program
    info: dict[str, Any]
    tensors: dict[str, Tensor]

    def with_bases(self, number: int | None) -> "PackedFile":
        """The network with so many bases, as if the file had it alone; the whole file for None.

        Raises:
            ConfigError: The file has no such network.
        """
        if number is None:
            return self
        program = self.program.with_bases(number)
        info = {key: value for key, value in self.info.items() if key != FEWER_BASES}
        info.update((self.info.get(FEWER_BASES) or {}).get(str(number), {}))
        return PackedFile(program, info, named_tensors(program, self.tensors))


def write_packed(
    path: PathLike, program: Program, info: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write a complete packed file, or none; the same content gives the same bytes.

    Args:
        path: The new file; an older one is replaced.
        program, tensors: A valid network; the tensors may be on any device.
        info: What JSON can hold.

    Raises:
        PackedFileError: The program or `info` is not valid, or `path` cannot be written.
    """
    try:
        own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        validate(program, own)
        check_info(info)
        data = _to_bytes(program, info, own)
        if len(data) > MAX_BYTES:
            raise PackedFileError(f"it would have {len(data)} bytes; the limit is {MAX_BYTES}")
        partial = Path(f"{os.fspath(path)}.partial")
        partial.write_bytes(data)
        os.replace(partial, path)
    except (PackedFileError, OSError, TypeError, ValueError) as error:
        raise PackedFileError(f"{os.fspath(path)} cannot be written: {error}") from error


def read_packed(path: PathLike) -> PackedFile:
    """Read and validate a packed file. Nothing that it says is run, opened or believed unchecked.

    Raises:
        PackedFileError: The file is missing, cut short, damaged, of another version or kind, its
            program is not valid, or its info has a member of another type.
    """
    try:
        container = _read_container(path)
        program = from_json(load_json(container.metadata["program"], "program"))
        tensors = _tensors(container)
        validate(program, tensors)
        return PackedFile(program, _info(container), tensors)
    except Exception as error:  # whatever the readers stumble over, of a file made to break them
        raise error_about(path, error) from error


def read_info(path: PathLike) -> dict[str, Any]:
    """The ``info`` of a packed file.

    Raises:
        PackedFileError: See `read_packed`; the program is not checked.
    """
    try:
        return _info(_read_container(path))
    except Exception as error:  # as above
        raise error_about(path, error) from error


def checksum(content: bytes) -> str:
    """CRC-32 of a whole file in which the digits of the checksum are zeros, as 8 digits.

    Raises:
        PackedFileError: The file has no such digits, or has them twice.
    """
    place = _digits_of_checksum(content)
    blank = content[: place.start] + b"0" * CRC_DIGITS + content[place.stop :]
    return f"{zlib.crc32(blank):08x}"


def with_checksum(content: bytes) -> bytes:
    """The file with the checksum that it should have."""
    place = _digits_of_checksum(content)
    return content[: place.start] + checksum(content).encode() + content[place.stop :]


def _digits_of_checksum(content: bytes) -> slice:
    # Within the texts of a header, quotation marks have a backslash before them.
    header = content[: header_end(content)]
    start = header.find(CRC_KEY) + len(CRC_KEY)
    if header.count(CRC_KEY) != 1 or header[start + CRC_DIGITS : start + CRC_DIGITS + 1] != b'"':
        raise PackedFileError("its header has not one checksum of 8 digits")
    return slice(start, start + CRC_DIGITS)


def error_about(path: PathLike, error: Exception) -> PackedFileError:
    """One line about a file, however long, and of whatever characters, the texts in it are."""
    reason = f"it cannot be read: {type(error).__name__}: {error}"
    if isinstance(error, PackedFileError):
        reason = str(error)
    elif isinstance(error, OSError):
        reason = error.strerror or reason
    short = reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}..."
    short = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)
    return PackedFileError(f"packed file {os.fspath(path)}: {short}")


def _read_container(path: PathLike) -> Container:
    container = parse_container(_read_bytes(path))
    metadata = container.metadata
    if metadata.get("format") != FORMAT:
        raise PackedFileError(
            "it is a safetensors file, but holds no packed network; `groupnet-det export` makes "
            "packed files"
        )
    if metadata.get("version") != VERSION:
        raise PackedFileError(
            f"it has the version {shortened(metadata.get('version'))}, and this groupnet_det reads "
            f"{VERSION!r}; export it again, or install the groupnet_det that it was made with"
        )
    missing = {"crc32", "program", "info"} - set(metadata)
    if missing:
        raise PackedFileError(f"its header lacks {sorted(missing)}")
    container.check_tensors()
    if metadata["crc32"] != checksum(container.content):
        raise PackedFileError(
            "its checksum is wrong: the file is damaged; fetch or export it again"
        )
    return container


def _read_bytes(path: PathLike) -> bytes:
    status = os.stat(path)  # before it is opened, which waits for a writer where it is a pipe
    if not stat.S_ISREG(status.st_mode):
        raise PackedFileError("it is not a plain file")
    if status.st_size > MAX_BYTES:
        raise PackedFileError(f"it has {status.st_size} bytes; the limit is {MAX_BYTES}")
    with open(path, "rb") as file:
        return file.read(status.st_size)


def _tensors(container: Container) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(container.content)
    except safetensors.SafetensorError as error:
        reason = str(error).removeprefix("Error while deserializing: ")
        raise PackedFileError(f"its header is wrong about its tensors: {reason}") from error


def _info(container: Container) -> dict[str, Any]:
    info = load_json(container.metadata["info"], "info")
    if not isinstance(info, dict):
        raise PackedFileError(f"its info is of the type {type(info).__name__}, not an object")
    check_info(info)
    return info


def _to_bytes(program: Program, info: Mapping[str, Any], tensors: dict[str, Tensor]) -> bytes:
    wrong = {str(t.dtype) for t in tensors.values()} - {str(t) for t in DTYPES.values()}
    if wrong:
        raise PackedFileError(f"tensors have the types {sorted(wrong)}; valid: {list(DTYPES)}")
    texts = {
        "program": json.dumps(to_json(program), allow_nan=False, separators=(",", ":")),
        "info": json.dumps(dict(info), allow_nan=False, separators=(",", ":")),
    }
    # safetensors orders metadata at random: its header is written again around its data.
    whole = safetensors.torch.save({name: tensor.clone() for name, tensor in tensors.items()})
    parsed = parse_container(whole)
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "crc32": "0" * CRC_DIGITS,
        **texts,
    }
    return with_checksum(parsed.with_metadata(metadata))
