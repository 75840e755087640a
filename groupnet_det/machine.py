"""The machine that this process runs on."""

import platform
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def processor() -> str:
    """The processor's name where Linux reports it, and the number of its cores."""
    names = _values("model name")
    return f"{names[0] if names else platform.processor()}, {len(names)} cores"


def multiplies_bfloat16() -> bool | None:
    """Whether this x86 processor has instructions for products of bfloat16 numbers, without which
    mixed precision is slower than float32; None where Linux does not report it."""
    flags = _values("flags")
    return bool(BFLOAT16_FLAGS & set(flags[0].split())) if flags else None


def _values(key: str) -> list[str]:
    """What Linux says under a key, once for each core."""
    pairs = [line.partition(":") for line in _lines()]
    return [value.strip() for name, _, value in pairs if name.strip() == key]


def _lines() -> list[str]:
    return CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
