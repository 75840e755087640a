"""Files whose ``info`` has members of other types: the C library refuses what Python refuses."""

import pytest

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.info import MEMBERS, check_info
from tests.packed.edits import edited, signed, split, with_info
from tests.packed.infos import VALUES, content_of, firsts

from .library import LibraryError

# A whole number of more than 64 bits is refused wherever it is.
READ_ALIKE = {name: value for name, value in VALUES.items() if name != "huge"}
# Some that a file is least likely to be tested with.
NESTED = {"texts": ["a"], "numbers by name": {"a": 1}, "too many bytes": {"a": 1 << 51}}
ALL = {**READ_ALIKE, **NESTED}
NAMES = ["x" * 100_000, "two\nlines\x1b[31m", "\u202eevil", "\u00e9" * 300]


def refusal(library, path):
    """Why the C library does not open a file; None where it does."""
    try:
        library.close(library.model(path))
    except LibraryError as error:
        return str(error)
    return None


def refused_by_python(info):
    try:
        check_info(info)
    except PackedFileError:
        return True
    return False


@pytest.mark.parametrize(
    "value", [*READ_ALIKE.values(), *NESTED.values()], ids=[*READ_ALIKE, *NESTED]
)
def test_members_are_checked_as_in_python(library, tmp_path, value):
    path = tmp_path / "a.gnp"
    content, info = content_of("classification", path)
    info["task"] = "other"  # of which nothing else is read
    for place in firsts(info):
        changed = edited(info, place, value)
        path.write_bytes(with_info(content, changed))
        message = refusal(library, path)
        assert (message is not None) == refused_by_python(changed), (place, message)
        if message is not None:
            assert f"cannot be used: info.{place[0]}" in message
            assert message.isprintable()
            assert len(message.encode()) < 512


@pytest.mark.parametrize("key", list(MEMBERS))
def test_every_member_has_its_type(library, tmp_path, key):
    content, info = content_of("classification", tmp_path / "a.gnp")
    (tmp_path / "a.gnp").write_bytes(with_info(content, {**info, "task": "other", key: 3}))
    assert f"info.{key} is not " in refusal(library, tmp_path / "a.gnp")


@pytest.mark.parametrize(
    "name", ["x" * 100_000, "two\nlines\x1b[31m", "\u202eevil", "\u00e9" * 300]
)
def test_names_of_tensors_are_cut_and_legible(library, tmp_path, name):
    path = tmp_path / "a.gnp"
    content, _ = content_of("classification", path)
    header, data = split(content)
    first = next(key for key in header if key != "__metadata__")
    header[name] = {**header.pop(first), "shape": [0]}
    path.write_bytes(signed(header, data))
    message = refusal(library, path)
    assert message.isprintable()
    assert message.endswith("has an impossible shape")
