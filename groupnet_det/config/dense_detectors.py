"""The dense detectors in one table: what differs between them outside of their classes.

Their classes are in `modeling.heads` and `modeling.meta_arch`. Whatever else depends on which one
it is, from the checks of data sets to packed files, reads this table.
"""

from dataclasses import dataclass

from detectron2.config import CfgNode


@dataclass(frozen=True, kw_only=True)
class DenseDetector:
    """A detector that predicts at each position of a pyramid, without regions.

    Attributes:
        name: Name of the detector, and of Detectron2's class.
        architectures: The values of ``MODEL.META_ARCHITECTURE`` that build it.
        node: Config node with its ``NUM_CLASSES`` and ``IN_FEATURES``.
        has_anchors: Whether it predicts from anchors; otherwise from points.
        packed_kind: ``postprocessing.kind`` of its packed files (docs/reference/packed-format.md).
        packed_score: ``postprocessing.score`` of these.
    """

    name: str
    architectures: tuple[str, ...]
    node: str
    has_anchors: bool
    packed_kind: str
    packed_score: str


DENSE_DETECTORS = (
    DenseDetector(
        name="RetinaNet",
        architectures=("RetinaNet", "GroupNetRetinaNet"),
        node="MODEL.RETINANET",
        has_anchors=True,
        packed_kind="retinanet",
        packed_score="sigmoid",
    ),
    DenseDetector(
        name="FCOS",
        architectures=("GroupNetFCOS",),
        node="MODEL.FCOS",
        has_anchors=False,
        packed_kind="fcos",
        packed_score="sigmoid_centerness",
    ),
)
# Detectors by the value of MODEL.META_ARCHITECTURE.
DENSE_BY_ARCHITECTURE = {key: each for each in DENSE_DETECTORS for key in each.architectures}
# Detectors by the name of a model's class, Detectron2's or ours.
DENSE_BY_CLASS = {
    key: each for each in DENSE_DETECTORS for key in dict.fromkeys((each.name, *each.architectures))
}


def add_dense_detector_keys(model: CfgNode) -> None:
    """Add to ``cfg.MODEL`` the nodes of those that Detectron2 has no keys for."""
    # FCOS, a detector without anchors: MODEL.META_ARCHITECTURE "GroupNetFCOS".
    options = model.FCOS = CfgNode()
    # The number of classes of the data set, without background.
    options.NUM_CLASSES = 80
    # The levels of the pyramid. Each is responsible for objects of 4 to 8 times its stride, the
    # first also for smaller and the last also for larger ones.
    options.IN_FEATURES = ["p3", "p4", "p5", "p6", "p7"]
    # The number of convolutions in each of the two towers.
    options.NUM_CONVS = 4
    # The probability of an object that the class predictions start with.
    options.PRIOR_PROB = 0.01
    # Positions within this many strides of an object's centre are positive.
    options.CENTER_SAMPLING_RADIUS = 1.5
    # The weight of objects against background in the focal loss, and the exponent that reduces the
    # loss of easy positions.
    options.FOCAL_LOSS_ALPHA = 0.25
    options.FOCAL_LOSS_GAMMA = 2.0
    # The score threshold. The score is the root of class probability times centerness.
    options.SCORE_THRESH_TEST = 0.2
    # The number of best candidates of each level that go on to non-maximum suppression (NMS).
    options.TOPK_CANDIDATES_TEST = 1000
    # The overlap (IoU) above which NMS drops the worse of two boxes of a class.
    options.NMS_THRESH_TEST = 0.6
