"""Medians of the engine's runs, with PyTorch busy before or beside them."""

import threading

import pytest
import torch

from groupnet_det.benchmark.engines import beside_torch_engines, engine_registry
from groupnet_det.benchmark.measure.table import OURS
from groupnet_det.benchmark.measure.workload import NetworkWorkload
from groupnet_det.benchmark.suites.runtime_suites import SUITES, Options

WORK = NetworkWorkload(part="beside torch", num_bases=1, size=32, width=0.125, num_classes=10)


@pytest.fixture
def calls(monkeypatch):
    """Who ran, in which thread, instead of the engine and of PyTorch's layer."""
    made = []

    def recorded(name):
        return lambda: made.append((name, threading.current_thread() is threading.main_thread()))

    monkeypatch.setattr(beside_torch_engines, "make_run", lambda work: recorded("ours"))
    monkeypatch.setattr(beside_torch_engines, "_neighbour", lambda: recorded("torch"))
    return made


def test_alone(calls):
    assert beside_torch_engines.make_alone(WORK, 1)(3) > 0
    assert calls == [("ours", True)] * 3


def test_an_operation_before_each_run(calls):
    assert beside_torch_engines.make_after(WORK, 1)(3) > 0
    assert calls == [("torch", True), ("ours", True)] * 3


def test_operations_in_another_thread(calls):
    before = threading.active_count()
    assert beside_torch_engines.make_beside(WORK, torch.get_num_threads())(3) > 0
    assert threading.active_count() == before
    assert calls[0] == ("torch", False)
    assert [call for call in calls if call[0] == "ours"] == [("ours", True)] * 3


def test_the_neighbour_computes_a_layer():
    assert beside_torch_engines._neighbour()().shape == (1, 64, 56, 56)


def test_workloads_of_the_suite():
    items = SUITES["neighbours"](Options(num_bases=[1, 4]))
    assert [(item.workload.what, item.workload.num_bases) for item in items] == [
        ("beside torch", 1),
        ("beside torch", 4),
    ]
    assert list(engine_registry.choose_engines(items[0].workload, [])) == [
        *(OURS, engine_registry.AFTER_TORCH, engine_registry.BESIDE_TORCH)
    ]
