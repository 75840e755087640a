"""Turns command-line arguments into a checked, frozen config."""

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
import yaml
from detectron2.config import CfgNode
from detectron2.engine import default_setup
from detectron2.utils import comm
from detectron2.utils.logger import setup_logger
from torch import nn

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import make_missing_datasets, register_datasets
from groupnet_det.engine.checks.binary_share import build_without_weights, check_binary_share
from groupnet_det.engine.checks.schedule_and_sizes import check_training
from groupnet_det.engine.memory.memory_check import check_memory
from groupnet_det.engine.processes.launch import check_num_gpus
from groupnet_det.engine.records.output_names import CONFIG, LAST_CHECKPOINT
from groupnet_det.errors import ConfigError
from groupnet_det.evaluation.evaluation_checks import check_evaluation
from groupnet_det.files.paths import find_config

# Which say in hundreds of lines what environment, config and network are.
SETUP_LOGGERS = ("detectron2", "detectron2.engine.defaults")
TRIED_BYTES = 1 << 16  # of a file, to see whether the disk is full


def setup(arguments: argparse.Namespace) -> CfgNode:
    """Read and check the config, register and check its data sets, write ``config.yaml``.

    Args:
        arguments: Arguments of Detectron2's ``default_argument_parser``.

    Raises:
        UserError: Anything that would fail later, in one line.
    """
    if arguments.config_file:
        arguments.config_file = find_config(arguments.config_file)
    cfg = load_config(arguments.config_file, arguments.opts)
    choose_device(cfg, arguments.num_gpus)
    register_datasets(cfg)
    if not arguments.eval_only and not cfg.DATASETS.TRAIN:
        raise ConfigError("DATASETS.TRAIN is empty; name a data set to train on")
    if arguments.eval_only and not cfg.DATASETS.TEST:
        raise ConfigError("DATASETS.TEST is empty; name a data set for --eval-only to score")
    if arguments.eval_only and not cfg.MODEL.WEIGHTS and not arguments.resume:
        raise ConfigError(
            "MODEL.WEIGHTS is empty, so --eval-only would score a random network; name the file, "
            "or add --resume for the last checkpoint in OUTPUT_DIR"
        )
    cfg.SEED = choose_seed(cfg, resume=arguments.resume)
    cfg.freeze()
    if comm.is_main_process():
        check_output_dir(cfg.OUTPUT_DIR)
    network = None
    if not arguments.eval_only:  # before classes are counted, whose key depends on the network
        network = build_without_weights(cfg)
        check_binary_share(cfg, network)
    # Where its log cannot be written, a training ends in one line, not in a traceback for each line
    # of the log.
    logging.raiseExceptions = False
    setup_logger(cfg.OUTPUT_DIR, distributed_rank=comm.get_rank(), name="groupnet_det")
    used = cfg.DATASETS.TEST if arguments.eval_only else cfg.DATASETS.TRAIN + cfg.DATASETS.TEST
    if comm.is_main_process():
        make_missing_datasets(used)
    comm.synchronize()
    if comm.get_local_rank() == 0:  # each machine reads its own disk
        check_run(cfg, network, used)
    comm.synchronize()
    if getattr(arguments, "brief", False):
        # The logger that `default_setup` asks for in these words, and gets again.
        _hide_setup(setup_logger(cfg.OUTPUT_DIR, distributed_rank=comm.get_rank()))
    with _kept_config(cfg) if arguments.eval_only else nullcontext():
        default_setup(cfg, arguments)  # only now: it replaces the config.yaml of an earlier run
    return cfg


@contextmanager
def _kept_config(cfg: CfgNode) -> Iterator[None]:
    """Where a training is, its config.yaml stays what it is."""
    folder = Path(cfg.OUTPUT_DIR)
    path = folder / CONFIG
    is_trained = comm.is_main_process() and (folder / LAST_CHECKPOINT).is_file() and path.is_file()
    before = path.read_bytes() if is_trained else None
    yield
    if before is not None:
        path.write_bytes(before)


def _hide_setup(logger: logging.Logger) -> None:
    """Keep what Detectron2 says of environment, config and network from the screen; log.txt has
    it."""
    for handler in logger.handlers:
        if getattr(handler, "stream", None) is sys.stdout:
            handler.addFilter(lambda r: r.levelno > logging.INFO or r.name not in SETUP_LOGGERS)


def check_run(
    cfg: CfgNode, network: nn.Module | None, used: Sequence[str], *, num_jobs: int = 1
) -> None:
    """See that a training or evaluation can work, before it starts; warn of what is unusual.

    Args:
        network: To be trained, of `build_without_weights`; None for an evaluation.
        used: Registered data sets.
        num_jobs: Such trainings at a time, which share this machine's memory.

    Raises:
        UserError: It cannot.
    """
    records = check_datasets(cfg, list(dict.fromkeys(used)))
    check_evaluation(cfg, training=network is not None)
    if network is not None:
        learned = [record for name in cfg.DATASETS.TRAIN for record in records[name]]
        check_training(cfg, network, learned)
        check_memory(cfg, network, learned, num_jobs=num_jobs)


def check_output_dir(folder: str) -> None:
    """Make it, and see that files can be written there.

    Raises:
        ConfigError: It cannot be, or is a file.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(TRIED_BYTES))
            file.flush()
    except OSError as error:
        reason = "it is a file" if os.path.isfile(folder) else error.strerror
        raise ConfigError(
            f"OUTPUT_DIR {folder!r} cannot be written to ({reason}); name another folder"
        ) from error


def choose_device(cfg: CfgNode, num_gpus: int) -> None:
    """Take the CPU where there is no GPU or none is wanted.

    Raises:
        ConfigError: More GPUs are asked for than there are, or several for a model on the CPU, or
            ``MODEL.DEVICE`` is no device.
    """
    check_num_gpus(num_gpus)
    try:
        torch.device(cfg.MODEL.DEVICE)
    except RuntimeError as error:
        raise ConfigError(f"MODEL.DEVICE is {cfg.MODEL.DEVICE!r}; write cuda or cpu") from error
    if cfg.MODEL.DEVICE == "cpu" and num_gpus > 1:
        raise ConfigError("MODEL.DEVICE is 'cpu', so use --num-processes instead of --num-gpus")
    if cfg.MODEL.DEVICE.startswith("cuda") and (num_gpus == 0 or not torch.cuda.device_count()):
        cfg.MODEL.DEVICE = "cpu"


def choose_seed(cfg: CfgNode, *, resume: bool) -> int:
    """``SEED``; where it is negative, that of the run to be resumed, or else a random one.

    The result stands in ``config.yaml``, so every run can be repeated. With several processes,
    that of the main process counts.
    """
    return comm.all_gather(_choose_seed_alone(cfg, resume=resume))[0]


def _choose_seed_alone(cfg: CfgNode, *, resume: bool) -> int:
    if cfg.SEED >= 0:
        return cfg.SEED
    earlier = Path(cfg.OUTPUT_DIR) / "config.yaml"
    if resume and earlier.is_file():
        seed = _seed_of(earlier)
        if seed >= 0:
            return seed
    return int.from_bytes(os.urandom(4), "little") % 2**31


def _seed_of(config: Path) -> int:
    """The seed that a run wrote down; -1 if it did not, or the file is broken."""
    try:
        content = yaml.safe_load(config.read_text())
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return -1
    seed = content.get("SEED") if isinstance(content, dict) else None
    return seed if isinstance(seed, int) else -1
