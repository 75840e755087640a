"""Links between all pages of the repository, as a plain view of it follows them."""

import os

import pytest

from tests.conftest import ROOT

from .markdown import anchors, links, pages

PAGES = pages(ROOT)
FAQ = "understand/faq"


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_all_links_lead_somewhere(page):
    broken = []
    for target in links(page.read_text()):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        is_page = file.exists() and file.suffix == ".md"
        if not file.exists() or (anchor and is_page and anchor not in anchors(file.read_text())):
            broken.append(target)
    assert not broken


def test_a_broken_link_would_be_found():
    text = "[a](b.md) `[c](d.md)` [e](https://f)\n\n```python\ng[0](h)\n```\n\n# Or, not `x`!\n"
    assert links(text) == ["b.md"]
    assert anchors(text) == {"or-not-x"}


@pytest.mark.parametrize(
    ("target", "source", "docname", "expected"),
    [
        ("docs/use/c-api.md", "INSTALL.md", "project/install", "../use/c-api.md"),
        ("../../INSTALL.md#traps", "docs/understand/faq.md", FAQ, "../project/install.md#traps"),
        ("datasets/README.md", "MODEL_ZOO.md", "project/model-zoo", "data.md"),
        ("results/a.csv", "MODEL_ZOO.md", "project/model-zoo", "../../results/a.csv"),
        ("../use/onnx.md", "docs/understand/faq.md", FAQ, "../use/onnx.md"),
        ("#here", "docs/understand/faq.md", FAQ, "#here"),
        ("https://arxiv.org/abs/1909.09934", "docs/understand/faq.md", FAQ, None),
    ],
    ids=lambda value: None,
)
def test_links_are_turned_for_the_page_that_a_file_becomes(target, source, docname, expected):
    from repository_pages import turned_link

    assert turned_link(target, source, docname) == (expected or target)


def test_no_page_links_to_a_stub():
    from repository_pages import PAGES as STUBS

    stubs = {(ROOT / "docs" / f"{docname}.md") for docname in STUBS}
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in links(page.read_text())
    }
    assert not stubs & linked


def test_the_stub_of_each_page_links_to_its_file():
    from repository_pages import PAGES as STUBS

    for docname, file in STUBS.items():
        stub = ROOT / "docs" / f"{docname}.md"
        target = os.path.relpath(ROOT / file, stub.parent)
        assert target in links(stub.read_text())


def test_code_is_left_alone():
    from repository_pages import page_text

    text = "[a](../../INSTALL.md)\n\n```c\nx[1](../../INSTALL.md)\n```\n"
    assert page_text(FAQ, text) == text.replace(
        "](../../INSTALL.md)\n\n", "](../project/install.md)\n\n"
    )
