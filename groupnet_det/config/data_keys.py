"""The config keys of data and evaluation of semantic segmentation."""

from detectron2.config import CfgNode


def add_semantic_data_keys(cfg: CfgNode) -> None:
    """Add the keys to `cfg`."""
    # Training scales the image at random, cuts a square out of it and pads where the square is
    # larger, masks with the label to be ignored; INPUT.RANDOM_FLIP follows.
    options = cfg.INPUT.SEMANTIC = CfgNode()
    # Least and greatest factor on the image's size, evenly drawn.
    options.SCALE_RANGE = [0.5, 2.0]
    # Long side in pixels that a factor of 1 means; 0 for the image's own size.
    options.BASE_SIZE = 0
    # Side of the square training images in pixels; 0 to cut nothing.
    options.CROP = 480
    # Testing resizes the short side to this many pixels; 0 keeps the image's own size. Predictions
    # are scored at the image's own size in any case.
    options.TEST_SHORT_SIDE = 0

    # How segmenters see an image when they are tested.
    options = cfg.TEST.SEMANTIC = CfgNode()
    # "whole" image at once, or overlapping windows that "slide" over it.
    options.INFERENCE = "whole"
    # Height and width of the windows, and the steps between them, in pixels.
    options.WINDOW = [480, 480]
    options.STRIDE = [320, 320]
    # With TEST.AUG.ENABLED, the mean over these factors on the image's size, and over mirrored
    # images where TEST.AUG.FLIP is set.
    options.SCALES = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    # For Cityscapes, whether its official evaluator scores too ("cityscapes/IoU" and others).
    options.OFFICIAL_CITYSCAPES = False
