"""The table of dense detectors, against the classes and keys that it stands for."""

import pytest
from detectron2.modeling import META_ARCH_REGISTRY
from detectron2.modeling.meta_arch.dense_detector import DenseDetector

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config import load_config, own_node
from groupnet_det.config.dense_detectors import (
    DENSE_BY_ARCHITECTURE,
    DENSE_BY_CLASS,
    DENSE_DETECTORS,
)
from groupnet_det.runtime.postprocessing.dense_postprocessing import KINDS


def test_every_dense_detector_of_ours_is_in_the_table():
    ours = {
        name
        for name, kind in META_ARCH_REGISTRY
        if issubclass(kind, DenseDetector) and kind.__module__.startswith("groupnet_det.")
    }
    assert ours == {name for name in DENSE_BY_ARCHITECTURE if name.startswith("GroupNet")}


@pytest.mark.parametrize("architecture", DENSE_BY_ARCHITECTURE)
def test_an_architecture_derives_from_the_class_that_is_named(architecture):
    names = [base.__name__ for base in META_ARCH_REGISTRY.get(architecture).__mro__]
    assert DENSE_BY_ARCHITECTURE[architecture].name in names
    assert DENSE_BY_CLASS[architecture] is DENSE_BY_ARCHITECTURE[architecture]


@pytest.mark.parametrize("detector", DENSE_DETECTORS, ids=lambda detector: detector.name)
def test_its_node_has_the_keys(detector):
    node = own_node(load_config(""), detector.node)
    assert node.NUM_CLASSES == 80
    assert node.IN_FEATURES == ["p3", "p4", "p5", "p6", "p7"]


def test_packed_files_of_each_can_be_run():
    assert {detector.packed_kind for detector in DENSE_DETECTORS} == set(KINDS)
