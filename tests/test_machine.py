"""Description of the machine."""

import os

import pytest

from groupnet_det import machine
from groupnet_det.machine import multiplies_bfloat16, processor


def test_processor():
    name, _, cores = processor().rpartition(", ")
    assert name
    assert cores in (f"{os.cpu_count()} cores", "0 cores")  # where Linux does not list them


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("model name\t: a\nflags\t\t: fpu avx512_bf16 avx2\n\nflags\t\t: fpu\n", True),
        ("flags\t\t: fpu avx512f avx512_vnni\n", False),
        ("Features\t: fp asimd bf16\n", None),
        (None, None),
    ],
    ids=["AVX-512 with BF16", "AVX-512 without", "ARM", "not Linux"],
)
def test_bfloat16_instructions(tmp_path, monkeypatch, lines, expected):
    info = tmp_path / "cpuinfo"
    if lines is not None:
        info.write_text(lines)
    monkeypatch.setattr(machine, "CPU_INFO", info)
    assert multiplies_bfloat16() is expected
