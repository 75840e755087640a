"""The extensions of the documentation, which are no package."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _extensions_on_path(root: Path) -> Iterator[None]:
    folder = str(root / "docs" / "_ext")
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)
