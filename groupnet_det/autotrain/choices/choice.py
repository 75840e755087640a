"""One value of a config with its reason, and options and tables of many."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tabulate import tabulate


class Choice(NamedTuple):
    """
    Attributes:
        key: A key of the config.
        value: Its value, of a type that YAML can hold.
        why: A clause.
    """

    key: str
    value: Any
    why: str


def _last_of_keys(choices: Iterable[Choice]) -> list[Choice]:
    """Keep the last of several choices of a key, at the place of the first."""
    return list({choice.key: choice for choice in choices}.values())


def options_of(choices: Iterable[Choice]) -> list[str]:
    """KEY VALUE pairs as the command line gives them."""
    return [word for key, value, _ in _last_of_keys(choices) for word in (key, str(value))]


def format_choices(choices: Iterable[Choice]) -> str:
    """A table for people, without the data sets."""
    rows = [c for c in _last_of_keys(choices) if not c.key.startswith("DATASETS.")]
    return tabulate(rows, headers=["key", "value", "why"], disable_numparse=True)
