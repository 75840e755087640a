"""Fixtures of the tests of packed files."""

import pytest

from .programs import simple_example
from .refusals import write


@pytest.fixture
def path(tmp_path):
    """Place of a packed file."""
    return tmp_path / "model.gnp"


@pytest.fixture
def content(path):
    """Bytes of a packed file, which is at `path`."""
    return write(path, simple_example(channels=3))
