"""Put a folder of weights on the Hugging Face hub, for other people."""

import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.checkpoint.folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, read_folder
from groupnet_det.checkpoint.model_card import model_card
from groupnet_det.errors import CheckpointError, UserError
from groupnet_det.files.hub import HubName, parse_name, push_files
from groupnet_det.packed.packed_file import read_packed
from groupnet_det.version import __version__

from . import deployment_flags

PACKED = "*.gnp"


def main(argv: Sequence[str] | None = None) -> int:
    arguments = deployment_flags.push().parse_args(argv)
    folder = arguments.folder
    try:
        name = parse_name(f"hf://{arguments.name.removeprefix('hf://')}")
        if name != HubName(name.repo):
            raise CheckpointError(f"{name} is more than a name; give USER/NAME alone")
        files = _files_to_push(folder, name)
        message = f"Pushed by groupnet_det {__version__}"
        address = push_files(name, files, message=message, private=arguments.private)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    left_out = sorted({path.name for path in folder.iterdir()} - set(files))
    print(f"pushed: {', '.join(files)}")
    print(f"left out: {', '.join(left_out) or 'nothing'}")
    print(f"{name} is {address}")
    return 0


def _files_to_push(folder: Path, name: HubName) -> dict[str, Path | bytes]:
    """Choose the files of a folder that are for other people, by name; all can be read.

    Args:
        folder: A folder that `write_folder` made, perhaps with packed files.
        name: Name of the model on the hub, for the card.

    Raises:
        CheckpointError: A file is missing, broken, or a link to one elsewhere.
        PackedFileError: A packed file is broken.
    """
    packed = sorted(path.name for path in folder.glob(PACKED))
    paths = {file: folder / file for file in (WEIGHTS_FILE, CONFIG_FILE, CARD_FILE, *packed)}
    for path in paths.values():
        if not path.exists() or not stat.S_ISREG(path.lstat().st_mode):
            raise CheckpointError(
                f"{path} is not a plain file, so nothing is pushed; `groupnet-det convert "
                f"CHECKPOINT --output FOLDER` makes {WEIGHTS_FILE}, {CONFIG_FILE} and {CARD_FILE}"
            )
    checkpoint = read_folder(folder)
    for file in packed:
        read_packed(folder / file)
    card = paths[CARD_FILE].read_bytes()
    if card == model_card(folder.resolve().name, checkpoint).encode():
        card = model_card(str(name), checkpoint).encode()
    return {**paths, CARD_FILE: card}
