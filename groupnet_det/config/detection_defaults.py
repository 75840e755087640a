"""The config keys of detectors: decomposition of pyramid and heads, FCOS, initialisation."""

from detectron2.config import CfgNode


def add_detection_keys(model: CfgNode) -> None:
    """Add the keys to ``cfg.MODEL``, which has ``GROUPNET``."""
    pyramid = model.GROUPNET.FPN
    # The bases of the pyramid's convolutions meet after each "layer", or in its levels alone:
    # K parallel pyramids ("pyramid").
    pyramid.GROUP = "layer"
    # Soft connections between parallel pyramids.
    pyramid.GATES = True

    head = model.GROUPNET.HEAD
    # The bases meet after each "layer", or at the end of K parallel towers ("tower").
    head.GROUP = "layer"
    # Soft connections between parallel towers after each layer.
    head.GATES = True
    # Whether the levels of a pyramid share their BN in heads. Unshared ones train better; this is
    # for comparisons.
    head.SHARED_NORM = False

    _add_fcos_keys(model)
    _add_initialisation_keys(model)


def _add_fcos_keys(model: CfgNode) -> None:
    # The detector FCOS, without anchors: MODEL.META_ARCHITECTURE "GroupNetFCOS".
    options = model.FCOS = CfgNode()
    # Of the data set, without background.
    options.NUM_CLASSES = 80
    # Levels; each is responsible for objects of 4 to 8 times its stride, the first also for
    # smaller and the last also for larger ones.
    options.IN_FEATURES = ["p3", "p4", "p5", "p6", "p7"]
    # Convolutions of each of the two towers.
    options.NUM_CONVS = 4
    # Probability of an object that the class predictor starts with.
    options.PRIOR_PROB = 0.01
    # Positions within this many strides of an object's centre are positive.
    options.CENTER_SAMPLING_RADIUS = 1.5
    # Weight of objects against background in the focal loss, and the exponent that lowers what is
    # easy.
    options.FOCAL_LOSS_ALPHA = 0.25
    options.FOCAL_LOSS_GAMMA = 2.0
    # Score threshold of an answer: the root of class probability times centerness.
    options.SCORE_THRESH_TEST = 0.2
    # The best of each level that go on to non-maximum suppression.
    options.TOPK_CANDIDATES_TEST = 1000
    # Overlap (IoU) from which on the worse of two boxes of a class is dropped.
    options.NMS_THRESH_TEST = 0.6


def _add_initialisation_keys(model: CfgNode) -> None:
    # What a new training starts from, instead of MODEL.WEIGHTS. A report of what came from
    # where is logged.
    options = model.INIT = CfgNode()
    # Checkpoint of a detector of the same config but for METHOD, PARTS or the number of bases, such
    # as the full-precision one. Where a float convolution becomes K binary ones, each starts from
    # a copy of it.
    options.DETECTOR = ""
    # Checkpoint whose backbone is taken, such as a binary classifier's; it comes last.
    options.BACKBONE = ""
    # Standard deviation, in those of the weights, of what is added to the K copies. Bases that
    # start equal and receive the same gradients would stay equal.
    options.NOISE = 0.1
