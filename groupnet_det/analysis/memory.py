"""Memory of this process, now and at most."""

import resource
from contextlib import suppress
from pathlib import Path

import torch


def peak_resident_kib() -> int:
    """Largest resident size of this process so far; of this alone: Linux hands ``ru_maxrss`` down
    from the parent."""
    found = _status_kib("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if found is None else found


def peak_bytes(device: torch.device) -> int:
    """Most memory so far: of a GPU what its tensors took, else what this process did."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return 1024 * peak_resident_kib()


def peak_mib(device: torch.device) -> float:
    """`peak_bytes` in MiB."""
    return peak_bytes(device) / 2**20


def reset_peak(device: torch.device) -> None:
    """Let `peak_bytes` begin with the memory of now, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory_bytes(device: torch.device) -> int:
    """Memory now, of the same kind; or its peak if the system does not report that of a process."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    found = _status_kib("VmRSS")
    return peak_bytes(device) if found is None else 1024 * found


def _status_kib(key: str) -> int | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    (line,) = [line for line in status.read_text().splitlines() if line.startswith(f"{key}:")]
    return int(line.split()[1])
