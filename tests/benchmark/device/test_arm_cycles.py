"""The model of ARM cores: a loop by hand, and the counts of the plugin."""

import shutil
import subprocess

import pytest

from groupnet_det.benchmark.device.arm_cycles import (
    CORTEX_A72,
    CORTEX_A76,
    least_cycles,
    read_counts,
)

# What the inner loop of the binary convolution of two pixels executes for a pair of words.
LOOP = {
    ("eor", "v"): 24,
    ("bit", "v"): 8,
    ("cnt", "v"): 8,
    ("add", "v"): 8,
    ("dup", "v"): 3,
    ("ld1r", "v"): 1,
    ("ldp", "q"): 4,
    ("add", "x"): 3,
}


def test_loop_by_hand():
    a72 = least_cycles(LOOP, CORTEX_A72)
    assert a72 == {
        "vector pipes": (24 + 2 * 8 + 8 + 8 + 3 + 1) / 2,
        "multiplier": 0,
        "loads": 1 + 2 * 4,
        "stores": 0,
        "dispatch": 59 / 3,
    }
    a76 = least_cycles(LOOP, CORTEX_A76)
    assert a76 == {
        "vector pipes": (24 + 8 + 8 + 8 + 3 + 1) / 2,
        "multiplier": 0,
        "loads and stores": 9 / 2,
        "dispatch": 59 / 4,
    }


@pytest.mark.parametrize(
    ("instruction", "what", "a72", "a76"),
    [
        (("fmla", "v"), "vector pipes", 1, 0.5),
        (("scvtf", "v"), "vector pipes", 1, 0.5),
        (("uadalp", "v"), "vector pipes", 0.5, 0.5),
        (("smull", "v"), "multiplier", 1, 1),
        (("fmul", "v"), "multiplier", 0, 0),
        (("fmul", "s"), "vector pipes", 0, 0),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_single_instructions(instruction, what, a72, a76):
    cycles = [least_cycles({instruction: 1}, core)[what] for core in (CORTEX_A72, CORTEX_A76)]
    assert cycles == [a72, a76]


@pytest.mark.parametrize(("name", "kind", "operations"), [("str", "q", 2), ("stp", "q", 4)])
def test_stores(name, kind, operations):
    assert least_cycles({(name, kind): 1}, CORTEX_A72)["stores"] == operations
    assert least_cycles({(name, kind): 1}, CORTEX_A76)["loads and stores"] == operations / 2


def test_counts_of_lines():
    text = "3 eor v\n10 add x\n2 ret\n4 eor v\n"
    assert read_counts(text) == {("eor", "v"): 7, ("add", "x"): 10, ("ret", ""): 2}


@pytest.mark.skipif(
    not all(map(shutil.which, ("qemu-aarch64", "aarch64-linux-gnu-gcc", "cc"))),
    reason="qemu-user or a compiler is missing",
)
def test_plugin(root, tmp_path):
    program, plugin = tmp_path / "program", tmp_path / "plugin.so"
    (tmp_path / "program.c").write_text(
        "int main(void) {\n"
        '  for (int i = 0; i < 1000; ++i) asm volatile("cnt v0.16b, v1.16b" ::: "v0");\n'
        "}\n"
    )
    compilers = {
        program: ("aarch64-linux-gnu-gcc", "-static", "-O2", tmp_path / "program.c"),
        plugin: ("cc", "-shared", "-fPIC", root / "tools/instruction_counts.c"),
    }
    for made, command in compilers.items():
        subprocess.run([*command, "-o", made], check=True)
    output = tmp_path / "counts"
    command = ["qemu-aarch64", "-plugin", f"{plugin},counts={output}", program]
    if subprocess.run(command).returncode or not output.is_file():
        pytest.skip("this qemu-aarch64 takes no plugin of this kind")
    counts = read_counts(output.read_text())
    assert counts[("cnt", "v")] == 1000
    assert sum(counts.values()) > 3000
