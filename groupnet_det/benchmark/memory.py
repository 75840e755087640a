"""How much memory something takes at most."""

import resource
from pathlib import Path

import torch


def peak_resident_kib() -> int:
    """Largest resident size of this process so far; of this alone: Linux hands ``ru_maxrss`` down
    from the parent."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


def peak_mib(device: torch.device) -> float:
    """Most memory so far, in MiB: of a GPU what its tensors took, else what this process did."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return peak_resident_kib() / 1024
