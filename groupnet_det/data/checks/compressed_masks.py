"""Checks compressed run-length encodings without decoding them into memory.

pycocotools trusts the counts; invalid ones can make it write outside its memory.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LOW_BITS, MORE, NEGATIVE = 0x1F, 0x20, 0x10  # bits of a character, minus 48
MAX_LENGTH = 7  # characters of a number: 35 bits, 32 of which are used


def run_length_problem(mask: Mapping[str, Any], size: Sequence[int]) -> str | None:
    """Find out what is wrong with a mask in run-length encoding.

    Args:
        mask: A mapping with ``size`` and ``counts``, which are compressed or a list.
        size: (height, width) of its image.

    Returns:
        The rest of a sentence that starts with "the mask", or None if the mask is valid.
    """
    height, width = size
    announced, counts = mask.get("size"), mask.get("counts")
    if not isinstance(announced, (list, tuple)) or len(announced) != 2:
        return f"has size {announced!r}; it must be [height, width]"
    if list(announced) != [height, width]:
        return f"is for an image of {announced[1]}x{announced[0]}, not {width}x{height}"
    if not isinstance(counts, (str, bytes, list)):
        return "has no counts"
    try:
        pixels = sum(counts) if isinstance(counts, list) else count_pixels(counts)
    except (TypeError, ValueError) as error:
        return f"is not a run-length encoding: it has {error}"
    if pixels != height * width:
        return f"has runs of {pixels} pixels, but the image {height * width}"
    return None


def count_pixels(counts: str | bytes) -> int:
    """Count the pixels of COCO's compressed `counts`: the sum of all runs.

    Each number is written in groups of five bits, lowest first, as characters from "0" on. Bit 5 of
    a character means that more follow. From the fourth number on, each is the difference from the
    last but one (COCO API, ``maskApi.c``).

    Raises:
        ValueError: The counts are invalid.
    """
    text = counts.encode() if isinstance(counts, str) else counts
    characters = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - ord("0")
    if not len(characters):
        return 0
    ends = np.flatnonzero(characters & MORE == 0)
    if characters.min() < 0 or characters.max() > LOW_BITS | MORE or not len(ends):
        raise ValueError("characters that no run-length encoding has")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if ends[-1] != len(characters) - 1 or lengths.max() > MAX_LENGTH:
        raise ValueError("a number without an end")
    place = np.arange(len(characters)) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((characters & LOW_BITS) << (5 * place), starts)
    numbers -= np.where(characters[ends] & NEGATIVE, 1 << (5 * lengths), 0)
    runs = numbers.copy()
    runs[1::2] = np.cumsum(numbers[1::2])
    runs[2::2] = np.cumsum(numbers[2::2])
    if runs.min() < 0:
        raise ValueError("a run of less than no pixel")
    return int(runs.sum())
