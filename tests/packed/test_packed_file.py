import json
import os
import pickle
import subprocess
import sys

import pytest
import safetensors.torch
import torch

from groupnet_det.errors import PackedFileError
from groupnet_det.packed import packed_file
from groupnet_det.packed.container import METADATA
from groupnet_det.packed.packed_file import PackedFile, read_info, read_packed, write_packed

from .edits import MISSING, edited, joined, program_of, split, with_checksum, with_program
from .programs import example_packed_files, simple_example
from .refusals import refused, refused_when_read, write


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
from tests.packed.refusals import write
from tests.packed.refusals import refused, refused_when_read, write
from tests.packed.programs import simple_example
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


def test_missing(path):
    with pytest.raises(PackedFileError, match=r"model\.gnp: No such file"):
        read_packed(path)


def test_folders_devices_and_pipes_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, "/dev/zero", tmp_path / "pipe"):
        with pytest.raises(PackedFileError, match=f"{other}: it is not a plain file"):
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
    refused(path, joined(header, data), "it has the version .* reads '1'; export it again")


@pytest.mark.parametrize("key", ["version", "crc32", "program", "info", "format"])
def test_missing_metadata(path, content, key):
    header, data = split(content)
    refused(path, joined(edited(header, (METADATA, key), MISSING), data))


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}, None], ids=str)
def test_plain_safetensors_files(path, metadata):
    state = {"fc.weight": torch.zeros(2, 3, dtype=torch.float16)}
    refused(path, safetensors.torch.save(state, metadata), "holds no packed network; `groupnet")


def test_checkpoints_of_torch(path):
    torch.save({"a": torch.zeros(3)}, path)
    refused(path, path.read_bytes(), r"a checkpoint of PyTorch.*groupnet-det export")
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

    header, _ = split(content)
    digits = header[METADATA]["crc32"]
    blank = content.replace(f'"crc32":"{digits}"'.encode(), b'"crc32":"00000000"')
    assert digits == f"{zlib.crc32(blank):08x}"
    assert json.loads(header[METADATA]["info"])["task"] == "classification"
    path.write_bytes(with_checksum(content))
    assert read_packed(path).program == simple_example(channels=3).program
