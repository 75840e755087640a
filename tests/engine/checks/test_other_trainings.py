"""Other trainings on the same cores are seen while they run, and no longer."""

import os
import subprocess
import sys

import pytest

from groupnet_det.engine.checks.other_trainings import (
    SOCKETS,
    RunningTraining,
    announce,
    crowding,
    running_trainings,
    this_training,
)

pytestmark = pytest.mark.skipif(not SOCKETS.exists(), reason="only Linux tells of sockets")

OWN = RunningTraining(process=1, threads=2, cores=0b0011)
ANNOUNCE = """
import sys
from groupnet_det.engine.checks.other_trainings import announce, this_training
kept = announce(this_training())
print("announced", flush=True)
sys.stdin.read()
"""


def processes():
    return {training.process for training in running_trainings()}


def test_a_training_is_seen_until_its_process_ends_however_that_is():
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", ANNOUNCE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "announced\n"
        assert other.pid in processes()
        other.kill()
    assert other.pid not in processes()


def test_a_loader_process_does_not_keep_a_training_known():
    kept = announce(RunningTraining(process=os.getpid(), threads=7, cores=1))
    waiting, go_on = os.pipe()
    read, ready = os.pipe()
    child = os.fork()
    if not child:
        os.close(go_on)
        os.write(ready, b"x")
        os.read(waiting, 1)  # until the parent closes its end
        os._exit(0)
    try:
        os.read(read, 1)
        assert os.getpid() in processes()
        kept.close()
        assert os.getpid() not in processes()
    finally:
        os.close(go_on)
        os.waitpid(child, 0)
        for end in (waiting, read, ready):
            os.close(end)


def test_names_of_other_programs_are_no_trainings(tmp_path):
    own = this_training()
    names = [f"@{own.name}", "@groupnet_det-training:x:1:f", "@groupnet_det-training", "/run/a"]
    path = tmp_path / "unix"
    path.write_text("Num RefCount\n" + "".join(f"0: 2 0 0 2 1 9 {name}\n" for name in names))
    assert running_trainings(path) == [own]


@pytest.mark.parametrize(
    ("threads", "cores", "told"),
    [(2, 0b0011, "4 threads for 2 cores"), (2, 0b0111, "4 threads for 3"), (3, 0b1111, "5 thr")],
    ids=["same", "overlapping", "many threads"],
)
def test_more_threads_than_cores_are_reported(threads, cores, told):
    other = RunningTraining(process=7, threads=threads, cores=cores)
    found = crowding(OWN, [OWN, other])
    assert found is not None
    assert told in found
    assert "process 7" in found


@pytest.mark.parametrize(
    ("threads", "cores"), [(9, 0b1100), (2, 0b1111)], ids=["other cores", "cores enough"]
)
def test_trainings_that_do_not_disturb_are_not_reported(threads, cores):
    other = RunningTraining(process=7, threads=threads, cores=cores)
    assert crowding(OWN, [other, OWN]) is None
