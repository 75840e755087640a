"""Checks that names of classes are distinct."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from groupnet_det.errors import ConfigError, DataError, UserError

MAX_NAMED = 5
FORMAT = "Cf"  # Unicode's category of characters without width


def check_class_names(
    names: Sequence[str], source: str, error: type[UserError] = DataError
) -> None:
    """Check that scores by class have distinct names.

    Args:
        names: Texts.
        source: Where the names come from, for messages.
        error: To be raised; `ConfigError` where the source is a key.

    Raises:
        UserError: A name is empty, or two are the same but for spaces around them, or
            characters that are not seen.
    """
    empty = [index for index, name in enumerate(names) if not _as_seen(name)]
    if empty:
        raise error(
            f"{source}: class {empty[0] + 1} of {len(names)} has the empty name "
            f"{names[empty[0]]!r}; give it one"
        )
    like: dict[str, list[str]] = defaultdict(list)
    for name in names:
        like[_as_seen(name)].append(name)
    doubled = [" and ".join(map(repr, same)) for same in like.values() if len(same) > 1]
    if doubled:
        more = f" and {len(doubled) - MAX_NAMED} more" if len(doubled) > MAX_NAMED else ""
        raise error(
            f"{source} has classes of the same name (but for spaces around it): "
            f"{'; '.join(doubled[:MAX_NAMED])}{more}; each class needs a name of its own"
        )


def _as_seen(name: str) -> str:
    """A name without what nobody sees, such as marks of byte order and of the direction of text."""
    seen = "".join(c for c in name if unicodedata.category(c) != FORMAT)
    return unicodedata.normalize("NFC", seen).strip()


def checked_texts(values: Iterable[Any], key: str) -> list[str]:
    """Values of a config key that must be texts.

    Raises:
        ConfigError: One is not, as ``yes``, ``null`` and ``02`` without quotes are not in YAML.
    """
    return [checked_text(value, f"{key}[{index}]") for index, value in enumerate(values)]


def checked_text(value: Any, key: str) -> str:
    """Check one name as `checked_texts` checks several."""
    if not isinstance(value, str):
        raise ConfigError(
            f"{key} is {value!r}, not a text: YAML reads yes, no, null, 02 and the like as truth "
            "values, nothing or numbers; put it in quotes, as in 'no'"
        )
    return value
