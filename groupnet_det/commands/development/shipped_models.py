"""Renewal of the models that come with the package, from a zoo."""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from groupnet_det.errors import DataError
from groupnet_det.exporting.verify.predictions import Verdict, verdict_of_report
from groupnet_det.pretrained import CARDS, FOLDER

LARGEST = 1_000_000  # bytes of a file: the package carries it to everyone who installs it


def ship(entries: Iterable[Mapping[str, Any]], zoo: Path, folder: Path = FOLDER) -> None:
    """Copy packed models into the package, with what their manifest says of them.

    Their images are in the folder already: one of each data set, `IMAGES`. Models that the package
    has and the manifest does not name stay as they are.

    Args:
        entries: Entries of the manifest.
        zoo: The folder of the manifest.

    Raises:
        DataError: A packed file differs from its network, or is too large.
    """
    path = folder / CARDS
    before = json.loads(path.read_text()) if path.exists() else []
    cards = {card["name"]: card for card in before}
    cards |= {entry["name"]: _card(entry, zoo, folder) for entry in entries}
    path.write_text(json.dumps(list(cards.values()), indent=2) + "\n")


# Ending of a config's name -> image of its data set.
IMAGES = {"photo_digits": "photo_digits.png", "mnist5k": "mnist5k.png"}


def _card(entry: Mapping[str, Any], zoo: Path, folder: Path) -> dict[str, Any]:
    name, packed = entry["name"], entry["packed"]
    if verdict_of_report(packed) is Verdict.FAILED:
        raise DataError(f"{name}: its packed file gives other predictions than the network")
    if packed["bytes"] > LARGEST:
        raise DataError(f"{name}: {packed['bytes']} bytes, of at most {LARGEST}")
    file = f"{name}.gnp"
    shutil.copyfile(zoo / packed["file"], folder / file)
    (image,) = (image for ending, image in IMAGES.items() if name.endswith(ending))
    return {
        "name": name,
        "task": entry["task"],
        "metric": entry["metric"],
        "file": file,
        "bytes": packed["bytes"],
        "image": image,
        "date": entry["date"],
        "commands": [*entry["commands"], packed["commands"][0]],
    }
