"""Cityscapes' masks of training labels, drawn by its own package, ``cityscapesscripts``."""

import importlib
import importlib.util
import time
from pathlib import Path

from groupnet_det.errors import DataError
from groupnet_det.images.folder_files import without_system_files

SPLITS = ("train", "val")  # the masks of the test split are not public
PROGRESS_EVERY = 100  # masks


def require_cityscapesscripts(what: str) -> None:
    """
    Args:
        what: Needs it, for the message.

    Raises:
        DataError: The package is missing.
    """
    if importlib.util.find_spec("cityscapesscripts") is None:
        raise DataError(
            f"{what} needs the package cityscapesscripts; install it: "
            "pip install 'groupnet-det[cityscapes]'"
        )


def prepare_train_ids(root: Path, splits: tuple[str, ...] = SPLITS) -> int:
    """Write ``*_gtFine_labelTrainIds.png`` beside each ``*_gtFine_polygons.json``.

    Masks that are there already are kept, so an interrupted run goes on.

    Args:
        root: Folder ``cityscapes`` with ``gtFine/<split>/<city>``.

    Returns:
        The number of masks.

    Raises:
        DataError: ``cityscapesscripts`` or a folder is missing, or a file is broken.
    """
    require_cityscapesscripts("groupnet-det prepare-cityscapes")
    draw = importlib.import_module("cityscapesscripts.preparation.json2labelImg").json2labelImg
    sources: list[Path] = []
    for split in splits:
        folder = root / "gtFine" / split
        found = without_system_files(sorted(folder.glob("*/*_polygons.json")), folder)
        if not found:
            raise DataError(
                f"{folder} holds no */*_polygons.json; lay Cityscapes out as datasets/README.md "
                "says"
            )
        sources += found
    started, made = time.monotonic(), 0
    for number, source in enumerate(sources, start=1):
        target = source.with_name(source.name.replace("_polygons.json", "_labelTrainIds.png"))
        if not target.exists():
            made += 1
            partial = target.with_name(f"partial_{target.name}")  # the suffix decides on the format
            try:
                draw(str(source), str(partial), "trainIds")
            except (Exception, SystemExit) as error:  # it also exits at what it does not know
                raise DataError(f"{source} cannot be drawn: {error}") from error
            partial.replace(target)
        if number % PROGRESS_EVERY == 0 or number == len(sources):
            eta = (time.monotonic() - started) / max(made, 1) * (len(sources) - number)
            print(f"cityscapes: {number}/{len(sources)} masks, {eta:.0f} s left", flush=True)
    return len(sources)
