"""Files whose ``info`` has members of other types: refused at opening, in one line."""

import contextlib

import numpy as np
import pytest

from groupnet_det.errors import PackedFileError, UserError
from groupnet_det.packed.info import MEMBERS
from groupnet_det.packed.packed_file import read_info, read_packed, write_packed
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.predictor import PackedPredictor

from .edits import MISSING, edited, with_info
from .infos import FILES, VALUES, content_of, firsts
from .mutations import value_at
from .programs import simple_example
from .refusals import write

IMAGE = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
LONG = 600  # characters that no message has


def message_at_opening(path):
    """Of the error, if there is one: one line, whatever the file says."""
    try:
        predictor = PackedPredictor(path, backend="reference")
    except PackedFileError as error:
        message = str(error)
        assert message.startswith(f"packed file {path}: ")
        assert message.isprintable()
        assert len(message) < LONG + len(str(path))
        return message
    with contextlib.suppress(UserError):  # what depends on the image
        predictor(IMAGE)
    return None


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("task", FILES)
def test_any_member_may_be_anything(tmp_path, task, value):
    path = tmp_path / "a.gnp"
    content, info = content_of(task, path)
    assert message_at_opening(path) is None
    refused = 0
    for place in firsts(info):
        path.write_bytes(with_info(content, edited(info, place, value)))
        message = message_at_opening(path)
        refused += message is not None
        if message is None or value is MISSING or value is None:
            continue
        key = next(key for key in reversed(place) if isinstance(key, str))
        if type(value) is not type(value_at(info, place)) and place[0] in MEMBERS:
            assert key in message or place[-2] in message
    assert refused > 0


OF_OTHER_TYPES = [
    (key, value)
    for key in MEMBERS
    for value in (True, 0.5, 3, [["a"]], {"a": []})
    if MEMBERS[key] is not type(value)
]


@pytest.mark.parametrize(("key", "value"), OF_OTHER_TYPES, ids=repr)
def test_every_member_has_its_type(path, content, key, value):
    """Whatever reads the file, and the message names the member."""
    path.write_bytes(with_info(content, {"task": "other", key: value}))
    for read in (read_packed, read_info):
        with pytest.raises(PackedFileError, match=rf"info\.{key}"):
            read(path)


@pytest.mark.parametrize("kind", [[], {}, ["rcnn"], {"rcnn": 1}, 3, None, True], ids=repr)
@pytest.mark.parametrize("key", ["preprocessing", "postprocessing"])
def test_kinds_that_are_no_text(path, content, key, kind):
    path.write_bytes(with_info(content, {"task": "detection", key: {"kind": kind}}))
    with pytest.raises(PackedFileError, match=rf"info\.{key}\.kind is of the type \w+, not str"):
        read_packed(path)


def test_what_cannot_be_read_is_not_written(path):
    packed = simple_example(channels=3)
    with pytest.raises(PackedFileError, match=r"cannot be written: info\.sizes\.a is -1"):
        write_packed(path, packed.program, {"sizes": {"a": -1}}, packed.tensors)
    assert not path.exists()


@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
def test_the_engine_opens_what_the_reference_opens(tmp_path):
    for task in FILES:
        _, info = content_of(task, tmp_path / "a.gnp")
        assert PackedPredictor(tmp_path / "a.gnp").info == info


def test_members_that_are_unknown_or_null_are_left_alone(path):
    packed = simple_example(channels=3)
    packed.info.update({"note": [1], **dict.fromkeys(MEMBERS)})
    write(path, packed)
    assert read_info(path)["note"] == [1]
