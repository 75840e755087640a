"""Train or evaluate; the flags and files are Detectron2's.

  python tools/train_net.py --config-file configs/quick/retinanet_groupnet_photo_digits.yaml
  python tools/train_net.py --config-file ... --resume
  python tools/train_net.py --config-file ... --eval-only MODEL.WEIGHTS output/model_final.pth
  python tools/train_net.py --config-file ... --eval-only MODEL.WEIGHTS model.gnp
  python tools/train_net.py --config-file ... --num-gpus 8
  python tools/train_net.py --config-file ... --num-processes 2
  python tools/train_net.py --config-file ... --report

A packed file (tools/export_packed.py) runs on the compiled engine, on the CPU.
The CPU is taken where there is no GPU, and with ``--num-gpus 0``. Several processes and machines:
docs/distributed.md.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detectron2.engine import default_argument_parser
from detectron2.utils import comm

from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.checkpoint.provenance import expected_names, warn_of_training_data
from groupnet_det.engine.launch import add_process_flag, run_in_processes
from groupnet_det.engine.packed_model import build_packed_model, is_packed
from groupnet_det.engine.setup import setup
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import UserError
from groupnet_det.report.page import write_report
from groupnet_det.runtime.predictor import BACKENDS


def train_or_evaluate(arguments: argparse.Namespace) -> Any:
    cfg = setup(arguments)
    if arguments.eval_only and is_packed(cfg.MODEL.WEIGHTS) and not arguments.resume:
        packed = build_packed_model(cfg, cfg.MODEL.WEIGHTS, backend=arguments.backend)
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


def main(argv: Sequence[str] | None = None) -> int:
    parser = default_argument_parser(epilog=__doc__)
    add_process_flag(parser)
    parser.add_argument(
        "--backend",
        choices=list(BACKENDS),
        default="native",
        help="of a packed file: the compiled engine, or PyTorch, which is slow",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="at the end of training, make OUTPUT_DIR/report.html (tools/report.py)",
    )
    arguments = parser.parse_args(argv)
    if arguments.report and arguments.eval_only:
        parser.error("--report goes with training; later there is tools/report.py OUTPUT_DIR")
    try:
        run_in_processes(train_or_evaluate, arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    return 0
