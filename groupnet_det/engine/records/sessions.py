"""Sessions of a training in ``sessions.json``: date, machine, time and what it learned from."""

import contextlib
import datetime
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.engine import HookBase
from detectron2.utils import comm

from groupnet_det.files.json_text import parse_json
from groupnet_det.machine import processor
from groupnet_det.version import __version__

from .output_names import SESSIONS

PERIOD = 10.0  # seconds between two notes of a running session
MAX_NUMBER = 2**63  # of what is read


class RecordSession(HookBase):
    """Note a session while it runs; a resumed training adds another one.

    The last hook of an iteration, so that the time of evaluations is counted.
    """

    def __init__(self, output: Path, facts: Mapping[str, Any]) -> None:
        """
        Args:
            output: ``OUTPUT_DIR``.
            facts: What stays the same in a session; see `session_facts`.
        """
        self._path = output / SESSIONS
        self._facts = facts
        self._earlier: list[dict[str, Any]] = []
        self._started = self._noted = 0.0

    def before_train(self) -> None:
        start = self.trainer.start_iter
        # What an interrupted session did after the checkpoint that this one starts from was lost.
        earlier = [each for each in read_sessions(self._path.parent) if each["start"] < start]
        self._earlier = [{**each, "end": min(each["end"], start)} for each in earlier]
        self._started = time.monotonic()
        self._note(start)

    def after_step(self) -> None:
        if time.monotonic() - self._noted >= PERIOD:
            self._note(self.trainer.iter + 1)

    def after_train(self) -> None:
        self._note(self.trainer.iter)

    def _note(self, end: int) -> None:
        self._noted = time.monotonic()
        seconds = round(self._noted - self._started, 1)
        span = {"start": self.trainer.start_iter, "end": end, "seconds": seconds}
        # Without an iteration, as where a finished training is resumed, there is none to tell of.
        own = [{**span, **self._facts}] if end > self.trainer.start_iter else []
        with contextlib.suppress(OSError):  # checkpoints say so if the folder cannot be written
            partial = self._path.with_suffix(".partial")
            partial.write_text(json.dumps([*self._earlier, *own], indent=2) + "\n")
            os.replace(partial, self._path)


def build_session_record(cfg: CfgNode, num_images: int) -> list[HookBase]:
    """The hook of the main process; none for others.

    Args:
        cfg: Config of the training.
        num_images: Images that it learns from.
    """
    if not comm.is_main_process():
        return []
    return [RecordSession(Path(cfg.OUTPUT_DIR), session_facts(cfg, num_images))]


def session_facts(cfg: CfgNode, num_images: int) -> dict[str, Any]:
    """Date, device, versions, seed and training images of a session that begins."""
    is_gpu = cfg.MODEL.DEVICE.startswith("cuda")
    return {
        "date": datetime.date.today().isoformat(),
        "device": torch.cuda.get_device_name() if is_gpu else processor(),
        "processes": comm.get_world_size(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "groupnet_det": __version__,
        "seed": cfg.SEED,
        "images": num_images,
        "batch": cfg.SOLVER.IMS_PER_BATCH,
    }


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """The sessions of a training: ``start`` and ``end`` in iterations, ``seconds``, and the members
    of `session_facts` that are texts or numbers. None where there is no such file, as in trainings
    of older versions."""
    try:
        sessions = parse_json((folder / SESSIONS).read_text())
        return [
            {key: value for key, value in each.items() if _is_text_or_number(value)}
            for each in sessions
            if all(_is_number(each[key]) for key in ("start", "end", "seconds"))
        ]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _is_text_or_number(value: Any) -> bool:
    return isinstance(value, str) or _is_number(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= MAX_NUMBER  # which nan is not
