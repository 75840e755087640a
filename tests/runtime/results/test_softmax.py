import math

import numpy as np
import pytest
import torch

from groupnet_det.runtime.results.softmax import rank, softmax

NAN, INF = math.nan, math.inf


def numbers(*values):
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
@pytest.mark.parametrize("scale", [0.1, 1, 30, 1e4])
def test_softmax_is_exact_to_float32(count, scale):
    logits = (np.random.default_rng(count).standard_normal(count) * scale).astype(np.float32)
    shares = [math.exp(float(x) - float(logits.max())) for x in logits]
    exact = np.array(shares) / math.fsum(shares)
    got = softmax(logits)
    assert got.dtype == np.float32
    # Half of the distance of two float32, and a little for the polynomial.
    assert (np.abs(got - exact) <= np.spacing(exact.astype(np.float32)) * 0.51).all()
    np.testing.assert_allclose(got, torch.from_numpy(logits).softmax(0), rtol=1e-5, atol=1e-38)


def test_softmax_by_hand():
    assert softmax(numbers(7)).tolist() == [1]
    assert softmax(numbers(2, 2, 2, 2)).tolist() == [0.25] * 4
    assert softmax(numbers(-0.0, 0.0)).tolist() == [0.5, 0.5]
    assert softmax(numbers(3e38, -3e38)).tolist() == [1, 0]
    assert softmax(numbers(1, -INF)).tolist() == [1, 0]


@pytest.mark.parametrize("values", [(NAN,), (1, NAN), (NAN, INF), (INF, 0), (-INF, -INF)], ids=str)
def test_softmax_without_meaning(values):
    assert np.isnan(softmax(numbers(*values))).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 3, 2), [1, 2, 0]),
        ((5, 7, 5, 7, 5), [1, 3, 0, 2, 4]),
        ((0.0, -0.0), [0, 1]),
        ((-0.0, 0.0), [0, 1]),
        ((NAN, 1, INF, NAN, -INF), [2, 1, 4, 0, 3]),
    ],
    ids=str,
)
def test_rank(values, expected):
    for top in (0, 1, len(values), 99):
        assert rank(numbers(*values), top).tolist() == expected[:top]
    assert rank(numbers(*values), -1).tolist() == []
