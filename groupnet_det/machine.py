"""The machine that this process runs on."""

import platform
from pathlib import Path


def processor() -> str:
    """The processor's name where Linux reports it, and the number of its cores."""
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else [])
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.processor()}, {len(names)} cores"
