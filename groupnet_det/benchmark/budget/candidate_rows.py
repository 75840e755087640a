"""Rows of a search: what an assignment reaches, and how long that takes."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CandidateRow:
    """A packed network with an assignment.

    Attributes:
        bases: The result of `assignment_text`.
        metric, score: What counts, such as ``bbox/AP``, on validation images.
        milliseconds: For one image: the least of several rounds.
        num_bytes: Size of the packed file.
        settings: What the row depends on besides the assignment; rows with others are not used.
    """

    bases: str
    metric: str
    score: float
    milliseconds: float
    num_bytes: int
    settings: str
