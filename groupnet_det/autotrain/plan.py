"""From a request to the choices of its trainings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog

from groupnet_det.config import load_config
from groupnet_det.data.catalog import class_names_of
from groupnet_det.data.dataset_checks import NUM_CLASSES_KEYS, check_datasets, check_files
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.engine.setup import choose_device

from .choices.choice import Choice, options_of
from .choices.schedule import Schedule, make_schedule, warmup_iterations
from .facts import Facts, Records, facts_of
from .layouts.found_data import TRAIN, VAL, FoundData
from .layouts.validation_split import SEED, SHARE, split_off_validation
from .measuring import cpu_cores, fitting_batch, seconds_per_iteration
from .request import Request
from .tasks import Task

DATA = "data"  # folder of what is split off
LARGE_SECONDS = 3600  # from which the CPU tries the full width
MOST_WORKERS = 4
LEAST_BATCH = 2
CHECKPOINTS = 4  # of a stage
TANH = (
    Choice("MODEL.GROUPNET.ACTIVATION", "tanh", "first stage: tanh instead of the sign"),
    Choice("MODEL.GROUPNET.WEIGHT", "float", "the same"),
    Choice("DATASETS.TEST", [], "the second stage is scored"),
    Choice("TEST.EVAL_PERIOD", 0, "the same"),
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    Attributes:
        choices: Of the binary network's training.
        tanh: What the stage before changes; nothing where there is none.
        schedule: Of both.
    """

    choices: list[Choice]
    tanh: list[Choice]
    schedule: Schedule


def make_plan(request: Request, task: Task, found: FoundData) -> Plan:
    """Look at the data, measure the machine, and choose.

    Raises:
        UserError: The data cannot be learned from, or not on this machine.
    """
    data = _data_choices(request, found)
    class_names = _class_names(task, data)
    cfg = _config(request, task, [*data, *_class_count(task, class_names)])
    cfg.INPUT.MASK_FORMAT = "bitmask"  # which takes masks of both kinds, as long as none is chosen
    (train,), (validation,) = cfg.DATASETS.TRAIN, cfg.DATASETS.TEST
    records = check_datasets(cfg, [train, validation])
    facts = facts_of(records[train], records[validation], class_names)
    fixed = [*data, *_common(request, facts), *task.recipe, *task.choose(facts)]
    given = _given(request, task)
    best: tuple[list[Choice], list[Choice], Schedule] | None = None
    for width, batch in _candidates(request, task, cfg, facts):
        best = _measured(request, task, fixed, records[train], facts, width=width, batch=batch)
        if best[2].is_enough or request.budget.epochs is not None:
            break
    assert best is not None  # there is a candidate
    choices, tanh, schedule = best
    return Plan(choices=[*choices, *given], tanh=tanh, schedule=schedule)


def _data_choices(request: Request, found: FoundData) -> list[Choice]:
    splits = dict(found.splits)
    why = "as they lie there"
    if VAL not in splits:
        splits = split_off_validation(splits[TRAIN], request.output / DATA)
        why = f"{100 * SHARE:.0f} % split off by image, seed {SEED}: {request.output / DATA}"
    names = {split: f"{request.output.name}_{split}" for split in (TRAIN, VAL)}
    entries = [{"NAME": name, **splits[split]} for split, name in names.items()]
    return [
        Choice("DATASETS.CUSTOM", entries, f"{found.layout} of {request.data}"),
        Choice("DATASETS.TRAIN", [names[TRAIN]], "of the above"),
        Choice("DATASETS.TEST", [names[VAL]], f"validation, {why}"),
    ]


def _class_names(task: Task, data: list[Choice]) -> tuple[str, ...]:
    """Of the training split, which is registered for it."""
    cfg = load_config(task.config_file, options_of(data))
    register_datasets(cfg)
    (name,) = cfg.DATASETS.TRAIN
    check_files(name)
    DatasetCatalog.get(name)  # notes the classes of some formats
    return tuple(class_names_of(name) or ())


def _class_count(task: Task, class_names: Sequence[str]) -> list[Choice]:
    architecture = load_config(task.config_file).MODEL.META_ARCHITECTURE
    return [Choice(NUM_CLASSES_KEYS[architecture], len(class_names), "")]


def _config(request: Request, task: Task, choices: Sequence[Choice]) -> CfgNode:
    options = [*options_of(choices), *request.options]
    cfg = load_config(task.config_file, options)
    choose_device(cfg, request.num_gpus)
    register_datasets(cfg)
    return cfg


def _common(request: Request, facts: Facts) -> Iterator[Choice]:
    workers = min(MOST_WORKERS, max(1, cpu_cores() - 1))
    yield Choice("MODEL.GROUPNET.NUM_BASES", request.num_bases, "K, by --k")
    yield Choice("DATALOADER.NUM_WORKERS", workers, f"{cpu_cores()} cores, one for the training")
    yield Choice("SEED", SEED, "so that the training can be repeated")
    yield Choice("OUTPUT_DIR", str(request.output), "by --output")


def _given(request: Request, task: Task) -> list[Choice]:
    """Keys and values of the command line, as the config has them."""
    cfg = load_config(task.config_file, list(request.options))
    found = []
    for key in request.options[::2]:
        value: Any = cfg
        for part in key.split("."):
            value = value[part]
        found.append(Choice(key, value, "given"))
    return found


def _candidates(
    request: Request, task: Task, cfg: CfgNode, facts: Facts
) -> Iterator[tuple[float, int]]:
    """Widths and batches, from the most work to the least."""
    is_large = cfg.MODEL.DEVICE != "cpu" or (request.budget.seconds or 0) >= LARGE_SECONDS
    widths = (1.0, 0.5, 0.25) if is_large else (0.5, 0.25)
    usual = max(1, min(task.batch, facts.num_images))
    for width in widths:
        yield width, usual
        if usual // 2 >= LEAST_BATCH:
            yield width, usual // 2


def _measured(
    request: Request,
    task: Task,
    fixed: Sequence[Choice],
    records: Records,
    facts: Facts,
    *,
    width: float,
    batch: int,
) -> tuple[list[Choice], list[Choice], Schedule]:
    """Choices of a width and a batch, of the stage before, and the schedule that they allow."""
    sized = [
        *fixed,
        Choice("MODEL.GROUPNET.WIDTH", width, ""),
        *task.widen(width),
        Choice("SOLVER.IMS_PER_BATCH", batch, ""),
    ]
    cfg = _config(request, task, sized)
    fitting = fitting_batch(cfg, records, min(LEAST_BATCH, batch))
    sized[-1] = Choice("SOLVER.IMS_PER_BATCH", fitting, "")
    seconds = seconds_per_iteration(_config(request, task, sized))
    tanh_seconds = seconds
    if task.tanh_share:
        tanh_seconds = seconds_per_iteration(_config(request, task, [*sized, *TANH]))
    schedule = make_schedule(
        request.budget,
        num_images=facts.num_images,
        batch=fitting,
        tanh_share=task.tanh_share,
        tanh_seconds=tanh_seconds,
        binary_seconds=seconds,
    )
    told = f"{fitting} images take {seconds:.2f} s an iteration here"
    print(f"width {width}: {told}; {schedule.tanh + schedule.binary} fit", flush=True)
    choices = [
        *fixed,
        Choice(
            "MODEL.GROUPNET.WIDTH",
            width,
            f"of ResNet-18's channels{_told_time(request, schedule)}",
        ),
        *task.widen(width),
        Choice("SOLVER.IMS_PER_BATCH", fitting, f"fits into the free memory; {told}"),
        _rate(task.rate, task, fitting),
        *_iterations(schedule.binary, f"{schedule.epochs:.0f} epochs with all stages"),
        Choice("TEST.EVAL_PERIOD", max(1, -(-schedule.binary // 2)), "halfway and at the end"),
    ]
    tanh = [
        *TANH,
        _rate(task.tanh_rate, task, fitting),
        *_iterations(schedule.tanh, f"{100 * task.tanh_share:.0f} % of all iterations"),
    ]
    return choices, tanh if schedule.tanh else [], schedule


def _told_time(request: Request, schedule: Schedule) -> str:
    """What the time is enough for; nothing where epochs were asked for."""
    if request.budget.seconds is None:
        return ""
    few = "" if schedule.is_enough else ", few: give more time"
    return f": {schedule.tanh + schedule.binary} iterations fit into the time{few}"


def _rate(rate: float, task: Task, batch: int) -> Choice:
    """By the square root of the batch, as suits Adam."""
    scaled = rate * (batch / task.batch) ** 0.5
    why = f"{rate} for {task.batch} images, by the square root of their number"
    return Choice("SOLVER.BASE_LR", float(f"{scaled:.2g}"), why)


def _iterations(number: int, why: str) -> Iterator[Choice]:
    period = max(1, -(-number // CHECKPOINTS))
    yield Choice("SOLVER.MAX_ITER", number, why)
    yield Choice("SOLVER.WARMUP_ITERS", warmup_iterations(number), "a twentieth, at most 100")
    yield Choice("SOLVER.CHECKPOINT_PERIOD", period, "a quarter, to go on from")
