"""One predictor in many threads, and in many processes: the results of one alone."""

import multiprocessing
import threading

import numpy as np
import pytest
import torch

from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.predictor import PackedPredictor
from tests.packed.programs import group_net_example

CALLERS, ROUNDS = 8, 12
BACKENDS = [
    pytest.param(
        "native",
        marks=pytest.mark.skipif(not is_built(), reason="the compiled engine is not built"),
    ),
    "reference",
]


@pytest.fixture
def model(tmp_path):
    packed = group_net_example(groups=2, width=16)
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)
    return tmp_path / "model.gnp"


def images():
    generator = np.random.default_rng(0)
    sizes = [(40, 50), (16, 16), (90, 31), (20, 21)]
    return [generator.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


def results_of(predictor, rounds=1):
    """The logits' bits of each image by itself, and of all in one batch."""
    given = images()
    results = []
    for number in range(rounds):
        torch.set_num_threads(1 + number % 3)
        one_by_one = [predictor(image) for image in given]
        for result in [*one_by_one, *predictor.predict_batch(given)]:
            results.append((result.logits.tolist(), result.probabilities.tolist(), result.top(2)))
    return results


@pytest.fixture
def expected(model):
    return results_of(PackedPredictor(model, backend="reference"))


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_eight_threads_share_a_predictor(model, expected, backend):
    predictor = PackedPredictor(model, backend=backend)
    rounds = ROUNDS if backend == "native" else 2
    results, ready = [], threading.Barrier(CALLERS)

    def work():
        ready.wait()
        results.append(results_of(predictor, rounds))

    threads = [threading.Thread(target=work) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == CALLERS
    assert all(answer == expected * rounds for answer in results)


@pytest.mark.parametrize("backend", BACKENDS)
def test_eight_threads_open_predictors_of_their_own(model, expected, backend):
    results = []

    def work():
        results.append(results_of(PackedPredictor(model, backend=backend)))

    threads = [threading.Thread(target=work) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * CALLERS


def result_of_child(predictor, queue):
    torch.set_num_threads(2)
    results = predictor.predict_batch(images())
    queue.put([(r.logits.tolist(), r.probabilities.tolist(), r.top(2)) for r in results])


def result_of_new_process(model, queue):
    result_of_child(PackedPredictor(model), queue)


@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
@pytest.mark.filterwarnings("ignore:.*fork")
@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_eight_processes(model, expected, method):
    """Forked ones go on with their parent's predictor, whose threads, and PyTorch's, stay with the
    parent: their engine has new ones."""
    predictor = PackedPredictor(model)
    assert results_of(predictor, 2) == expected * 2
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    work = {"fork": (result_of_child, predictor), "spawn": (result_of_new_process, model)}
    function, first = work[method]
    children = [context.Process(target=function, args=(first, queue)) for _ in range(CALLERS)]
    for child in children:
        child.start()
    results = [queue.get(timeout=120) for _ in children]
    for child in children:
        child.join(timeout=60)
        assert child.exitcode == 0
    assert results == [expected[len(images()) :]] * CALLERS
