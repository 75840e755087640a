"""Packed detectors of a few steps."""

import copy

import pytest

from groupnet_det.packed.packed_file import write_packed
from tests.runtime.small_detectors import dense_detector, panoptic_network, region_detector


def changed(packed, *, edge=(0, 0), format="BGR", info=None, **options):
    """A detector with another preprocessing, members of `info` and of its postprocessing."""
    members = copy.deepcopy(packed.info)
    names = ("kind", "min_size", "max_size", "format")
    members["preprocessing"] = dict(zip(names, ("shortest_edge", *edge, format), strict=True))
    members["postprocessing"].update(options)
    members.update(info or {})
    return {key: value for key, value in members.items() if value is not None}


def writer(path, make):
    """A function that writes the detector `make()` as `changed` wants it, and gives its path."""

    def write(edge=(0, 0), **options):
        packed = make()
        info = changed(packed, edge=edge, **options)
        write_packed(path, packed.program, info, packed.tensors)
        return path

    return write


@pytest.fixture
def write_detector(tmp_path):
    """Write a packed dense detector, ``write_detector(edge=(40, 0), topk=3, info={...})``."""
    write = writer(tmp_path / "detector.gnp", dense_detector)

    def with_centerness(edge=(0, 0), *, centerness=True, **options):
        plain = {} if centerness else {"kind": "retinanet", "score": "sigmoid"}
        return write(edge, **{**plain, **options})

    return with_centerness


@pytest.fixture
def write_regions(tmp_path):
    """The same of a cascade of two stages, with masks."""
    return writer(tmp_path / "regions.gnp", region_detector)


@pytest.fixture
def write_panoptic(tmp_path):
    """The same with labels of stuff."""
    return writer(tmp_path / "panoptic.gnp", panoptic_network)
