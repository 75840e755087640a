"""Packed models on your own pictures, in a browser on this machine.

  make web
  python demo/app.py
  python demo/app.py --models output/my_detector.gnp digits.gnp

It offers the models of `make zoo` and all output/**/model.gnp, or those that --models names. Nobody
but this machine can open the page, and the page asks for nothing elsewhere. docs/web-demo.md
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from groupnet_det.errors import UserError
from groupnet_det.project_files import work_folder
from groupnet_det.web.examples import write_examples
from groupnet_det.web.models import find_models, open_models
from groupnet_det.web.page import build_page, launch, load_gradio

ROOT = work_folder()


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", type=Path, default=[], metavar="FILE.gnp")
    parser.add_argument("--port", type=int, help="of 127.0.0.1; any free one from 7860 if absent")
    return parser.parse_args(words)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="groupnet_det_") as folder:
            run(arguments, Path(folder))
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    return 0


def run(arguments: argparse.Namespace, folder: Path) -> None:
    """Serve the page until Ctrl-C.

    Args:
        folder: For uploads and examples.

    Raises:
        UserError: There is no model, a named one cannot be used, or Gradio is absent.
        OSError: The port is taken.
    """
    gradio = load_gradio(folder / "uploads")
    models, problems = open_models(arguments.models, find_models(ROOT), root=ROOT)
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)
    try:
        examples = write_examples(folder / "examples")
    except ModuleNotFoundError as error:
        print(f"warning: no example pictures, as {error.name} is absent", file=sys.stderr)
        examples = []
    launch(gradio, build_page(gradio, models, examples), port=arguments.port)
