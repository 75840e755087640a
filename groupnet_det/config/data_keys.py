"""Config keys of data: data sets, the images of training, and the images of evaluation."""

from detectron2.config import CfgNode


def add_data_keys(cfg: CfgNode) -> None:
    """Add the keys to ``DATASETS``, ``INPUT``, ``DATALOADER`` and ``TEST``."""
    _add_dataset_keys(cfg)
    _add_classification_input_keys(cfg)
    _add_segmentation_input_keys(cfg)
    _add_segmentation_test_keys(cfg)


def _add_dataset_keys(cfg: CfgNode) -> None:
    # Data sets of your own, which are registered before training; see datasets/README.md. Each is a
    # mapping with NAME, FORMAT ("coco", "voc", "yolo", "image_folder" or "masks") and these keys:
    #   coco: ANNOTATIONS (json file), IMAGES (folder);
    #   voc:  ROOT (folder with JPEGImages, Annotations, ImageSets/Main), SPLIT (a list there, or a
    #       path, without .txt), CLASSES (list), and optionally METRIC: "coco", "voc07" (11 points)
    #       or "voc12" (area under the curve);
    #   yolo: DATA (the data.yaml), SPLIT ("train", "val" or "test");
    #   image_folder: ROOT (with one folder of images per class), and optionally LIST (a file with
    #       one path per line, relative to ROOT);
    #   masks: IMAGES and MASKS (folders), CLASSES (a list, or a file with one name per line), and
    #       optionally LIST (a file with one name without suffix per line), IGNORE_LABEL (255),
    #       MASK_SUFFIX (".png") and LABELS, which maps the values of masks to labels if the two
    #       differ: {0: 0, 255: 1}.
    # $VARIABLES in paths are expanded.
    cfg.DATASETS.CUSTOM = []
    # The data set on which the searches of "groupnet-det compare" are scored, so that they do not
    # see DATASETS.TEST; a list of one name. If it is empty, they use DATASETS.TEST.
    cfg.DATASETS.VAL = []
    # The number of images of each data set that are decoded before training to find broken files.
    # They are evenly spread; of the other images, only the presence is checked. For masks, it is
    # the number whose labels are counted; of the others, presence, type and size are checked, and a
    # bad one ends the training when it is read.
    cfg.DATASETS.CHECK_DECODE = 1000
    # Whether to refuse boxes that look like x0, y0, x1, y1 where x, y, width, height are expected
    # or vice versa, or like fractions of the image's sides.
    cfg.DATASETS.CHECK_BOX_KIND = True


def _add_classification_input_keys(cfg: CfgNode) -> None:
    # The images of classification. In training, a random part of the image is cut out and resized;
    # INPUT.RANDOM_FLIP follows.
    options = cfg.INPUT.CLASSIFICATION = CfgNode()
    # The side of the square training images in pixels.
    options.TRAIN_CROP = 224
    # The smallest and the largest share of the image's area that is cut out.
    options.CROP_SCALE = [0.08, 1.0]
    # In evaluation, the shorter side is resized to TEST_RESIZE, and a square of TEST_CROP is cut
    # out at the centre.
    options.TEST_RESIZE = 256
    options.TEST_CROP = 224
    # Training changes brightness, contrast and saturation randomly, each by up to this share. The
    # paper does not.
    options.COLOR_JITTER = 0.0

    # Whether each loader process keeps decoded images in memory. This is for classification with
    # small data sets that fit in it.
    cfg.DATALOADER.CACHE_IMAGES = False
    # The number of images per step of the evaluation of classifiers, for each process.
    cfg.TEST.IMS_PER_BATCH = 32


def _add_segmentation_input_keys(cfg: CfgNode) -> None:
    # The images of semantic segmentation. In training, the image is scaled randomly and a square is
    # cut out of it. If the square is larger, it is padded, its masks with the ignored label.
    # INPUT.RANDOM_FLIP follows.
    options = cfg.INPUT.SEMANTIC = CfgNode()
    # The smallest and the largest factor on the image's size, drawn uniformly.
    options.SCALE_RANGE = [0.5, 2.0]
    # The longer side in pixels at a factor of 1. 0 stands for the image's own size.
    options.BASE_SIZE = 0
    # The side of the square training images in pixels. 0 cuts nothing.
    options.CROP = 480
    # In evaluation, the shorter side is resized to this many pixels; 0 keeps the image's own size.
    # Predictions are always scored at the image's own size.
    options.TEST_SHORT_SIDE = 0


def _add_segmentation_test_keys(cfg: CfgNode) -> None:
    # How segmenters process an image in evaluation.
    options = cfg.TEST.SEMANTIC = CfgNode()
    # "whole" processes the image at once, "slide" in overlapping windows.
    options.INFERENCE = "whole"
    # The height and width of the windows, and the steps between them, in pixels.
    options.WINDOW = [480, 480]
    options.STRIDE = [320, 320]
    # With TEST.AUG.ENABLED, the prediction is the mean over these factors on the image's size, and
    # with TEST.AUG.FLIP also over mirrored images.
    options.SCALES = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    # Whether Cityscapes' official evaluator also scores the predictions ("cityscapes/IoU" and
    # others).
    options.OFFICIAL_CITYSCAPES = False
