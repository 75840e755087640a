"""That a reader refuses a file, saying which and why."""

import pytest

from groupnet_det.errors import PackedFileError
from groupnet_det.runtime.packed_file import read_info, read_packed, write_packed


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
