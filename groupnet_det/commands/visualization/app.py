"""Packed models on your own images, in a browser on this machine."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.errors import UserError
from groupnet_det.files.paths import work_folder
from groupnet_det.pretrained import list_pretrained, pretrained
from groupnet_det.web.example_images import write_examples
from groupnet_det.web.handover import Handover
from groupnet_det.web.offered_models import find_models, open_models
from groupnet_det.web.signals import ending_by_signals
from groupnet_det.web.uploads import Uploads
from groupnet_det.web.web_page import Page, build_page, launch, load_gradio

from . import visualization_flags

ROOT = work_folder()


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = visualization_flags.app()
    return parser.parse_args(words)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    try:
        with ending_by_signals(), tempfile.TemporaryDirectory(prefix="groupnet_det_") as folder:
            run(arguments, Path(folder).resolve())
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("closed")
    return 0


def run(arguments: argparse.Namespace, folder: Path) -> None:
    """Serve the page until a signal, such as Ctrl-C, ends it.

    Args:
        folder: For uploads and examples.

    Raises:
        UserError: There is no model, a named one cannot be used, or Gradio is missing.
        OSError: The port is taken.
    """
    uploads, handover = Uploads(folder / "uploads"), Handover()
    gradio = load_gradio(uploads.folder)
    shipped = [pretrained(name).path for name in list_pretrained()]
    models, problems = open_models(arguments.models, [*find_models(ROOT), *shipped], root=ROOT)
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)
    try:
        examples = write_examples(folder / "examples")
    except ModuleNotFoundError as error:
        print(f"warning: no example images, as {error.name} is missing", file=sys.stderr)
        examples = {}
    blocks = build_page(gradio, Page(models, uploads, handover), examples)
    try:
        launch(gradio, blocks, uploads, port=arguments.port)
        handover.serve()
    finally:
        blocks.close(verbose=False)  # before the folder goes: nothing is written to it any more
