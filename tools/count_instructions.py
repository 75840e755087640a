#!/usr/bin/env python3
"""Count the ARM instructions of networks under an emulator, and model two cores with them.

  make benchmark-arm
  python tools/count_instructions.py
  python tools/count_instructions.py --model "K = 4"

Counts what a run of each model in groupnet-benchmark executes with one thread, by a plugin of
qemu-aarch64 (5 to 8), once with the instructions that every 64-bit ARM has (Cortex-A72) and once
with dot products of bytes (Cortex-A76). The cycles are those of a MODEL, a lower bound:
groupnet_det/benchmark/device/arm_cycles.py.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

from groupnet_det.benchmark.device.arm_cycles import (
    CORTEX_A72,
    CORTEX_A76,
    least_cycles,
    read_counts,
)
from groupnet_det.errors import ExtensionError, UserError
from groupnet_det.runtime.backends.native_build import TARGETS, run

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/aarch64/benchmark/groupnet-benchmark"
PLUGIN = Path(__file__).with_name("instruction_counts.c")
CORES = ((CORTEX_A72, "neon"), (CORTEX_A76, "neon_dot"))
RUNS_OF_A_ROUND = 2  # one that wakes threads, and one that is timed


def count_run(model: str, isa: str, folder: Path) -> dict[tuple[str, str], int]:
    """Instructions of one run: those of two rounds less those of one."""
    one, two = (_count(model, isa, folder, rounds) for rounds in (1, 2))
    return {key: (count - one.get(key, 0)) // RUNS_OF_A_ROUND for key, count in two.items()}


def _count(model: str, isa: str, folder: Path, rounds: int) -> dict[tuple[str, str], int]:
    plugin, output = folder / "plugin.so", folder / "counts"
    if not plugin.is_file():
        run("cc", "-shared", "-fPIC", "-O2", PLUGIN, "-o", plugin)
    options = ["--model", model, "--threads", "1", "--burst-ms", "1", "--rounds", str(rounds)]
    command = ["qemu-aarch64", "-plugin", f"{plugin},counts={output}", str(PROGRAM), *options]
    environment = {**os.environ, "GROUPNET_DET_ISA": isa}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode or not output.is_file():
        raise ExtensionError(f"qemu-aarch64 with a plugin failed: {done.stderr.strip()[-200:]}")
    return read_counts(output.read_text())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="K = 1", help="the text in the name of one (K = 1)")
    arguments = parser.parse_args()
    rows = []
    try:
        TARGETS["arm"].check()
        if not PROGRAM.is_file():
            raise ExtensionError(f"{PROGRAM} is missing; run `make benchmark-arm`")
        with tempfile.TemporaryDirectory() as name:
            for core, isa in CORES:
                counts = count_run(arguments.model, isa, Path(name))
                cycles = least_cycles(counts, core)
                rows.append(
                    {
                        "core": core.name,
                        "isa": isa,
                        "instructions, M": sum(counts.values()) / 1e6,
                        **{f"{what}, Mcycles": n / 1e6 for what, n in cycles.items()},
                        "MODEL, ms at least": max(cycles.values()) / core.clock_ghz / 1e6,
                    }
                )
                most = sorted(counts.items(), key=lambda item: -item[1])[:12]
                print(isa, {" ".join(key): count for key, count in most})
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for row in rows:
        print("\n" + tabulate(row.items(), floatfmt=".1f"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
