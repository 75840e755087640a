"""Choices of the trainings for a request."""

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
from groupnet_det.machine import multiplies_bfloat16

from .choices.choice import Choice, options_of
from .choices.schedule import ENOUGH_ITERATIONS, ScheduleChoice, make_schedule, warmup_iterations
from .dataset_finders.found_data import TRAIN, VAL, FoundData
from .dataset_finders.validation_split import SHARE, SPLIT_SEED, split_off_validation
from .dataset_statistics import Records, compute_statistics
from .iteration_cost import cpu_cores, fitting_batch, seconds_per_iteration
from .request import Request
from .tasks import TrainingTask

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
        choices: Choices for the training of the binary network.
        tanh: What the stage before changes; nothing where there is none.
        schedule: Schedule of both stages.
    """

    choices: list[Choice]
    tanh: list[Choice]
    schedule: ScheduleChoice


def make_plan(request: Request, task: TrainingTask, found: FoundData) -> Plan:
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
    statistics = compute_statistics(records[train], records[validation], class_names)
    fixed = [*data, *_common(request), *_precision(cfg), *task.recipe, *task.choose(statistics)]
    machine = _Machine(request, task, fixed, records[train], statistics.num_images)
    size = machine.choose_size(_widths(request, cfg))
    schedule = size.schedule
    if schedule.tanh:
        seconds = seconds_per_iteration(_config(request, task, [*size.choices, *TANH]))
        schedule = machine.schedule(size.batch, size.seconds, tanh_seconds=seconds)
    return Plan(
        choices=[*_sized_choices(request, task, size, schedule), *_given(request, task)],
        tanh=_tanh_choices(task, size, schedule) if schedule.tanh else [],
        schedule=schedule,
    )


def _data_choices(request: Request, found: FoundData) -> list[Choice]:
    splits = dict(found.splits)
    why = "as they lie there"
    if VAL not in splits:
        splits = split_off_validation(splits[TRAIN], request.output / DATA)
        why = f"{100 * SHARE:.0f} % split off by image, seed {SPLIT_SEED}: {request.output / DATA}"
    names = {split: f"{request.output.absolute().name}_{split}" for split in (TRAIN, VAL)}
    entries = [{"NAME": name, **splits[split]} for split, name in names.items()]
    return [
        Choice("DATASETS.CUSTOM", entries, f"{found.layout} of {request.data}"),
        Choice("DATASETS.TRAIN", [names[TRAIN]], "of the above"),
        Choice("DATASETS.TEST", [names[VAL]], f"validation, {why}"),
    ]


def _class_names(task: TrainingTask, data: list[Choice]) -> tuple[str, ...]:
    """Names of the classes of the training split, which is registered for it."""
    cfg = load_config(task.config_file, options_of(data))
    register_datasets(cfg)
    (name,) = cfg.DATASETS.TRAIN
    check_files(name)
    DatasetCatalog.get(name)  # notes the classes of some formats
    return tuple(class_names_of(name) or ())


def _class_count(task: TrainingTask, class_names: Sequence[str]) -> list[Choice]:
    architecture = load_config(task.config_file).MODEL.META_ARCHITECTURE
    return [Choice(NUM_CLASSES_KEYS[architecture], len(class_names), "")]


def _config(request: Request, task: TrainingTask, choices: Sequence[Choice]) -> CfgNode:
    options = [*options_of(choices), *request.options]
    cfg = load_config(task.config_file, options)
    choose_device(cfg, request.num_gpus)
    register_datasets(cfg)
    return cfg


def _precision(cfg: CfgNode) -> list[Choice]:
    """Mixed precision where it was measured to be faster: on CPUs that do not emulate it."""
    if cfg.MODEL.DEVICE != "cpu" or not multiplies_bfloat16():
        return []
    return [Choice("SOLVER.AMP.ENABLED", True, "this processor has instructions for bfloat16")]


def _common(request: Request) -> Iterator[Choice]:
    workers = min(MOST_WORKERS, max(1, cpu_cores() - 1))
    yield Choice("MODEL.GROUPNET.NUM_BASES", request.num_bases, "K, by --k")
    yield Choice("DATALOADER.NUM_WORKERS", workers, f"{cpu_cores()} cores, one for the training")
    yield Choice("SEED", SPLIT_SEED, "so that the training can be repeated")
    yield Choice("OUTPUT_DIR", str(request.output), "by --output")


def _given(request: Request, task: TrainingTask) -> list[Choice]:
    """Keys and values of the command line, as the config has them."""
    cfg = load_config(task.config_file, list(request.options))
    found = []
    for key in request.options[::2]:
        value: Any = cfg
        for part in key.split("."):
            value = value[part]
        found.append(Choice(key, value, "given"))
    return found


def _widths(request: Request, cfg: CfgNode) -> tuple[float, ...]:
    """Widths to try, the widest first."""
    is_large = cfg.MODEL.DEVICE != "cpu" or (request.budget.seconds or 0) >= LARGE_SECONDS
    return (1.0, 0.5, 0.25) if is_large else (0.5, 0.25)


@dataclass(frozen=True, kw_only=True)
class _Size:
    """Width of a network, and the number of images that it learns from at a time.

    Attributes:
        choices: All but the schedule, the last two of which are unexplained.
        seconds: Time of an iteration of the binary network.
        schedule: Schedule that fits the time, if iterations of both stages take as long.
    """

    width: float
    batch: int
    choices: list[Choice]
    seconds: float
    schedule: ScheduleChoice


@dataclass(frozen=True)
class _Machine:
    """Measures sizes of a network on this machine."""

    request: Request
    task: TrainingTask
    fixed: list[Choice]
    records: Records
    num_images: int

    def choose_size(self, widths: Sequence[float]) -> _Size:
        """The first width and batch that leave enough iterations; else the least of both."""
        usual = max(1, min(self.task.batch, self.num_images))
        for width in widths:
            size = self.measure(width, usual)
            if size.schedule.is_enough or self.request.budget.epochs is not None:
                return size
            may_do = 2 * size.schedule.iterations >= ENOUGH_ITERATIONS or width == widths[-1]
            if may_do and size.batch // 2 >= LEAST_BATCH:
                size = self.measure(width, size.batch // 2)
                if size.schedule.is_enough:
                    return size
        return size

    def measure(self, width: float, batch: int) -> _Size:
        """Time iterations of a width, with as many images of a batch as fit into the memory."""
        choices = [
            *self.fixed,
            *self.task.widen(width),
            Choice("MODEL.GROUPNET.WIDTH", width, ""),
            Choice("SOLVER.IMS_PER_BATCH", batch, ""),
        ]
        cfg = _config(self.request, self.task, choices)
        batch = fitting_batch(cfg, self.records, min(LEAST_BATCH, batch))
        choices[-1] = Choice("SOLVER.IMS_PER_BATCH", batch, "")
        seconds = seconds_per_iteration(_config(self.request, self.task, choices))
        schedule = self.schedule(batch, seconds, tanh_seconds=seconds)
        print(
            f"width {width}, {batch} images: {seconds:.2f} s an iteration; "
            f"{schedule.iterations} fit",
            flush=True,
        )
        return _Size(width=width, batch=batch, choices=choices, seconds=seconds, schedule=schedule)

    def schedule(self, batch: int, seconds: float, *, tanh_seconds: float) -> ScheduleChoice:
        return make_schedule(
            self.request.budget,
            num_images=self.num_images,
            batch=batch,
            tanh_share=self.task.tanh_share,
            tanh_seconds=tanh_seconds,
            binary_seconds=seconds,
        )


def _sized_choices(
    request: Request, task: TrainingTask, size: _Size, schedule: ScheduleChoice
) -> Iterator[Choice]:
    yield from size.choices[:-2]
    reason = f"of ResNet-18's channels{_time_text(request, schedule)}"
    yield Choice("MODEL.GROUPNET.WIDTH", size.width, reason)
    fits = f"fits into the free memory; {size.seconds:.2f} s an iteration here"
    yield Choice("SOLVER.IMS_PER_BATCH", size.batch, fits)
    yield _rate(task.rate, task, size.batch)
    yield from _iterations(schedule.binary, f"{schedule.epochs:.0f} epochs with all stages")
    yield Choice("TEST.EVAL_PERIOD", max(1, -(-schedule.binary // 2)), "halfway and at the end")


def _tanh_choices(task: TrainingTask, size: _Size, schedule: ScheduleChoice) -> list[Choice]:
    return [
        *TANH,
        _rate(task.tanh_rate, task, size.batch),
        *_iterations(schedule.tanh, f"{100 * task.tanh_share:.0f} % of all iterations"),
    ]


def _time_text(request: Request, schedule: ScheduleChoice) -> str:
    """Text about the time that the schedule fits; empty if epochs were asked for."""
    if request.budget.seconds is None:
        return ""
    few = "" if schedule.is_enough else ", few: give more time"
    return f": {schedule.iterations} iterations fit into the time{few}"


def _rate(rate: float, task: TrainingTask, batch: int) -> Choice:
    """Learning rate for a batch, scaled by its square root, as suits Adam."""
    scaled = rate * (batch / task.batch) ** 0.5
    why = f"{rate} for {task.batch} images, by the square root of their number"
    return Choice("SOLVER.BASE_LR", float(f"{scaled:.2g}"), why)


def _iterations(number: int, why: str) -> Iterator[Choice]:
    period = max(1, -(-number // CHECKPOINTS))
    yield Choice("SOLVER.MAX_ITER", number, why)
    yield Choice("SOLVER.WARMUP_ITERS", warmup_iterations(number), "a twentieth, at most 100")
    yield Choice("SOLVER.CHECKPOINT_PERIOD", period, "a quarter, to go on from")
