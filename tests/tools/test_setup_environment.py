"""Which packages an extra adds."""

import importlib.util

import pytest

from tests.conftest import ROOT

REQUIREMENTS = [
    "numpy>=1.24",
    'onnx>=1.16; extra == "bench"',
    "furo>=2024.8.6; extra == 'docs'",
    'sphinx>=7.4 ; extra == "docs"',
]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools/setup_environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("extra", "expected"),
    [("docs", ["furo>=2024.8.6", "sphinx>=7.4"]), ("bench", ["onnx>=1.16"]), ("web", [])],
)
def test_requirements_of(tool, extra, expected):
    assert tool.requirements_of(extra, REQUIREMENTS) == expected
