"""Score threshold of objects: the default of the whole package. Commands read it before torch."""

from collections.abc import Collection, Mapping, Sequence

from groupnet_det.errors import ConfigError, shortened
from groupnet_det.packed.score_thresholds import (
    ScoreThreshold,
    check_known_classes,
    complete_threshold,
)

SCORE_THRESHOLD = 0.5
# No class is named: each has the threshold of the packed file, or `SCORE_THRESHOLD`.
DEFAULT_THRESHOLDS: Mapping[str, float] = {}


def threshold_of_each_class(
    threshold: ScoreThreshold, of_file: Mapping[str, float], names: Collection[str]
) -> ScoreThreshold:
    """A number for all classes, or a mapping that names each.

    Args:
        threshold: A number for all, or a mapping by class name. Classes that it does not name have
            the threshold of the file, or `SCORE_THRESHOLD`.
        of_file: Thresholds of the packed file, by class name.
        names: Of all classes of objects; empty for a network that finds no objects.

    Raises:
        ConfigError: The mapping names another class.
    """
    if not isinstance(threshold, Mapping):
        return threshold
    check_known_classes(threshold, names)
    chosen = {**of_file, **threshold}
    return complete_threshold(chosen, names, SCORE_THRESHOLD) if chosen else SCORE_THRESHOLD


def parse_score_threshold(words: Sequence[str]) -> ScoreThreshold:
    """The threshold that a command line gives: a number, or ``CLASS=NUMBER`` for single classes.

    Whether they are scores, `check_score_threshold` tells where they are used.

    Raises:
        ConfigError: A word is neither, or they do not go together.
    """
    if len(words) == 1 and (number := _number(words[0])) is not None:
        return number
    thresholds: dict[str, float] = {}
    for word in words:
        name, sign, score = word.rpartition("=")
        number = _number(score)
        if not (name and sign) or number is None:
            raise ConfigError(
                f"{shortened(word)} is no score threshold; valid: one number, such as 0.4, or "
                "CLASS=NUMBER for single classes; files and config keys stand before this flag"
            )
        if name in thresholds:
            raise ConfigError(f"there are two score thresholds of the class {shortened(name)}")
        thresholds[name] = number
    return thresholds


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
