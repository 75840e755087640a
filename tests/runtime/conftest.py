"""Fixtures of the tests that run packed files."""

from tests.packed.conftest import content, path  # noqa: F401
