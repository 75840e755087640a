"""Accuracy against milliseconds, both measured: the trained networks of a comparison, each on the
engines that can run it."""

import datetime
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from detectron2.config import CfgNode
from tabulate import tabulate

from groupnet_det.benchmark.engines.packed_engines import engine_isa
from groupnet_det.benchmark.measure.environment import gather_environment
from groupnet_det.benchmark.measure.table import write_rows
from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.benchmark.suites.against_float import time_in_turns
from groupnet_det.comparison.rows import RowKey
from groupnet_det.files.csv_records import append_record, read_records
from groupnet_det.inference.dataset_scores import score_dataset

from .deployments import ENGINES, Deployment, TrainedNetwork, engines_for
from .front_rows import Point, ScoreRow, TimeRow

# A result of a comparison -> its config, with what was trained in MODEL.WEIGHTS, and the metric
# that counts.
Trained = Mapping[RowKey, tuple[CfgNode, str]]


class Front:
    """Scores and times of trained networks, kept in two CSV files."""

    def __init__(
        self, trained: Trained, path: Path, *, threads: int, calibration_images: int
    ) -> None:
        """
        Args:
            trained: The networks.
            path: File of the scores; the times lie beside it, see `times_of`.
            threads, calibration_images: See `TrainedNetwork`.
        """
        self.trained, self.path, self.threads = trained, path, threads
        self.calibration_images = calibration_images

    def score(self) -> None:
        """Score what is not scored yet; each row is kept at once.

        Raises:
            UserError: A network cannot be deployed, or a package is missing.
        """
        done = {row.key for row in read_records(self.path, ScoreRow, more_columns=True)}
        for key, (cfg, metric) in self.trained.items():
            network: TrainedNetwork | None = None
            for engine in engines_for(cfg):
                if _score_key(key, engine) in done:
                    continue
                network = network or self._open(cfg)
                deployed = ENGINES[engine](network)
                values = score_dataset(cfg, deployed.model, cfg.DATASETS.TEST[0]).values
                row = _score_row(key, engine, metric, values[metric], deployed)
                append_record(self.path, row)
                print(f"{key.method:28} {engine:20} seed {key.seed:<4} {metric} {row.score:.2f}")

    def time(self, schedule: Schedule) -> None:
        """Time a network of each method on each of its engines, all of them in turns, and write
        the rows again.

        Raises:
            UserError: See `score`.
        """
        torch.set_num_threads(self.threads)
        runs = {}
        for key, (cfg, _) in self.trained.items():
            names = [name for name in engines_for(cfg) if (key.method, name) not in runs]
            network = self._open(cfg) if names else None
            for name in names:
                assert network is not None
                runs[key.method, name] = ENGINES[name](network).run
        labels = {f"{method} {engine}": (method, engine) for method, engine in runs}
        seconds = time_in_turns({label: runs[pair] for label, pair in labels.items()}, schedule)
        rows = [
            TimeRow(
                method=method,
                engine=engine,
                least_ms=round(1000 * min(seconds[label]), 5),
                median_ms=round(1000 * statistics.median(seconds[label]), 5),
            )
            for label, (method, engine) in labels.items()
        ]
        settings = {"threads": self.threads, "rounds": schedule.rounds, "isa": engine_isa()}
        write_rows(times_of(self.path), rows, gather_environment(settings))

    def _open(self, cfg: CfgNode) -> TrainedNetwork:
        return TrainedNetwork(cfg, threads=self.threads, calibration_images=self.calibration_images)


def times_of(path: Path) -> Path:
    """The file of the times that belongs to the scores at `path`."""
    return path.with_name(f"{path.stem}_ms{path.suffix}")


def _score_key(key: RowKey, engine: str) -> tuple[str, str, int, float, int]:
    return key.method, engine, key.seed, key.learning_rate, key.iterations


def _score_row(
    key: RowKey, engine: str, metric: str, score: float, deployed: Deployment
) -> ScoreRow:
    return ScoreRow(
        method=key.method,
        engine=engine,
        seed=key.seed,
        learning_rate=key.learning_rate,
        iterations=key.iterations,
        metric=metric,
        score=round(score, 4),
        num_bytes=deployed.num_bytes,
        calibration_images=deployed.calibration_images,
        date=datetime.date.today().isoformat(),
    )


def format_front(points: Sequence[Point]) -> str:
    """The table, the fastest first; those on the Pareto front in bold."""
    lines = []
    for point in sorted(points, key=lambda p: (p.milliseconds is None, p.milliseconds, -p.score)):
        mark = "**" if point.on_front else ""
        spread = f" ± {point.deviation:.2f}" if point.num_seeds > 1 else ""
        took = "" if point.milliseconds is None else f"{point.milliseconds:.4f}"
        lines.append(
            {
                "network": f"{mark}{point.method}{mark}",
                "engine": point.engine,
                "ms": took,
                point.metric: f"{point.score:.2f}{spread}",
                "seeds": point.num_seeds,
                "kB": f"{point.num_bytes / 1e3:.0f}",
            }
        )
    return tabulate(lines, headers="keys", disable_numparse=True, tablefmt="pipe")
