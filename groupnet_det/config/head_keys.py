"""The config keys of detectors: decomposition of pyramid and heads, initialisation."""

from detectron2.config import CfgNode

from .dense_detectors import add_dense_detector_keys


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

    add_dense_detector_keys(model)
    _add_initialisation_keys(model)


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
