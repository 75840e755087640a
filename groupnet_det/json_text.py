"""Reads JSON that may be hostile."""

import json
from typing import Any


def parse_json(text: str) -> Any:
    """``json.loads``, with one kind of error for all that is no JSON of ours.

    Raises:
        json.JSONDecodeError: It is broken, or nested deeper than Python can follow.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", text, 0) from None
