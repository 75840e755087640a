"""Memory that this process may still take: of the machine, and of the control groups it runs in."""

from collections.abc import Iterator
from pathlib import Path

# Files by the version of control groups: limit, use, and what of the use is given back when needed.
LIMITS = {
    "v2": ("memory.max", "memory.current", "inactive_file"),
    "v1": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def free_bytes(root: Path = Path("/")) -> int | None:
    """Bytes that can be taken without a process being killed; None if the system does not say.

    Args:
        root: Root of the file system that contains ``proc`` and ``sys``.
    """
    found = [*_available(root), *_left_in_groups(root)]
    return max(0, min(found)) if found else None


def _available(root: Path) -> Iterator[int]:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            yield 1024 * int(line.split()[1])


def _left_in_groups(root: Path) -> Iterator[int]:
    """Bytes left in the group of this process and in all groups that contain it."""
    mount = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            yield from _left_on_the_way(mount, path, *LIMITS["v2"])
        elif "memory" in controllers.split(","):
            yield from _left_on_the_way(mount / "memory", path, *LIMITS["v1"])


def _left_on_the_way(mount: Path, path: str, limit: str, use: str, cache: str) -> Iterator[int]:
    # A container may see the path of its host, of which only the last folder, the mount, is there.
    folder = mount / path.strip("/")
    for group in (folder, *folder.parents):
        most, used = _read(group / limit).strip(), _read(group / use).strip()
        if most.isdigit() and used.isdigit():  # "max" is none
            statistics = dict(line.split() for line in _read(group / "memory.stat").splitlines())
            yield int(most) - int(used) + int(statistics.get(cache, 0))
        if group == mount:
            return


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
