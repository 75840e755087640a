"""Reads JSON that may be hostile."""

import json
from typing import Any


def parse_json(text: str) -> Any:
    """``json.loads``, with one kind of error for all that is not our JSON.

    Raises:
        json.JSONDecodeError: It is broken, nested too deeply, or has numbers without end.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", text, 0) from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # a number with too many digits
        raise json.JSONDecodeError(str(error), text, 0) from error
