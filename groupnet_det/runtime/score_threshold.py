"""Score threshold of objects: the default of the whole package. Commands read it before torch."""

from groupnet_det.errors import ConfigError

SCORE_THRESHOLD = 0.5


def check_score_threshold(threshold: float) -> None:
    """
    Raises:
        ConfigError: It is no score.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"the score threshold of objects is {threshold}; valid: 0 to 1")
