"""Draw training data with their annotations; the flags are those of Detectron2's tool."""

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from tqdm import tqdm

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import make_missing_datasets, register_datasets
from groupnet_det.data.loading.loaders import build_train_loader
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.inference.image_files import files_in_folder, save_drawing
from groupnet_det.inference.videos import Window, check_display
from groupnet_det.visualization.dataset_samples import draw_record, draw_sample, load_records

from . import visualization_flags

# The file of an image, and the function that draws it.
Drawing = tuple[Path, Callable[[], np.ndarray]]


def _annotation_items(cfg: CfgNode, num_images: int) -> Iterator[Drawing]:
    """The images of all training data sets, or so many of them, evenly chosen."""
    found = [
        (record, MetadataCatalog.get(name))
        for name in cfg.DATASETS.TRAIN
        for record in load_records(name)
    ]
    number = min(num_images or len(found), len(found))
    for index in np.linspace(0, len(found) - 1, number).astype(int) if number else ():
        record, metadata = found[index]
        yield Path(record["file_name"]), partial(draw_record, record, metadata)


def _loader_items(cfg: CfgNode, num_images: int) -> Iterator[Drawing]:
    """Drawings of what training sees first; by default as many as there are images."""
    metadata = MetadataCatalog.get(cfg.DATASETS.TRAIN[0])
    number = num_images or sum(len(load_records(name)) for name in cfg.DATASETS.TRAIN)
    batches = build_train_loader(cfg, seed=max(cfg.SEED, 0))
    samples = itertools.chain.from_iterable(batches)
    for sample in itertools.islice(samples, number):
        drawn = partial(draw_sample, sample, metadata, cfg.INPUT.FORMAT)
        yield Path(sample["file_name"]), drawn


SOURCES = {"annotation": _annotation_items, "dataloader": _loader_items}


def _draw_dataset(cfg: CfgNode, arguments: argparse.Namespace) -> int:
    """Draw all; returns how many could not be drawn.

    Raises:
        UserError: Nothing can be drawn.
    """
    if arguments.show:
        check_display()
    if not cfg.DATASETS.TRAIN:
        raise ConfigError("DATASETS.TRAIN is empty; name a data set")
    register_datasets(cfg)
    make_missing_datasets(cfg.DATASETS.TRAIN)
    if arguments.source == "dataloader":
        check_datasets(cfg, cfg.DATASETS.TRAIN)  # as training does
    failed = 0
    used: set[str] = set()
    for path, drawn in tqdm(
        SOURCES[arguments.source](cfg, arguments.num_images), unit="image", disable=None
    ):
        try:
            pixels = drawn()
            if not arguments.show:
                (target,) = files_in_folder([path], arguments.output, used)
                save_drawing(pixels, target)
                continue
        except UserError as error:
            tqdm.write(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        with Window(path.name, wait=True) as window:
            if not window.show(pixels):
                break
    return failed


def main(argv: Sequence[str] | None = None) -> int:
    parser = visualization_flags.visualize_data()
    arguments = parser.parse_args(argv)
    try:
        failed = _draw_dataset(load_config(arguments.config_file, arguments.opts), arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    if not arguments.show:
        print(f"written into {arguments.output}")
    return 1 if failed else 0
