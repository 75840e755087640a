"""Pictures for detectors, and their objects side by side."""

import numpy as np


def noise(height, width):
    generator = np.random.default_rng([height, width])
    return generator.integers(0, 256, (height, width, 3), np.uint8)


def assert_same(found, expected):
    """Bit by bit."""
    names = ("boxes", "scores", "classes", "masks")
    for name, values in zip(names, found, strict=True):
        if values is None:
            assert getattr(expected, name) is None
            continue
        wanted = getattr(expected, name).numpy()
        assert values.shape == wanted.shape, name
        assert np.array_equal(values, wanted), (name, values, wanted)
