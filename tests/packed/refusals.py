"""Assertion that a reader refuses a file and names the reason."""

import pytest

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.packed_file import read_info, read_packed, write_packed
from groupnet_det.packed.program_json import from_json, to_json
from groupnet_det.packed.validation import validate

from .edits import edited


def write(path, packed):
    """Write a `PackedFile`; returns the bytes."""
    write_packed(path, packed.program, packed.info, packed.tensors)
    return path.read_bytes()


def refused(path, content, message=None):
    """Neither the network nor the info of these bytes is read."""
    for read in (read_packed, read_info):
        _refused_by(read, path, content, message)


def refused_when_read(path, content, message=None):
    """The container and the info of these bytes are right, the network is not."""
    _refused_by(read_packed, path, content, message)


def _refused_by(read, path, content, message):
    path.write_bytes(content)
    with pytest.raises(PackedFileError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 600


def refused_with(packed, path, value, message):
    """A valid network is none with that member of its program changed."""
    validate(packed.program, packed.tensors)
    tree = edited(to_json(packed.program), path, value)
    with pytest.raises(PackedFileError, match=message):
        validate(from_json(tree), packed.tensors)
