"""Files of the demo on photo-digits."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where everything is."""

    data: Path
    output: Path

    @property
    def tanh(self) -> Path:
        return self.output / "tanh"

    @property
    def reloaded(self) -> Path:
        return self.output / "reloaded"

    @property
    def results(self) -> Path:
        return self.reloaded / "inference"

    @property
    def scores(self) -> Path:
        return self.output / "scores.csv"
