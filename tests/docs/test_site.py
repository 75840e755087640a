"""The pages as a site."""

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

API = ROOT / "docs" / "api"
MODULE = re.compile(r"^\.\. automodule:: (\S+)$", re.MULTILINE)


def test_the_api_reference_names_modules_that_there_are():
    for page in API.glob("*.md"):
        for module in MODULE.findall(page.read_text()):
            assert importlib.util.find_spec(module), f"{page.name}: {module}"


def test_every_package_has_a_page_of_the_api_reference():
    packages = {path.parent.name for path in (ROOT / "groupnet_det").glob("*/__init__.py")}
    assert packages <= {page.stem for page in API.glob("*.md")}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for name in ("sphinx", "furo", "myst_parser"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed; `make docs` installs it")
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        str(ROOT / "docs"),
        str(folder),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_site_builds_without_a_warning(site):
    from config_keys import read_keys

    assert "Binary neural networks for Detectron2" in (site / "index.html").read_text()
    reference = (site / "reference" / "config.html").read_text()
    for key in read_keys()[0]:
        assert f'id="confval-{key.name.replace("_", "-")}"' in reference.replace("_", "-")


@pytest.mark.slow
def test_drawings_stand_in_the_page(site):
    page = (site / "understand" / "how-it-works.html").read_text()
    assert page.count('<svg xmlns="http://www.w3.org/2000/svg" class="gd"') == 7
    assert "drawings/" not in page


@pytest.mark.slow
def test_files_of_the_repository_are_pages(site):
    page = (site / "project" / "install.html").read_text()
    assert "What the set-up does" in page
    assert 'href="../use/c-api.html"' in page


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site):
    loaded = re.compile(r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//|<link[^>]+href="https?://')
    assert [page.name for page in site.rglob("*.html") if loaded.search(page.read_text())] == []
