"""Small trained packed models that come with the package, each with an image to try it on.

They show what the engine does before anything is trained: made by ``make zoo`` from data that
installed packages carry (digits pasted into photographs, MNIST), so they know digits and nothing
else. ``models.json`` beside this file says what each reaches and which commands made it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from groupnet_det.errors import lookup

__all__ = ["PretrainedModel", "list_pretrained", "pretrained"]

FOLDER = Path(__file__).resolve().parent
CARDS = "models.json"


@dataclass(frozen=True, kw_only=True)
class PretrainedModel:
    """A packed model of the package.

    Attributes:
        name: Its name here, and that of its config in ``configs/quick``.
        task: For the reader, such as ``detection``.
        metric: Name and value of what it reached on the validation images of its data set.
        path: The packed file.
        image: An image of the kind that it was trained for.
        commands: What made it, from a checkout.
    """

    name: str
    task: str
    metric: tuple[str, float]
    path: Path
    image: Path
    commands: tuple[str, ...]


def list_pretrained() -> list[str]:
    """The names of all models that come with the package."""
    return list(_cards())


def pretrained(name: str) -> PretrainedModel:
    """A model that comes with the package.

        PackedPredictor(pretrained("retinanet_groupnet_photo_digits").path)

    Raises:
        ConfigError: There is none of that name; the message lists those that there are.
    """
    return lookup(_cards(), name, "pretrained model")


def _cards() -> dict[str, PretrainedModel]:
    return {
        card["name"]: PretrainedModel(
            name=card["name"],
            task=card["task"],
            metric=(card["metric"]["name"], card["metric"]["value"]),
            path=FOLDER / card["file"],
            image=FOLDER / card["image"],
            commands=tuple(card["commands"]),
        )
        for card in json.loads((FOLDER / CARDS).read_text())
    }
