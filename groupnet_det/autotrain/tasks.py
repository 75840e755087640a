"""The tasks by name: network, recipe, and what is chosen how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from groupnet_det.config import load_config
from groupnet_det.files.paths import project_root
from groupnet_det.packed.score_thresholds import SCORE_THRESHOLD

from .choices.choice import Choice
from .choices.task_choices import (
    choose_classifier,
    choose_detector,
    choose_mask_rcnn,
    choose_segmenter,
)
from .choices.widths import widen_classifier, widen_detector, widen_mask_rcnn, widen_segmenter
from .dataset_statistics import DatasetStatistics


@dataclass(frozen=True, kw_only=True)
class TrainingTask:
    """A task with its recipe, which is that of the configs in ``configs/quick``.

    Attributes:
        title: The network's name.
        base: Its config, in ``configs/Base``.
        rate: The learning rate of the binary network for batches of `batch`.
        batch: The images of an iteration.
        choose: Makes choices from the statistics of the data.
        widen: Makes choices from the width of the network.
        own_recipe: What the recipe sets besides `RECIPE`.
        other_metrics: Keys of ``metrics.json`` to report after `main_metric`.
        tanh_share: The share of the iterations of a first stage with float weights and tanh; 0 for
            a recipe with a single stage.
        tanh_rate: The learning rate of that stage.
        threshold: The score threshold of objects that are drawn, and of the packed file.
    """

    title: str
    base: str
    rate: float
    batch: int
    choose: Callable[[DatasetStatistics], list[Choice]]
    widen: Callable[[float], list[Choice]]
    own_recipe: tuple[Choice, ...] = ()
    other_metrics: tuple[str, ...] = ()
    tanh_share: float = 0.0
    tanh_rate: float = 0.0
    threshold: float = SCORE_THRESHOLD

    @property
    def config_file(self) -> str:
        """The path of `base`."""
        return str(project_root() / "configs" / "Base" / f"{self.base}.yaml")

    @property
    def metrics(self) -> tuple[str, ...]:
        """Keys of ``metrics.json`` to report, the config's ``SOLVER.BEST_METRIC`` first."""
        return (load_config(self.config_file).SOLVER.BEST_METRIC, *self.other_metrics)

    @property
    def recipe(self) -> tuple[Choice, ...]:
        """Choices of the recipe besides rates, batches and stages."""
        return (*RECIPE, *self.own_recipe)


# The part of the recipe that all tasks have.
RECIPE = (
    Choice("MODEL.GROUPNET.GRADIENT", "hardtanh", "the recipe v2: more accurate at no cost"),
    Choice("MODEL.GROUPNET.DOWNSAMPLE", "float", 'the same: "Group-Net**" learns faster'),
    Choice("SOLVER.LR_SCHEDULER_NAME", "WarmupCosineLR", "the project's quick recipe"),
)

TRAINING_TASKS: Mapping[str, TrainingTask] = {
    "detect": TrainingTask(
        title="Group-Net RetinaNet",
        base="retinanet_groupnet_r18_fpn",
        rate=0.003,
        batch=8,
        choose=choose_detector,
        widen=widen_detector,
        other_metrics=("bbox/AP50",),
        tanh_share=0.42,
        tanh_rate=0.002,
        threshold=0.4,  # the focal loss keeps scores low
    ),
    "instance": TrainingTask(
        title="Group-Net Mask R-CNN",
        base="mask_rcnn_groupnet_r18_fpn",
        rate=0.003,
        batch=4,
        choose=choose_mask_rcnn,
        widen=widen_mask_rcnn,
        own_recipe=(
            Choice("SOLVER.GRADUAL_BINARIZATION.SCHEDULE", "tanh_slope", "tanh, then the sign"),
            Choice("SOLVER.GRADUAL_BINARIZATION.FRACTION", 0.4, "the project's quick recipe"),
        ),
        other_metrics=("bbox/AP",),
    ),
    "segment": TrainingTask(
        title="Group-Net FCN",
        base="segmentor_groupnet_r18",
        rate=0.01,
        batch=8,
        choose=choose_segmenter,
        widen=widen_segmenter,
        own_recipe=(
            Choice("MODEL.GROUPNET.MERGE", "learned_scales", "the project's quick recipe"),
            Choice("MODEL.GROUPNET.WEIGHT_SCALE", "channel", "the same"),
            Choice("MODEL.GROUPNET.OUTPUT_STRIDE", 32, "the same"),
            Choice("MODEL.SEM_SEG_HEAD.NAME", "GroupNetFCNHead", "the same"),
            Choice("SOLVER.HEAD_LR_FACTOR", 1.0, "nothing of it is trained before"),
        ),
        other_metrics=("sem_seg/mACC",),
    ),
    "classify": TrainingTask(
        title="Group-Net ResNet-18",
        base="classifier_groupnet_r18",
        rate=0.003,
        batch=32,
        choose=choose_classifier,
        widen=widen_classifier,
        tanh_share=1 / 3,
        tanh_rate=0.003,
    ),
}
