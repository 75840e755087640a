"""The steps from a request to a report, each of which is done once."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groupnet_det.config import load_config
from groupnet_det.engine.records.output_names import CONFIG, METRICS
from groupnet_det.engine.setup import check_output_dir
from groupnet_det.errors import lookup

from . import command_runs
from .after_training import pack_and_time, report_training, summary_line
from .choices.choice import format_choices
from .command_runs import TrainingStage, training_commands
from .config_files import CHOICES, TANH_CHOICES, write_choices
from .dataset_finders.finder_table import find_data
from .plan import make_plan
from .request import Progress, Request
from .tasks import TRAINING_TASKS, TrainingTask
from .training_summary import (
    SUMMARY,
    draw_curves,
    draw_predictions,
    list_outputs,
    machine,
    scores_at_end,
    scores_line,
)

TANH_FOLDER = "tanh"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A request whose choices are made.

    Attributes:
        request: It.
        task: Task of the data.
        has_tanh: Whether a stage with tanh comes first.
    """

    request: Request
    task: TrainingTask
    has_tanh: bool

    @property
    def output(self) -> Path:
        return self.request.output

    @property
    def config(self) -> str:
        return str(self.output / CHOICES)

    @property
    def options(self) -> list[str]:
        """Config keys and values of all commands."""
        return ["OUTPUT_DIR", str(self.output)]

    @property
    def stages(self) -> list[TrainingStage]:
        binary = TrainingStage(config=self.config, output=self.output)
        if not self.has_tanh:
            return [binary]
        config = str(self.output / TANH_CHOICES)
        return [TrainingStage(config=config, output=self.output / TANH_FOLDER), binary]

    def run(self, *command: str) -> None:
        """A command of the project, in the current folder."""
        command_runs.run(command, root=Path.cwd())


def autotrain(request: Request, *, dry_run: bool = False) -> Path:
    """Choose, train, evaluate, pack, verify, time, draw and report; run again, it goes on.

    Args:
        request: What is asked for.
        dry_run: Stop after the choices.

    Returns:
        The output folder.

    Raises:
        UserError: The data or the request cannot work, in one line; or a command failed, whose own
            output says why.
    """
    check_output_dir(str(request.output))
    progress = Progress(request)
    job = _chosen(request, progress)
    if dry_run:
        _write_complete_config(job)
        return request.output
    for number, (name, step) in enumerate(STEPS.items(), start=1):
        done = progress.get(name)
        print(f"\n[{number}/{len(STEPS)}] {name}" + (": done" if done else ""), flush=True)
        if not done:
            started = time.monotonic()
            found = step(job)
            progress.note(name, {"minutes": (time.monotonic() - started) / 60, **found})
    _summarize(job, progress)
    return request.output


def _write_complete_config(job: Job) -> None:
    """``config.yaml``; once a training has begun, its own stays."""
    if not (job.output / METRICS).is_file():
        (job.output / CONFIG).write_text(load_config(job.config).dump())
    print(f"written: {job.config} and {job.output / CONFIG}; train without --dry-run")


def _chosen(request: Request, progress: Progress) -> Job:
    """The choices that are written down, or else new ones."""
    choices, tanh = request.output / CHOICES, request.output / TANH_CHOICES
    noted = progress.get("choose")
    if noted and choices.is_file():
        print(f"{choices} is there; its values are taken")
    else:
        print(f"looking at {request.data}", flush=True)
        found = find_data(request.data.absolute(), request.task)
        name = request.task or found.tasks[0]
        notes = "".join(f"; {note}" for note in found.notes)
        print(f"found: {found.layout}, for --task {name}{notes}", flush=True)
        plan = make_plan(request, TRAINING_TASKS[name], found)
        print(format_choices(plan.choices))
        what = f"{request.data} (--task {name})"
        write_choices(choices, plan.choices, base=TRAINING_TASKS[name].config_file, what=what)
        if plan.tanh:
            print("before it, in a stage of its own:\n" + format_choices(plan.tanh))
            write_choices(tanh, plan.tanh, base=CHOICES, what=f"the stage before {choices}")
        minutes = plan.schedule.seconds / 60
        print(f"the trainings will take about {minutes:.1f} minutes, their evaluations come on top")
        if not plan.schedule.is_enough:
            print(
                f"that is {plan.schedule.iterations} iterations alone, after which little is "
                "learned: give more, with --time or --epochs and another --output"
            )
        progress.note("choose", noted := {"task": name, "has_tanh": bool(plan.tanh)})
    task = lookup(TRAINING_TASKS, noted["task"], f"the task in {progress.path}")
    return Job(request=request, task=task, has_tanh=noted["has_tanh"])


def _train(job: Job) -> dict[str, Any]:
    for command in training_commands(job.stages):
        job.run(*command, "--num-gpus", str(job.request.num_gpus), "--brief")
    return {"scores": scores_at_end(job.output, job.task.metrics)}


def _pack(job: Job) -> dict[str, Any]:
    threshold = job.task.threshold
    packed = pack_and_time(job.config, job.options, job.output, job.run, threshold=threshold)
    return {"packed": packed}


def _draw(job: Job) -> dict[str, Any]:
    draw_predictions(
        job.config,
        [],
        job.output,
        job.run,
        results=str(job.output),
        threshold=job.task.threshold,
    )
    cfg = load_config(job.config)
    title = f"{job.task.title}, K = {cfg.MODEL.GROUPNET.NUM_BASES}, on {job.output.absolute().name}"
    draw_curves([stage.output for stage in job.stages], title)
    return {}


def _report(job: Job) -> dict[str, Any]:
    report_training(job.output, job.run)
    return {}


TRAIN, PACK, DRAW, REPORT = (
    "train and evaluate",
    "pack, verify and time",
    "draw",
    "report",
)
STEPS: dict[str, Callable[[Job], dict[str, Any]]] = {
    TRAIN: _train,
    PACK: _pack,
    DRAW: _draw,
    REPORT: _report,
}


def _summarize(job: Job, progress: Progress) -> None:
    """Write ``summary.json``, and print the summary."""
    scores, packed = progress.get(TRAIN)["scores"], progress.get(PACK)["packed"]
    minutes = sum(progress.get(step)["minutes"] for step in STEPS)
    summary = {
        "request": job.request.identity(),
        "scores": scores,
        "minutes": round(minutes, 1),
        **machine(),
        "packed": packed,
    }
    (job.output / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n")
    print(
        f"\n{job.task.title}, validation, in per cent: {scores_line(scores)}\n"
        f"packed file: {summary_line(packed)}\n"
        f"after {minutes:.1f} minutes. {list_outputs(job.output)}"
    )
