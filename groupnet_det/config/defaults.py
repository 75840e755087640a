"""The config keys that groupnet_det adds to Detectron2's."""

from detectron2.config import CfgNode


def add_config_keys(cfg: CfgNode) -> None:
    """Add our keys to `cfg`; doing it twice changes nothing."""
    if "GROUPNET" in cfg.MODEL:
        return
    _add_network_keys(cfg.MODEL)
    _add_training_keys(cfg)


def _add_network_keys(model: CfgNode) -> None:
    options = model.GROUPNET = CfgNode()

    # Layers of the ResNet: 18 or 34.
    options.DEPTH = 18
    # Factor on all channel counts of the backbone (64 ... 512 at 1.0).
    options.WIDTH = 1.0
    # K of the paper, 1 to 8: binary bases for each full-precision group of layers.
    options.NUM_BASES = 4
    # Soft connections, sigmoid(theta) in the paper, before each block but the first.
    options.GATES = True
    # How branch outputs meet: "mean" (journal version) or "learned_scales" (lambda of the
    # conference version).
    options.MERGE = "mean"
    # The 1x1 convolution where a stage changes its shape: "binary", or "float" (Group-Net**).
    options.DOWNSAMPLE = "binary"
    # Activation quantizer: "sign" {-1, +1}; "tanh", float, for the first stage of training;
    # "zero_one" {0, 1}.
    options.ACTIVATION = "sign"
    # Weight quantizer: "sign" (sign(W) times a scale), or "float" with ACTIVATION "tanh".
    options.WEIGHT = "sign"
    # The scale mean|W| for each "layer" (and base) or for each output "channel".
    options.WEIGHT_SCALE = "layer"
    # Stages that the backbone without a neck returns.
    options.OUT_FEATURES = ["res2", "res3", "res4", "res5"]

    # Which parts are "binary" and which "float" (the full-precision twin).
    options.PARTS = CfgNode()
    options.PARTS.BACKBONE = "binary"
    options.PARTS.NECK = "binary"
    options.PARTS.HEAD = "binary"

    options.FPN = CfgNode()
    # Whether a ReLU follows the BN in the pyramid's lateral and output convolutions. The binary
    # layer behind it then sees no sign but +1: for ablations, or float heads.
    options.FPN.RELU = False
    # Levels above p5: "p6p7_from_res5" (RetinaNet), "p6p7_from_p5", "maxpool" (p6 alone, for
    # Faster R-CNN) or "none".
    options.FPN.TOP_BLOCK = "p6p7_from_res5"

    options.HEAD = CfgNode()
    # Whether a ReLU follows the BN in the towers of dense heads.
    options.HEAD.RELU = True


def _add_training_keys(cfg: CfgNode) -> None:
    # Data sets of your own, registered before training; see datasets/README.md. Each is a mapping
    # with NAME, FORMAT ("coco" or "voc") and
    #   coco: ANNOTATIONS (json file), IMAGES (folder);
    #   voc:  ROOT (folder with JPEGImages, Annotations, ImageSets/Main), SPLIT, CLASSES (list).
    # $VARIABLES in paths are expanded.
    cfg.DATASETS.CUSTOM = []
    # Images of each data set that are decoded before training to find broken files, evenly
    # spread; of all others only the presence is checked.
    cfg.DATASETS.CHECK_DECODE = 1000

    # "SGD" (with SOLVER.MOMENTUM and NESTEROV), "Adam" or "AdamW".
    cfg.SOLVER.OPTIMIZER = "SGD"
    # The metric, as named in metrics.json, whose best checkpoint is kept as model_best.pth;
    # "" keeps none.
    cfg.SOLVER.BEST_METRIC = "bbox/AP"

    # With several processes, whether BatchNorm takes its statistics over the batches of all of
    # them: training is then what it is in one process. Without, each has its own statistics, and
    # those of the first are saved and evaluated.
    cfg.SOLVER.SYNC_BN = True
    # Of SOLVER.AMP.ENABLED: "bfloat16", with the range of float32, or "float16", which needs a
    # scaled loss.
    cfg.SOLVER.AMP.DTYPE = "bfloat16"

    # Train a float network that becomes the binary one on the way, in one training:
    gradual = cfg.SOLVER.GRADUAL_BINARIZATION = CfgNode()
    # "none"; "tanh_slope", all layers at once by a steeper and steeper tanh; "layer_order", one
    # layer after the other from the input on.
    gradual.SCHEDULE = "none"
    # The share of the iterations after which all is binary.
    gradual.FRACTION = 0.5
    # Slope of the tanh at the end of "tanh_slope"; it begins with 1.
    gradual.MAX_SLOPE = 50.0
