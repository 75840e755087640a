"""The tasks by name: network, recipe, and what is chosen how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from groupnet_det.files.paths import project_root

from .choices.choice import Choice
from .choices.of_tasks import (
    choose_classifier,
    choose_detector,
    choose_mask_rcnn,
    choose_segmenter,
)
from .choices.widths import widen_classifier, widen_detector, widen_mask_rcnn, widen_segmenter
from .facts import Facts


@dataclass(frozen=True, kw_only=True)
class TrainingTask:
    """A task with its recipe, which is that of the configs in ``configs/quick``.

    Attributes:
        title: Of the network.
        base: Its config, in ``configs/Base``.
        metrics: Keys of ``metrics.json``, the most telling first.
        tanh_share: Of the iterations, for a first stage with float weights and tanh; 0 where the
            recipe has one stage.
        rate, tanh_rate: Learning rates of the binary network and of that stage, at batch `batch`.
        batch: Images of an iteration.
        threshold: Score threshold of objects that are drawn.
        recipe: What the recipe sets besides.
        choose: From the facts to choices.
        widen: From the width to choices.
    """

    title: str
    base: str
    metrics: tuple[str, ...]
    tanh_share: float
    rate: float
    tanh_rate: float
    batch: int
    threshold: float
    recipe: tuple[Choice, ...]
    choose: Callable[[Facts], list[Choice]]
    widen: Callable[[float], list[Choice]]

    @property
    def config_file(self) -> str:
        """The path of `base`."""
        return str(project_root() / "configs" / "Base" / f"{self.base}.yaml")


FLOAT_SHORTCUTS = Choice("MODEL.GROUPNET.DOWNSAMPLE", "float", '"Group-Net**" learns faster')
COSINE = Choice("SOLVER.LR_SCHEDULER_NAME", "WarmupCosineLR", "the project's quick recipe")

TASKS: Mapping[str, TrainingTask] = {
    "detect": TrainingTask(
        title="Group-Net RetinaNet",
        base="retinanet_groupnet_r18_fpn",
        metrics=("bbox/AP", "bbox/AP50"),
        tanh_share=0.42,
        rate=0.003,
        tanh_rate=0.002,
        batch=8,
        threshold=0.4,  # the focal loss keeps scores low
        recipe=(FLOAT_SHORTCUTS, COSINE),
        choose=choose_detector,
        widen=widen_detector,
    ),
    "instance": TrainingTask(
        title="Group-Net Mask R-CNN",
        base="mask_rcnn_groupnet_r18_fpn",
        metrics=("segm/AP", "bbox/AP"),
        tanh_share=0.0,
        rate=0.003,
        tanh_rate=0.003,
        batch=4,
        threshold=0.5,
        recipe=(
            FLOAT_SHORTCUTS,
            COSINE,
            Choice("SOLVER.GRADUAL_BINARIZATION.SCHEDULE", "tanh_slope", "tanh, then the sign"),
            Choice("SOLVER.GRADUAL_BINARIZATION.FRACTION", 0.4, "the project's quick recipe"),
        ),
        choose=choose_mask_rcnn,
        widen=widen_mask_rcnn,
    ),
    "segment": TrainingTask(
        title="Group-Net FCN",
        base="segmentor_groupnet_r18",
        metrics=("sem_seg/mIoU", "sem_seg/mACC"),
        tanh_share=0.0,
        rate=0.01,
        tanh_rate=0.01,
        batch=8,
        threshold=0.4,
        recipe=(
            FLOAT_SHORTCUTS,
            COSINE,
            Choice("MODEL.GROUPNET.MERGE", "learned_scales", "the project's quick recipe"),
            Choice("MODEL.GROUPNET.WEIGHT_SCALE", "channel", "the same"),
            Choice("MODEL.GROUPNET.OUTPUT_STRIDE", 32, "the same"),
            Choice("MODEL.SEM_SEG_HEAD.NAME", "GroupNetFCNHead", "the same"),
            Choice("SOLVER.HEAD_LR_FACTOR", 1.0, "nothing of it is trained before"),
        ),
        choose=choose_segmenter,
        widen=widen_segmenter,
    ),
    "classify": TrainingTask(
        title="Group-Net ResNet-18",
        base="classifier_groupnet_r18",
        metrics=("classification/top1",),
        tanh_share=1 / 3,
        rate=0.003,
        tanh_rate=0.003,
        batch=32,
        threshold=0.5,
        recipe=(FLOAT_SHORTCUTS, COSINE),
        choose=choose_classifier,
        widen=widen_classifier,
    ),
}
