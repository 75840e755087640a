"""Train or evaluate; the flags and files are Detectron2's."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detectron2.engine import default_argument_parser
from detectron2.utils import comm

from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.checkpoint.provenance import expected_names, warn_of_training_data
from groupnet_det.config import parse_slimmable_bases
from groupnet_det.engine.processes.launch import run_in_processes
from groupnet_det.engine.setup import setup
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import UserError
from groupnet_det.inference.packed_model import build_packed_model, is_packed
from groupnet_det.report.report_page import write_report

from . import training_flags
from .own_data import train_on_data

NEEDS = (
    "the config file is missing: --config-file FILE, or FILE as the first word; or --data FOLDER"
)


def train_or_evaluate(arguments: argparse.Namespace) -> Any:
    cfg = setup(arguments)
    if arguments.eval_only and is_packed(cfg.MODEL.WEIGHTS) and not arguments.resume:
        bases = cfg.MODEL.GROUPNET.NUM_BASES if parse_slimmable_bases(cfg) else None
        packed = build_packed_model(cfg, cfg.MODEL.WEIGHTS, backend=arguments.backend, bases=bases)
        return Trainer.test(cfg, packed)
    if arguments.eval_only:
        model = Trainer.build_model(cfg)
        expected = {name: expected_names(name) for name in cfg.DATASETS.TEST}
        checkpointer = Checkpointer(model, cfg.OUTPUT_DIR, strict=True, class_names=expected)
        stored = checkpointer.resume_or_load(cfg.MODEL.WEIGHTS, resume=arguments.resume)
        if comm.is_main_process():
            used = "the last checkpoint" if arguments.resume else cfg.MODEL.WEIGHTS
            warn_of_training_data(used, stored, cfg.DATASETS.TEST)
        return Trainer.test(cfg, model)
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=arguments.resume)
    results = trainer.train()
    if arguments.report and comm.is_main_process():
        print(f"report: {write_report(Path(cfg.OUTPUT_DIR))}")
    return results


def start(arguments: argparse.Namespace) -> None:
    """Run `train_or_evaluate` in the processes that are asked for.

    Raises:
        UserError: It cannot be run.
    """
    if not arguments.dist_url:
        arguments.dist_url = default_argument_parser().get_default("dist_url")
    run_in_processes(train_or_evaluate, arguments)


def main(argv: Sequence[str] | None = None) -> int:
    parser = training_flags.train_net()
    arguments = parser.parse_args(argv)
    if arguments.data is None and not arguments.config_file:
        parser.error(NEEDS)
    if arguments.report and arguments.eval_only:
        parser.error("--report goes with training; later there is tools/report.py OUTPUT_DIR")
    try:
        if arguments.data is not None:
            train_on_data(arguments)
            return 0
        start(arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    return 0
