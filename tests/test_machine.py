"""Description of the machine."""

import os

from groupnet_det.machine import processor


def test_processor():
    name, _, cores = processor().rpartition(", ")
    assert name
    assert cores in (f"{os.cpu_count()} cores", "0 cores")  # where Linux does not list them
