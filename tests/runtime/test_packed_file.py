import json
import os
import pickle
import subprocess
import sys

import pytest
import safetensors.torch
import torch

from groupnet_det.errors import PackedFileError
from groupnet_det.runtime import packed_file
from groupnet_det.runtime.container import METADATA
from groupnet_det.runtime.packed_file import PackedFile, read_info, read_packed, write_packed
from tests.runtime.edits import (
    ABSENT,
    edited,
    joined,
    program_of,
    raw_joined,
    signed,
    split,
    with_checksum,
    with_program,
)
from tests.runtime.programs import example_packed_files, simple_example


def write(path, packed):
    write_packed(path, packed.program, packed.info, packed.tensors)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.gnp"


@pytest.fixture
def content(path):
    """Bytes of a file, which is there."""
    return write(path, simple_example(channels=3))


def refused(path, content, message=None):
    path.write_bytes(content)
    for read in (read_packed, read_info):
        with pytest.raises(PackedFileError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert len(str(caught.value)) < 600


def refused_when_read(path, content, message=None):
    """The container is right, what it says is not."""
    path.write_bytes(content)
    with pytest.raises(PackedFileError, match=message) as caught:
        read_packed(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "packed", [pytest.param(packed, id=name) for name, packed in example_packed_files()]
)
def test_round_trip(path, packed):
    write(path, packed)
    read = read_packed(path)
    assert isinstance(read, PackedFile)
    assert read.program == packed.program
    assert read.info == read_info(path) == packed.info
    assert set(read.tensors) == set(packed.tensors)
    for name, tensor in packed.tensors.items():
        assert read.tensors[name].dtype == tensor.dtype
        assert torch.equal(read.tensors[name], tensor)


WRITE_TO = """
import sys
from pathlib import Path
from tests.runtime.test_packed_file import write
from tests.runtime.programs import simple_example
write(Path(sys.argv[1]), simple_example(channels=3))
"""


def test_same_content_same_bytes(path, content, tmp_path, root):
    assert write(path, simple_example(channels=3)) == content
    other = tmp_path / "other.gnp"
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", WRITE_TO, other], env=environment, check=True)
    assert other.read_bytes() == content


def test_safetensors_reads_it_too(path, content):
    assert {t.dtype for t in safetensors.torch.load(content).values()} <= {
        torch.uint8,
        torch.int16,
        torch.float32,
    }
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata()["format"] == "groupnet_det.packed"
        assert file.metadata()["version"] == "1"


def test_weights_of_one_bit_take_one_bit(path):
    packed = simple_example(channels=256)
    signs = sum(t.numel() for t in packed.tensors.values() if t.dtype == torch.uint8)
    assert signs == 256 * 256 * 10 // 8
    rest = sum(t.numel() * t.itemsize for t in packed.tensors.values()) - signs
    assert len(write(path, packed)) < signs + rest + 6000


def test_views_and_shared_tensors_are_written(path):
    packed = simple_example(channels=3)
    names = [n for n, t in packed.tensors.items() if t.shape == (3,) and t.is_floating_point()]
    one = torch.randn(3, 2)[:, 0]
    tensors = {**packed.tensors, **dict.fromkeys(names, one)}
    write_packed(path, packed.program, packed.info, tensors)
    assert all(torch.equal(read_packed(path).tensors[name], one) for name in names)


def test_a_failed_write_leaves_the_older_file(path, content, monkeypatch):
    packed = simple_example(channels=4)
    with pytest.raises(PackedFileError, match=r"model\.gnp cannot be written: .*names the tensor"):
        write_packed(path, packed.program, packed.info, {})
    with pytest.raises(PackedFileError, match=r"cannot be written: .*JSON"):
        write_packed(path, packed.program, {"x": object()}, packed.tensors)
    with pytest.raises(PackedFileError, match="cannot be written"):
        write_packed(path, packed.program, {"x": float("nan")}, packed.tensors)
    monkeypatch.setattr(os, "replace", None)  # the moment before
    with pytest.raises(PackedFileError):
        write(path, packed)
    assert path.read_bytes() == content


def test_no_folder_no_file(tmp_path):
    with pytest.raises(PackedFileError, match=r"a\.gnp cannot be written"):
        write(tmp_path / "absent" / "a.gnp", simple_example(channels=3))


def test_absent(path):
    with pytest.raises(PackedFileError, match=r"model\.gnp: No such file"):
        read_packed(path)


def test_folders_and_devices_are_no_files(tmp_path):
    for other in (tmp_path, "/dev/zero"):
        with pytest.raises(PackedFileError):
            read_packed(other)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (lambda n, end: 0, "cut short"),
        (lambda n, end: 7, "cut short"),
        (lambda n, end: 8, "cut short"),
        (lambda n, end: end // 2, "cut short in its header"),
        (lambda n, end: end, "cut short: .* bytes are missing"),
        (lambda n, end: n - 1, "cut short: 1 bytes are missing"),
    ],
    ids=["empty", "length", "no-header", "half-header", "no-data", "last-byte"],
)
def test_truncated(path, content, keep, message):
    end = len(content) - len(split(content)[1])
    refused(path, content[: keep(len(content), end)], message)


def test_too_long(path, content):
    refused(path, content + b"\0" * 3, "3 bytes too many")


def test_flipped_bits_of_the_data(path, content):
    end = len(content) - len(split(content)[1])
    for place in range(end, len(content), 97):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        refused(path, bytes(damaged), "checksum is wrong")


def test_flipped_bits_of_the_header(path, content):
    end = len(content) - len(split(content)[1])
    for place in range(end):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place * 5 + place // 8) % 8
        path.write_bytes(bytes(damaged))
        with pytest.raises(PackedFileError):
            read_packed(path)


@pytest.mark.parametrize("version", ["0", "2", "", "1.0"])
def test_other_versions(path, content, version):
    header, data = split(content)
    header = edited(header, (METADATA, "version"), version)
    refused(path, joined(header, data), "it has the version .* reads '1'; export it anew")


@pytest.mark.parametrize("key", ["version", "crc32", "program", "info", "format"])
def test_missing_metadata(path, content, key):
    header, data = split(content)
    refused(path, joined(edited(header, (METADATA, key), ABSENT), data))


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}, None], ids=str)
def test_plain_safetensors_files(path, metadata):
    state = {"fc.weight": torch.zeros(2, 3, dtype=torch.float16)}
    refused(path, safetensors.torch.save(state, metadata), "holds no packed network; tools/exp")


def test_checkpoints_of_torch(path):
    torch.save({"a": torch.zeros(3)}, path)
    refused(path, path.read_bytes(), r"a checkpoint of PyTorch.*tools/export_packed\.py")
    torch.save({"a": torch.zeros(3)}, path, _use_new_zipfile_serialization=False)
    refused(path, path.read_bytes(), "a pickle")
    refused(path, pickle.dumps({"a": 1}, protocol=4), "a pickle")


@pytest.mark.parametrize(
    "content",
    [b"no packed file at all", b"\0" * 100, b"\xff" * 100, b"{}"],
    ids=["text", "zeros", "ones", "json"],
)
def test_other_files(path, content):
    refused(path, content, "no packed file|cut short")


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
    ],
    ids=[
        *("open", "number", "no-text", "twice", "nan", "digits", "infinite", "utf-8"),
        *("deep-object", "deep-list", "two"),
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
        return joined(signed(header, data), data)
    except UnicodeEncodeError:  # half of a surrogate pair has no checksum
        return joined(header, data)


def test_info_that_is_no_object(path, content):
    header, data = split(content)
    for info in ("3", "[]", "", '{"a": 1, "a": 1}'):
        changed = signed(edited(header, (METADATA, "info"), info), data)
        refused(path, joined(changed, data), "info")


def test_nothing_that_a_file_names_is_opened(path, content, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    program = edited(program_of(content), ("steps", 0, "weight"), f"../{secret.name}")
    refused_when_read(path, with_program(content, program), "names the tensor .*which is absent")


def test_a_tensor_that_no_step_names(path, content):
    packed = simple_example(channels=3)
    tensors = {**packed.tensors, "more": torch.zeros(1)}
    with pytest.raises(PackedFileError, match=r"no step names the tensors \['more'\]"):
        write_packed(path, packed.program, packed.info, tensors)


def test_long_texts_are_not_repeated(path, content):
    program = edited(program_of(content), ("steps", 0, "op"), "x" * 100_000)
    refused_when_read(path, with_program(content, program), "has the op 'xxx")


def test_files_of_a_bounded_size(path, content, monkeypatch):
    monkeypatch.setattr(packed_file, "MAX_BYTES", len(content) - 1)
    refused(path, content, f"has {len(content)} bytes; the limit is")
    with pytest.raises(PackedFileError, match="the limit is"):
        write(path, simple_example(channels=3))


def test_checksum_is_that_of_the_documentation(path, content):
    import zlib

    header, data = split(content)
    metadata = header[METADATA]
    text = metadata["program"].encode() + metadata["info"].encode() + data
    assert metadata["crc32"] == f"{zlib.crc32(text):08x}"
    assert json.loads(metadata["info"])["task"] == "classification"
    path.write_bytes(with_checksum(content))
    assert read_packed(path).program == simple_example(channels=3).program
