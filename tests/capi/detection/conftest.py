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


@pytest.fixture
def write_detector(tmp_path):
    """Write a packed dense detector, ``write_detector(edge=(40, 0), topk=3, info={...})``."""

    def write(edge=(0, 0), *, centerness=True, **options):
        if not centerness:
            options = {"kind": "retinanet", "score": "sigmoid", **options}
        packed, path = dense_detector(), tmp_path / "detector.gnp"
        info = changed(packed, edge=edge, **options)
        write_packed(path, packed.program, info, packed.tensors)
        return path

    return write


@pytest.fixture
def write_regions(tmp_path):
    """The same of a cascade of two stages, with masks."""

    def write(edge=(0, 0), **options):
        packed, path = region_detector(), tmp_path / "regions.gnp"
        info = changed(packed, edge=edge, **options)
        write_packed(path, packed.program, info, packed.tensors)
        return path

    return write


@pytest.fixture
def write_panoptic(tmp_path):
    """The same with labels of stuff."""

    def write(edge=(0, 0), **options):
        packed, path = panoptic_network(), tmp_path / "panoptic.gnp"
        info = changed(packed, edge=edge, **options)
        write_packed(path, packed.program, info, packed.tensors)
        return path

    return write
