"""Config keys of the pyramid and of the heads of detectors, segmenters and classifiers."""

from detectron2.config import CfgNode

from .dense_detectors import add_dense_detector_keys


def add_head_keys(model: CfgNode) -> None:
    """Add the keys to ``cfg.MODEL``, which has ``GROUPNET``."""
    _add_pyramid_keys(model.GROUPNET)
    _add_detection_head_keys(model.GROUPNET)
    _add_segmentation_head_keys(model.GROUPNET)
    add_dense_detector_keys(model)
    _add_classifier_keys(model)


def _add_pyramid_keys(options: CfgNode) -> None:
    # The feature pyramid, MODEL.BACKBONE.NAME "build_groupnet_resnet_fpn_backbone". Its channels
    # and inputs are keys of Detectron2's MODEL.FPN.
    pyramid = options.FPN = CfgNode()
    # Whether a ReLU follows the BN in the lateral and output convolutions. The next binary layer
    # then sees no sign but +1, so this is for ablations and for float heads.
    pyramid.RELU = False
    # The method of the 1x1 lateral convolutions: "method" stands for PARTS.NECK; or "float".
    pyramid.LATERALS = "method"
    # Whether a BN precedes the first signs of the pyramid. There is one in any case if the values
    # of the backbone have only one sign, for example after a ReLU.
    pyramid.NORM_INPUTS = False
    # The levels above p5: "p6p7_from_res5" (RetinaNet), "p6p7_from_p5", "maxpool" (p6 alone, for
    # Faster R-CNN) or "none".
    pyramid.TOP_BLOCK = "p6p7_from_res5"
    # Where the bases of the pyramid's convolutions are combined: after each "layer", or only in the
    # levels that K parallel pyramids return ("pyramid").
    pyramid.GROUP = "layer"
    # Whether there are soft connections between parallel pyramids.
    pyramid.GATES = True


def _add_detection_head_keys(options: CfgNode) -> None:
    # Heads of dense detectors, the convolution of the RPN, box and mask heads, and the semantic
    # head of Panoptic FPN.
    head = options.HEAD = CfgNode()
    # Whether a ReLU follows the BN in heads, where there is a shortcut and before the prediction
    # layers.
    head.RELU = True
    # The probability from which a pixel belongs to an object's mask, 0 to 1. It applies to packed
    # files; Detectron2's models always use 0.5.
    head.MASK_THRESHOLD = 0.5
    # Whether a box suppresses overlapping boxes (NMS) of all classes, not only of its own, so that
    # an object has one class. It applies to trained and packed detectors; proposals are suppressed
    # as before. A script that calls Detectron2's build_model itself sets MODEL.ROI_HEADS.NAME
    # "ClassAgnosticROIHeads" or "ClassAgnosticCascadeROIHeads" for R-CNNs instead.
    head.CLASS_AGNOSTIC_NMS = False
    # Where the bases are combined: after each "layer", or at the end of K parallel towers
    # ("tower").
    head.GROUP = "layer"
    # Whether there are soft connections between parallel towers after each layer.
    head.GATES = True
    # Whether the levels of a pyramid share the BN of heads. Heads train better if they do not; this
    # is for comparisons.
    head.SHARED_NORM = False


def _add_segmentation_head_keys(options: CfgNode) -> None:
    # Heads of Detectron2's SemanticSegmentor: MODEL.SEM_SEG_HEAD.NAME "GroupNetFCNHead",
    # "GroupNetDeepLabV3Head" or "GroupNetDeepLabV3PlusHead". They also read NUM_CLASSES,
    # IGNORE_VALUE, LOSS_WEIGHT, CONVS_DIM (channels) and IN_FEATURES of that node. The norm
    # is always BN.
    segmentation = options.SEGMENTATION = CfgNode()
    # The number of 3x3 convolutions of FCN between the deepest stage and the prediction layer.
    segmentation.NUM_CONVS = 1
    # The dilations of DeepLab's ASPP at an output stride of 8. Use half of them at 16.
    segmentation.ASPP_RATES = [12, 24, 36]
    # The activations of Group-Net's ASPP: "zero_one" is {0, 1}, or clip(x, 0, 1) with ACTIVATION
    # "tanh"; "method" stands for ACTIVATION.
    segmentation.ASPP_ACTIVATION = "zero_one"
    # The dropout rate of channels after DeepLab's projection.
    segmentation.DROPOUT = 0.0
    # The early features that the decoder of DeepLabV3+ uses, and the number of channels to which
    # they are reduced.
    segmentation.LOW_LEVEL = CfgNode()
    segmentation.LOW_LEVEL.FEATURE = "res2"
    segmentation.LOW_LEVEL.CHANNELS = 48
    # The loss averages over this share of the pixels, those where it is highest. 0.2 is useful if
    # most pixels are easy.
    segmentation.HARD_SHARE = 1.0
    # A second head, which exists only in training. LOSS_WEIGHT 0 means none; 0.4 is common.
    segmentation.AUXILIARY = CfgNode()
    segmentation.AUXILIARY.FEATURE = "res4"
    segmentation.AUXILIARY.LOSS_WEIGHT = 0.0


def _add_classifier_keys(model: CfgNode) -> None:
    # The classifier, MODEL.META_ARCHITECTURE "ImageClassifier".
    classifier = model.CLASSIFIER = CfgNode()
    # The number of classes of the data set, which are its folders of images.
    classifier.NUM_CLASSES = 1000
    # The share of the target that is spread over all classes.
    classifier.LABEL_SMOOTHING = 0.0
