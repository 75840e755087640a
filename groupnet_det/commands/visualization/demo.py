"""Run a trained model on images, a video or a webcam, and draw what it finds."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from groupnet_det.errors import UserError
from groupnet_det.images.decoding import read_rgb
from groupnet_det.images.file_patterns import find_images
from groupnet_det.images.video_frames import FrameSource
from groupnet_det.inference.image_files import output_paths, save_drawing
from groupnet_det.inference.trained_predictor import open_predictor
from groupnet_det.inference.videos import (
    VideoFile,
    Window,
    check_display,
    video_output,
)
from groupnet_det.packed.score_thresholds import DEFAULT_THRESHOLDS
from groupnet_det.pretrained import pretrained
from groupnet_det.runtime.base_predictor import BasePredictor
from groupnet_det.visualization.drawn_results import VideoDrawer, describe_result

from . import visualization_flags


def _report_problem(problem: str) -> None:
    """A line on stderr, above the progress bar."""
    tqdm.write(f"error: {problem}", file=sys.stderr)


def _run_on_images(predictor: BasePredictor, patterns: Sequence[str], output: Path | None) -> int:
    """Draw files.

    Returns:
        How many could not be used, patterns without a match among them.

    Raises:
        UserError: Nothing can be read, or nothing written.
    """
    paths, problems = find_images(patterns)
    targets = output_paths(paths, output) if output else [None] * len(paths)
    for problem in problems:
        _report_problem(problem)
    failed = len(problems)
    bar = tqdm(list(zip(paths, targets, strict=True)), unit="image", disable=None)
    for path, target in bar:
        try:
            go_on = _draw_file(predictor, path, target)
        except (UserError, RuntimeError) as error:
            _report_problem(
                str(error) if isinstance(error, UserError) else f"{path}: {_first_line(error)}"
            )
            failed += 1
        else:
            if not go_on:
                break
    if failed:
        _report_problem(f"{failed} of {len(paths) + len(problems)} inputs could not be used")
    return failed


def _draw_file(predictor: BasePredictor, path: Path, target: Path | None) -> bool:
    """Draw one file.

    Returns:
        Whether to go on.

    Raises:
        DataError: It cannot be read, or its drawing cannot be written.
    """
    pixels = read_rgb(str(path))
    start = time.perf_counter()
    result = predictor(pixels)
    seconds = time.perf_counter() - start
    drawn = result.plot(pixels)
    tqdm.write(f"{path}: {describe_result(result)}, {seconds:.2f} s")
    if target:
        save_drawing(drawn, target)
        return True
    with Window(path.name, wait=True) as window:
        return window.show(drawn)


def _run_on_video(predictor: BasePredictor, source: Path | int, output: Path | None) -> int:
    """Draw the frames of a video or webcam; Ctrl-C ends it, and what is written stays.

    Returns:
        0.

    Raises:
        DataError: The source cannot be opened, or is damaged; what could be read is drawn.
    """
    draw = VideoDrawer()
    with FrameSource(source) as frames:
        sink = VideoFile(output, frames.rate) if output else Window(frames.name)
        with sink:
            try:
                for frame in tqdm(frames, total=frames.announced, unit="frame", disable=None):
                    if not sink.show(draw(frame, predictor(frame))):
                        return 0
            except KeyboardInterrupt:
                return 0
        if isinstance(source, Path):
            frames.check_complete()
    return 0


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = visualization_flags.demo()
    arguments = parser.parse_args(words)
    has_source = arguments.input or arguments.video_input or arguments.webcam is not None
    if not (arguments.weights or arguments.config_file or arguments.opts):
        _use_pretrained(arguments, has_source=has_source)
    elif not has_source:
        parser.error("name images, a video or a webcam: --input, --video-input or --webcam")
    return arguments


def _use_pretrained(arguments: argparse.Namespace, *, has_source: bool) -> None:
    """Take a model that comes with the package, and its image where nothing is named.

    Raises:
        ConfigError: There is no model of that name.
    """
    model = pretrained(arguments.pretrained)
    arguments.weights = str(model.path)
    if not has_source:
        arguments.input = [str(model.image)]
        arguments.output = arguments.output or Path(f"{model.name}.png")
        name, value = model.metric
        print(
            f"{model.name}, a packed model of {model.path.stat().st_size / 1e3:.0f} kB with "
            f"{name} {value:.1f}, on {model.image.name}; drawn into {arguments.output}"
        )


def main(argv: Sequence[str] | None = None) -> int:
    try:
        failed = run(parse_arguments(argv))
    except UserError as error:
        sys.exit(f"error: {error}")
    return 1 if failed else 0


def run(arguments: argparse.Namespace) -> int:
    """Run on images or on a video; see `_run_on_images` and `_run_on_video`."""
    if not arguments.output:
        check_display()
    threshold = arguments.score_threshold
    predictor = open_predictor(
        arguments.weights,
        config_file=arguments.config_file,
        options=arguments.opts,
        score_threshold=DEFAULT_THRESHOLDS if threshold is None else threshold,
    )
    if arguments.input:
        return _run_on_images(predictor, arguments.input, arguments.output)
    is_file = arguments.video_input is not None
    source = Path(arguments.video_input) if is_file else arguments.webcam
    name = source.stem if is_file else f"webcam{source}"
    output = arguments.output and video_output(name, arguments.output)
    return _run_on_video(predictor, source, output)
