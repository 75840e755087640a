"""Packed detectors of a few steps."""

import copy

import pytest

from groupnet_det.packed.packed_file import write_packed
from tests.runtime.small_detectors import dense_detector


@pytest.fixture
def write_detector(tmp_path):
    """Write a packed detector, ``write_detector(edge=(40, 0), topk=3, info={...})``."""

    def write(edge=(0, 0), format="BGR", *, centerness=True, info=None, **options):
        packed = dense_detector()
        members = copy.deepcopy(packed.info)
        members["preprocessing"] = {
            "kind": "shortest_edge",
            "min_size": edge[0],
            "max_size": edge[1],
            "format": format,
        }
        if not centerness:
            options = {"kind": "retinanet", "score": "sigmoid", **options}
        members["postprocessing"].update(options)
        members.update(info or {})
        members = {key: value for key, value in members.items() if value is not None}
        path = tmp_path / "detector.gnp"
        write_packed(path, packed.program, members, packed.tensors)
        return path

    return write
