"""A greedy search for the best assignment within a time for an image."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from groupnet_det.errors import ConfigError

from .assignments import Assignment
from .candidate_rows import CandidateRow

Choices = Mapping[str, Sequence[int]]
Measure = Callable[[Assignment], CandidateRow]
LEAST_MS = 1e-4  # a difference below which two networks take equally long


def search_within(most_ms: float, choices: Choices, measure: Measure) -> Assignment:
    """The assignment with the best score of those that were looked at and are fast enough.

    All parts with the same number come first. Then, from the smallest numbers on, the step of one
    part is taken that gains most for a millisecond, until each further one takes too long.

    Args:
        most_ms: Milliseconds for an image.
        choices: Numbers of bases of each part, rising.
        measure: Scores and times an assignment; asked for the same one again, it should remember.

    Raises:
        ConfigError: Not even the smallest numbers are fast enough.
    """
    smallest = {part: numbers[0] for part, numbers in choices.items()}
    fastest = measure(smallest)
    if fastest.milliseconds > most_ms:
        raise ConfigError(
            f"the smallest numbers of bases take {fastest.milliseconds:.3g} ms for an image, more "
            f"than {most_ms:.3g}; allow more time, or train a narrower network"
        )
    seen = [
        *((assignment, measure(assignment)) for assignment in _uniform(choices)),
        *_steps(smallest, fastest, most_ms, choices, measure),
    ]
    fitting = [(assignment, row) for assignment, row in seen if row.milliseconds <= most_ms]
    best, _ = max(fitting, key=lambda pair: (pair[1].score, -pair[1].milliseconds))
    return best


def most_candidates(choices: Choices) -> int:
    """The number of assignments that a search looks at if all fit, about."""
    raises = sum(len(numbers) - 1 for numbers in choices.values())
    return len(_uniform(choices)) + raises * (raises + 1) // 2


def _uniform(choices: Choices) -> list[dict[str, int]]:
    """Each number for all parts, or the greatest below it that a part has."""
    numbers = sorted({number for own in choices.values() for number in own})
    return [
        {part: max(n for n in own if n <= max(number, own[0])) for part, own in choices.items()}
        for number in numbers
    ]


def _steps(
    start: Assignment, row: CandidateRow, most_ms: float, choices: Choices, measure: Measure
) -> Iterator[tuple[Assignment, CandidateRow]]:
    """All that is looked at on the way up."""
    while True:
        yield start, row
        larger = [(assignment, measure(assignment)) for assignment in _raised(start, choices)]
        fitting = [pair for pair in larger if pair[1].milliseconds <= most_ms]
        yield from fitting
        if not fitting:
            return
        before = row
        start, row = max(fitting, key=lambda pair: _gain(before, pair[1]))


def _raised(assignment: Assignment, choices: Choices) -> Iterator[dict[str, int]]:
    """The assignments with the next number in one part."""
    for part, numbers in choices.items():
        greater = [number for number in numbers if number > assignment[part]]
        if greater:
            yield {**assignment, part: greater[0]}


def _gain(before: CandidateRow, after: CandidateRow) -> tuple[bool, float]:
    """What is gained for a millisecond; a step that loses comes after all that gain."""
    gained = after.score - before.score
    if gained <= 0:
        return False, gained
    return True, gained / max(after.milliseconds - before.milliseconds, LEAST_MS)
