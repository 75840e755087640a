"""Score thresholds of objects, for all classes or by class name: the default and the checks.

The module does not import torch, because commands read it before.
"""

from collections.abc import Collection, Mapping
from numbers import Real

from groupnet_det.errors import ConfigError, shortened

ScoreThreshold = float | Mapping[str, float]

SCORE_THRESHOLD = 0.5
# No class is named: each has the threshold of the packed file, or `SCORE_THRESHOLD`.
DEFAULT_THRESHOLDS: Mapping[str, float] = {}


def check_score_threshold(threshold: object) -> None:
    """
    Raises:
        ConfigError: It is neither a score nor a mapping of class names to scores.
    """
    if not isinstance(threshold, Mapping):
        _check_score(threshold, "the score threshold of objects")
        return
    for name, score in threshold.items():
        if not isinstance(name, str):
            raise ConfigError(f"a score threshold is for {shortened(name)}; valid: class names")
        _check_score(score, f"the score threshold of {shortened(name)}")


def _check_score(score: object, what: str) -> None:
    if not isinstance(score, Real) or isinstance(score, bool):
        raise ConfigError(f"{what} is of the type {type(score).__name__}; valid: 0 to 1")
    if not 0 <= float(score) <= 1:
        raise ConfigError(f"{what} is {score}; valid: 0 to 1")


def check_known_classes(thresholds: Mapping[str, float], names: Collection[str]) -> None:
    """
    Args:
        thresholds: Thresholds by class name.
        names: Names of all classes of objects; empty for a network that finds no objects.

    Raises:
        ConfigError: A threshold is for another class.
    """
    known = set(names)
    for name in thresholds:
        if not known:
            raise ConfigError(
                f"there is a score threshold of the class {shortened(name)}, but the network finds "
                "no objects; leave it out"
            )
        if name not in known:
            raise ConfigError(
                f"there is a score threshold of the class {shortened(name)}; valid: "
                f"{', '.join(map(repr, names))}"
            )


def complete_threshold(
    threshold: ScoreThreshold, names: Collection[str], other: float
) -> ScoreThreshold:
    """The same for all classes of `names`: those that a mapping does not name have `other`.

    Raises:
        ConfigError: A threshold is for another class.
    """
    if not isinstance(threshold, Mapping):
        return threshold
    check_known_classes(threshold, names)
    return {name: threshold.get(name, other) for name in names} or other


def lowest_threshold(threshold: ScoreThreshold) -> float:
    """The threshold of all classes, or the lowest one of single classes."""
    return min(threshold.values()) if isinstance(threshold, Mapping) else threshold


def threshold_of_each_class(
    threshold: ScoreThreshold, of_file: Mapping[str, float], names: Collection[str]
) -> ScoreThreshold:
    """A number for all classes, or a mapping that names each.

    Args:
        threshold: A number for all, or a mapping by class name. Classes that it does not name have
            the threshold of the file, or `SCORE_THRESHOLD`.
        of_file: Thresholds of the packed file, by class name.
        names: Names of all classes of objects; empty for a network that finds no objects.

    Raises:
        ConfigError: The mapping names another class.
    """
    if not isinstance(threshold, Mapping):
        return threshold
    check_known_classes(threshold, names)
    chosen = {**of_file, **threshold}
    return complete_threshold(chosen, names, SCORE_THRESHOLD) if chosen else SCORE_THRESHOLD
