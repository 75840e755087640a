"""Free memory, of the machine and of control groups of both versions, from files like Linux'."""

import pytest

from groupnet_det.engine.memory.free_memory import free_bytes

MIB = 2**20


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))


def test_without_groups_it_is_what_the_machine_has(tmp_path):
    write(tmp_path, {"proc/meminfo": "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable: 4096 kB\n"})
    assert free_bytes(tmp_path) == 4 * MIB


@pytest.mark.parametrize(
    ("limit", "expected"), [("max", 800), (500 * MIB, 220), (100 * MIB, 0)], ids=str
)
def test_the_second_version_with_its_cache(tmp_path, limit, expected):
    group = "sys/fs/cgroup/box"
    files = {
        "proc/meminfo": f"MemAvailable: {800 * 1024} kB\n",
        "proc/self/cgroup": "0::/box\n",
        f"{group}/memory.max": limit,
        f"{group}/memory.current": 300 * MIB,
        f"{group}/memory.stat": f"anon 1\ninactive_file {20 * MIB}\n",
    }
    write(tmp_path, files)
    assert free_bytes(tmp_path) == expected * MIB


def test_the_narrowest_of_nested_groups_counts(tmp_path):
    files = {"proc/self/cgroup": "0::/outer/inner\n"}
    for folder, limit in (("outer", 100), ("outer/inner", 900)):
        files[f"sys/fs/cgroup/{folder}/memory.max"] = limit * MIB
        files[f"sys/fs/cgroup/{folder}/memory.current"] = 40 * MIB
    write(tmp_path, files)
    assert free_bytes(tmp_path) == 60 * MIB


def test_the_first_version_in_a_container_that_sees_the_path_of_its_host(tmp_path):
    files = {
        "proc/self/cgroup": "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/docker/1\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": 200 * MIB,
        "sys/fs/cgroup/memory/memory.usage_in_bytes": 50 * MIB,
        "sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {10 * MIB}\n",
    }
    write(tmp_path, files)
    assert free_bytes(tmp_path) == 160 * MIB


def test_a_system_that_does_not_say(tmp_path):
    assert free_bytes(tmp_path) is None
