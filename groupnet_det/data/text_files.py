"""Text of lists, JSON and XML files, with errors that name the file and its encoding."""

import codecs
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from groupnet_det.errors import DataError
from groupnet_det.files.json_text import parse_json

# Beginnings of files -> their encodings; those of UTF-32 begin as those of UTF-16 do.
MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")
REMEDY = "save it as UTF-8"


def read_text(path: Path, what: str) -> str:
    """The text of a file in UTF-8, with or without a byte-order mark.

    Args:
        path: The file, which is there.
        what: It is, for messages: ``list``.

    Raises:
        DataError: It is in another encoding, or no text.
    """
    content = path.read_bytes()
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            raise DataError(f"{what} {path} is in {encoding}; {REMEDY}")
    if b"\0" in content:
        raise DataError(f"{what} {path} has bytes of 0, as UTF-16 without a mark has; {REMEDY}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{what} {path} is not text in UTF-8 (byte {error.start} is "
            f"0x{content[error.start]:02x}), perhaps in latin-1 or another 8-bit encoding; {REMEDY}"
        ) from error


def read_json(path: Path, what: str, remedy: str) -> Any:
    """The content of a JSON file in UTF-8, with or without a byte-order mark.

    Args:
        path: The file, which is there.
        what: It is, for messages: ``annotation file``.
        remedy: For a file that is not JSON.

    Raises:
        DataError: It is in another encoding, or no JSON.
    """
    try:
        return parse_json(read_text(path, what))
    except json.JSONDecodeError as error:
        raise DataError(f"{what} {path} is not valid JSON: {error}; {remedy}") from error


def read_xml(path: Path) -> ElementTree.Element:
    """The root of an XML file.

    Raises:
        DataError: The file is not XML, or in an encoding that cannot be read.
        FileNotFoundError: It is missing.
    """
    content = path.read_bytes()
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        found = DECLARED.match(content)
        encoding = found[1].decode() if found else "UTF-8"
        if not _decodes(content, encoding) or not isinstance(error, ElementTree.ParseError):
            raise DataError(
                f"{path} cannot be read in its encoding, {encoding}; save it as UTF-8, and say so "
                "in its first line"
            ) from error
        raise DataError(f"{path} is not XML: {error}") from error


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except (LookupError, UnicodeError):
        return False
    return True
