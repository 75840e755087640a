"""References and tables of a page, read by the standard library's parser."""

import re
from html.parser import HTMLParser

REFERENCES = ("src", "href", "data", "action", "poster", "srcset", "xlink:href", "background")
LOADING = {"script", "link", "iframe", "object", "embed", "base", "audio", "video", "source"}


class Page(HTMLParser):
    """
    Attributes:
        references: Values of attributes that make a browser load something.
        tags: All names.
        sections: Text by the section's id.
        tables: Rows of cells' texts, by the table's caption.
    """

    def __init__(self, text):
        super().__init__()
        self.references, self.tags, self.sections, self.tables = [], set(), {}, {}
        self.styles = []
        self._section = self._caption = self._cells = self._text = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.add(tag)
        self.references += [values[name] for name in REFERENCES if name in values]
        self.styles.append(values.get("style", ""))
        if tag == "section":
            self._section = values["id"]
            self.sections[self._section] = ""
        if tag in ("figcaption", "td", "th"):
            self._text = ""
        if tag == "tr":
            self._cells = []

    def handle_endtag(self, tag):
        if tag == "figcaption":
            self._caption = self._text
            self.tables.setdefault(self._caption, [])
        if tag in ("td", "th") and self._text is not None:
            self._cells.append(self._text.strip())
        if tag == "tr":
            self.tables.setdefault(self._caption, []).append(self._cells)
        if tag in ("figcaption", "td", "th"):
            self._text = None

    def handle_data(self, data):
        if self._text is not None:
            self._text += data
        if self.lasttag == "style":
            self.styles.append(data)
        if self._section:
            self.sections[self._section] += data


def assert_self_contained(text):
    """No reference out of the page, and nothing that runs."""
    page = Page(text)
    assert page.references
    foreign = [v for v in page.references if not v.startswith(("#", "data:image/"))]
    assert foreign == []
    assert not page.tags & LOADING
    assert not re.search(r"url\(|@import|expression\(", " ".join(page.styles))
    assert "default-src 'none'" in text  # what the browser is told to hold to
    assert 'name="viewport"' in text
    assert "prefers-color-scheme: dark" in text
