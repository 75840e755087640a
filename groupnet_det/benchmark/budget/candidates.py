"""Candidates of a search: networks with fixed numbers of bases, packed, scored and timed."""

import contextlib
import io
import math
import time
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode

from groupnet_det.benchmark.measure.timing import Schedule, alternate, burst_of
from groupnet_det.benchmark.suites.trained_model import first_batch, prepared_image
from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.checkpoint.provenance import PROVENANCE
from groupnet_det.data.loading.loaders import build_train_loader
from groupnet_det.engine.hooks import set_precise_statistics
from groupnet_det.engine.records.output_names import CHECKPOINT, CONFIG, PACKED
from groupnet_det.errors import ConfigError, lookup
from groupnet_det.exporting.export_settings import ExportSettings
from groupnet_det.exporting.packed.trained import export_trained, load_trained, training_source
from groupnet_det.files.csv_records import append_record, read_records
from groupnet_det.inference.dataset_scores import score_dataset
from groupnet_det.inference.packed_model import PackedModel
from groupnet_det.packed.packed_file import PackedFile, write_packed

from .assignments import Assignment, assignment_text, with_assignment
from .candidate_rows import CandidateRow

ROWS = "fit.csv"
TRAINED_ON = "trained"  # folder of a training that goes on from the chosen network
DIGITS = 12  # of the checkpoint's digest


class Candidates:
    """Networks that take their weights from one slimmable network, measured on this machine.

    Where parts have different numbers of bases, the statistics of all BN are measured again on
    training images, as branches then see values that they have not seen in training (Yu and Huang,
    Universally Slimmable Networks, arXiv 1903.05134, section 3.3). Nothing is trained.
    """

    def __init__(
        self, cfg: CfgNode, folder: Path, *, num_batches: int, threads: int, schedule: Schedule
    ) -> None:
        """
        Args:
            cfg: Of the slimmable network, with its checkpoint in ``MODEL.WEIGHTS`` and its data
                sets registered. Candidates are scored on ``DATASETS.VAL`` if there is one, else on
                ``DATASETS.TEST``.
            folder: Where rows and the chosen network are kept.
            num_batches: Training batches for the statistics of BN.
            threads: Threads of the engine.
            schedule: How long each is timed.

        Raises:
            UserError: The config names no data sets, there is no checkpoint, or the folder holds
                another network.
        """
        self.cfg, self.folder = cfg, folder
        self.num_batches, self.threads, self.schedule = num_batches, threads, schedule
        self.dataset = _scored_dataset(cfg)
        if (folder / CHECKPOINT).exists() and not (folder / ROWS).exists():
            raise ConfigError(f"{folder} holds another network, {CHECKPOINT}; name another folder")
        digest = training_source(ExportSettings.from_config(cfg))["checkpoint_sha256"][:DIGITS]
        self.settings = f"{digest} {self.dataset} {num_batches} batches {threads} threads"
        rows = read_records(folder / ROWS, CandidateRow)
        self.rows = {row.bases: row for row in rows if row.settings == self.settings}
        folder.mkdir(parents=True, exist_ok=True)

    def measure(self, assignment: Assignment) -> CandidateRow:
        """The row of an assignment; kept at once, and remembered.

        Raises:
            UserError: The network cannot be made from the checkpoint, or packed.
        """
        name = assignment_text(assignment)
        if name not in self.rows:
            started = time.monotonic()
            row = self._measured(assignment)
            append_record(self.folder / ROWS, row)
            self.rows[name] = row
            print(
                f"{len(self.rows):4}  {name}: {row.metric} {row.score:.2f}, "
                f"{row.milliseconds:.3f} ms; took {time.monotonic() - started:.0f} s",
                flush=True,
            )
        return self.rows[name]

    def write(self, assignment: Assignment) -> Path:
        """Write the checkpoint of a network, its config, which trains it on, and its packed file.

        Returns:
            The packed file.
        """
        cfg, model, rest = self._make(assignment)
        cfg.MODEL.WEIGHTS = str(self.folder / CHECKPOINT)
        cfg.OUTPUT_DIR = str(self.folder / TRAINED_ON)
        kept = {key: rest[key] for key in PROVENANCE if key in rest}
        extra = {**kept, "config": cfg.dump()}
        Checkpointer(model, str(self.folder), extra=extra).save(Path(CHECKPOINT).stem)
        (self.folder / CONFIG).write_text(cfg.dump())
        return self._write_packed(export_trained(cfg, model, rest), PACKED)

    def _measured(self, assignment: Assignment) -> CandidateRow:
        cfg, model, rest = self._make(assignment)
        path = self._write_packed(export_trained(cfg, model, rest), f"candidate_{PACKED}")
        try:
            network, num_bytes = PackedModel(str(path)), path.stat().st_size
        finally:
            path.unlink()
        seconds = [self._seconds(network)]
        metric = cfg.SOLVER.BEST_METRIC
        with contextlib.redirect_stdout(io.StringIO()):  # tables of the evaluator, for each network
            scores = score_dataset(cfg, network, self.dataset).values
        score = lookup(scores, metric, "SOLVER.BEST_METRIC")
        seconds.append(self._seconds(network))  # once more: a machine may be slow for a while
        return CandidateRow(
            bases=assignment_text(assignment),
            metric=metric,
            score=round(score, 4) if math.isfinite(score) else 0.0,
            milliseconds=round(1000 * min(seconds), 5),
            num_bytes=num_bytes,
            settings=self.settings,
        )

    def _make(self, assignment: Assignment) -> tuple[CfgNode, Any, dict[str, Any]]:
        cfg = with_assignment(self.cfg, assignment)
        model, rest = load_trained(cfg)
        if len(set(assignment.values())) > 1:
            loader = build_train_loader(_in_this_process(cfg), seed=max(cfg.SEED, 0))
            set_precise_statistics(model.train(), islice(loader, self.num_batches))
        return cfg, model.eval(), rest

    def _write_packed(self, packed: PackedFile, name: str) -> Path:
        path = self.folder / name
        write_packed(path, packed.program, packed.info, packed.tensors)
        return path

    def _seconds(self, network: PackedModel) -> float:
        """From the pixels of the first image to the prediction."""
        torch.set_num_threads(self.threads)
        cfg = self.cfg.clone()
        cfg.defrost()
        cfg.DATASETS.TEST = (self.dataset,)
        pixels, size = prepared_image(first_batch(cfg)[0])
        run = burst_of(lambda: network.predictor.predict_pixels(pixels, size))
        return min(alternate({"network": run}, self.schedule)["network"])


def _scored_dataset(cfg: CfgNode) -> str:
    """The data set that chooses; there must be one to train on, too."""
    names = [*cfg.DATASETS.VAL, *cfg.DATASETS.TEST]
    for key, found in {"TRAIN": cfg.DATASETS.TRAIN, "VAL": names}.items():
        if not found:
            raise ConfigError(f"DATASETS.{key} is empty; name a data set")
    return str(names[0])


def _in_this_process(cfg: CfgNode) -> CfgNode:
    cfg = cfg.clone()
    cfg.defrost()
    cfg.DATALOADER.NUM_WORKERS = 0  # for a few batches
    return cfg
