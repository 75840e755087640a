"""The config keys that groupnet_det adds to Detectron2's."""

from detectron2.config import CfgNode

from .detection_defaults import add_detection_keys
from .semantic_defaults import add_semantic_data_keys


def define_keys(cfg: CfgNode) -> None:
    """Set our keys in a config that has Detectron2's alone; see `keys.add_config_keys`."""
    _add_network_keys(cfg.MODEL)
    add_detection_keys(cfg.MODEL)
    _add_training_keys(cfg)
    _add_distillation_keys(cfg.MODEL)
    _add_classification_keys(cfg)
    add_semantic_data_keys(cfg)


def _add_network_keys(model: CfgNode) -> None:
    # Which network, in backbone, pyramid and heads. docs/networks.md has tables of what makes what.
    options = model.GROUPNET = CfgNode()

    # The network, or one that it is compared with: "group_net", "float" (full precision),
    # "bnn", "xnor_net", "bireal_net", "abc_net", "dorefa", "lq_net", "lsq". All but "group_net"
    # fix some of the keys below: layers/methods.py.
    options.METHOD = "group_net"
    # Methods of single parts; "method" means METHOD.
    options.PARTS = CfgNode()
    options.PARTS.BACKBONE = "method"
    options.PARTS.NECK = "method"
    options.PARTS.HEAD = "method"
    # The convolutions after the ASPP in DeepLabV3+; those of DeepLabV3 are always float.
    options.PARTS.DECODER = "method"

    # Layers of the ResNet: 18, 34 or 50.
    options.DEPTH = 18
    # Factor on all channel counts of the backbone (64 ... 512 at 1.0).
    options.WIDTH = 1.0
    # Of the last stage: 32, or 16 or 8, where stages dilate instead of striding.
    options.OUTPUT_STRIDE = 32
    # Dilation of all 3x3 convolutions of res2 to res5, such as [1, 1, 6, 10], instead of what
    # OUTPUT_STRIDE gives; empty for that. A stage may also have a list with one for each base.
    options.DILATIONS = []
    # Binary parallel atrous convolution, for segmentation: in res4 and res5 each base has a
    # dilation of its own, 2, 3, ... and 6, 7, ... at OUTPUT_STRIDE 8; at 16 only res5, 2, 3, ...
    options.BPAC = CfgNode()
    options.BPAC.ENABLED = False
    # Dilation of the first base in res4 and res5, 0 for a stage without; empty for the above.
    options.BPAC.FIRST_RATES = []
    # All bases at the dilation of the last one: for the authors' weights alone.
    options.BPAC.LAST_RATE_ONLY = False
    # Stages that the backbone without a neck returns.
    options.OUT_FEATURES = ["res2", "res3", "res4", "res5"]

    # K of the paper, 1 to 8: binary bases for each full-precision group of layers.
    options.NUM_BASES = 4
    # K of single parts; 0 means NUM_BASES.
    options.PART_BASES = CfgNode()
    options.PART_BASES.BACKBONE = 0
    options.PART_BASES.NECK = 0
    options.PART_BASES.HEAD = 0
    options.PART_BASES.DECODER = 0
    # K of each of res2 to res5, such as [1, 1, 2, 4]; empty for that of the backbone.
    options.STAGE_BASES = []
    # The group: "layer" (layer-wise decomposition), "block", "stage" or "network".
    options.GROUP = "block"
    # Soft connections, sigmoid(theta) in the paper, before each group but the first.
    options.GATES = True
    # How branch outputs meet: "mean" (journal version), "learned_scales" (lambda of the
    # conference version), or "aliased_mean", for the authors' weights alone.
    options.MERGE = "mean"
    # The 1x1 convolution where a stage changes its shape: "binary", or "float" (Group-Net**).
    options.DOWNSAMPLE = "binary"
    # Order within a block: "conv_act_norm" (Group-Net), "conv_norm_act", "norm_conv_act" (XNOR-Net)
    # or "norm_conv_act_norm", Group-Net's with a BN before the sign too.
    options.ORDER = "conv_act_norm"
    # "relu", "rprelu" (ReActNet) or "none".
    options.NONLINEARITY = "relu"
    # Shortcuts around each "conv" (Bi-Real Net, Group-Net) or each "block".
    options.SHORTCUT = "conv"

    # Activation quantizer: "sign" {-1, +1}; "tanh", float, for the first stage of training; "rsign"
    # (ReActNet); "zero_one" {0, 1}; "abc", "dorefa", "lq", "lsq"; "float".
    options.ACTIVATION = "sign"
    # Gradient of that sign: "polynomial" (Bi-Real Net), "hardtanh" (BNN), "identity", "tanh" or
    # "swish".
    options.GRADIENT = "polynomial"
    # Stretches that gradient along x: it is 0 beyond this, for "polynomial" and "hardtanh" (the
    # bound of the straight-through estimator; PokeBNN).
    options.GRADIENT_WIDTH = 1.0
    # Gradient of activations of {0, 1}: "clipped", passed where they are from 0 to 1, or
    # "identity", passed everywhere, as in the code that the authors published.
    options.ZERO_ONE_GRADIENT = "clipped"
    # Weight quantizer: "sign" (sign(W) times a scale); "float", as with ACTIVATION "tanh"; "abc",
    # "dorefa", "lq", "lsq".
    options.WEIGHT = "sign"
    # The scale mean|W| for each "layer" (and base) or for each output "channel"; or "none".
    options.WEIGHT_SCALE = "layer"
    # Gradient of the sign of weights: "identity", "clipped" (BNN) or "magnitude" (Bi-Real Net).
    options.WEIGHT_GRADIENT = "identity"
    # Of weights and activations, for "dorefa", "lq" and "lsq": 1 to 8.
    options.BITS = 2
    # M and N of ABC-Net: signs whose sum stands for a weight, and for an activation.
    options.ABC_WEIGHT_BASES = 5
    options.ABC_ACTIVATION_BASES = 5

    # Of the feature pyramid, MODEL.BACKBONE.NAME "build_groupnet_resnet_fpn_backbone". Detectron2's
    # MODEL.FPN has its channels and inputs.
    options.FPN = CfgNode()
    # Whether a ReLU follows the BN in the pyramid's lateral and output convolutions. The binary
    # layer after it then sees no sign but +1: for ablations, or float heads.
    options.FPN.RELU = False
    # The 1x1 lateral convolutions: "method", as PARTS.NECK says, or "float".
    options.FPN.LATERALS = "method"
    # Whether a BN stands in front of the pyramid's first signs, as it does in any case where the
    # backbone gives values of one sign, such as after a ReLU.
    options.FPN.NORM_INPUTS = False
    # Levels above p5: "p6p7_from_res5" (RetinaNet), "p6p7_from_p5", "maxpool" (p6 alone, for
    # Faster R-CNN) or "none".
    options.FPN.TOP_BLOCK = "p6p7_from_res5"

    # Of dense heads, the RPN's convolutions, box and mask heads, the semantic head of Panoptic FPN.
    options.HEAD = CfgNode()
    # Whether a ReLU follows the BN in heads: where there is a shortcut, and in front of predictors.
    options.HEAD.RELU = True
    # Probability from which a pixel is part of an object's mask, 0 to 1: of packed files. Models of
    # Detectron2 always take 0.5.
    options.HEAD.MASK_THRESHOLD = 0.5
    # Whether a box suppresses overlapping boxes (NMS) of all classes, not only of its own, so that
    # an object has one class: in trained and packed detectors. Where a script of your own calls
    # Detectron2's build_model, R-CNNs need MODEL.ROI_HEADS.NAME "ClassAgnosticROIHeads" or
    # "ClassAgnosticCascadeROIHeads" instead. Proposals are suppressed as ever.
    options.HEAD.CLASS_AGNOSTIC_NMS = False

    _add_segmentation_keys(options)


def _add_segmentation_keys(options: CfgNode) -> None:
    # Heads of Detectron2's SemanticSegmentor: MODEL.SEM_SEG_HEAD.NAME "GroupNetFCNHead",
    # "GroupNetDeepLabV3Head" or "GroupNetDeepLabV3PlusHead", with NUM_CLASSES, IGNORE_VALUE,
    # LOSS_WEIGHT, CONVS_DIM (channels) and IN_FEATURES of the same node. NORM is always BN.
    segmentation = options.SEGMENTATION = CfgNode()
    # Of FCN: 3x3 convolutions between the deepest stage and its predictor.
    segmentation.NUM_CONVS = 1
    # Of DeepLab, at an output stride of 8; half of them suit 16.
    segmentation.ASPP_RATES = [12, 24, 36]
    # Activations of Group-Net's ASPP: "zero_one" {0, 1} (and clip(x, 0, 1) with ACTIVATION "tanh"),
    # or "method", as ACTIVATION says.
    segmentation.ASPP_ACTIVATION = "zero_one"
    # Share of the channels after DeepLab's projection that training drops.
    segmentation.DROPOUT = 0.0
    # The early map of DeepLabV3+, and the channels that it is reduced to.
    segmentation.LOW_LEVEL = CfgNode()
    segmentation.LOW_LEVEL.FEATURE = "res2"
    segmentation.LOW_LEVEL.CHANNELS = 48
    # The loss is taken over this share of the pixels, those where it is highest; 0.2 where most are
    # easy.
    segmentation.HARD_SHARE = 1.0
    # A second head that training alone has; LOSS_WEIGHT 0 for none, often 0.4.
    segmentation.AUXILIARY = CfgNode()
    segmentation.AUXILIARY.FEATURE = "res4"
    segmentation.AUXILIARY.LOSS_WEIGHT = 0.0


def _add_training_keys(cfg: CfgNode) -> None:
    # Data sets of your own, registered before training; see datasets/README.md. Each is a mapping
    # with NAME, FORMAT ("coco", "voc", "yolo", "image_folder" or "masks") and
    #   coco: ANNOTATIONS (json file), IMAGES (folder);
    #   voc:  ROOT (folder with JPEGImages, Annotations, ImageSets/Main), SPLIT (a list there, or a
    #       path, without .txt), CLASSES (list), and as wanted METRIC: "coco", "voc07" (11 points)
    #       or "voc12" (area under the curve);
    #   yolo: DATA (the data.yaml), SPLIT ("train", "val" or "test");
    #   image_folder: ROOT (with one folder of images for each class), and as wanted LIST (file of
    #       paths from ROOT on, one a line);
    #   masks: IMAGES and MASKS (folders), CLASSES (list, or a file of one name a line), and as
    #       wanted LIST (file of names without suffix, one a line), IGNORE_LABEL (255),
    #       MASK_SUFFIX (".png") and LABELS, which gives each value of masks its label where the two
    #       differ: {0: 0, 255: 1}.
    # $VARIABLES in paths are expanded.
    cfg.DATASETS.CUSTOM = []
    # What the searches of "groupnet-det compare" are scored on, so that TEST chooses nothing; one
    # data set, as TEST there. Empty for TEST.
    cfg.DATASETS.VAL = []
    # Images of each data set that are decoded before training to find broken files, evenly
    # spread; of all others only the presence is checked. Of masks, those whose labels are counted;
    # of all others presence, kind and size are checked, and a bad one ends the training that
    # meets it.
    cfg.DATASETS.CHECK_DECODE = 1000
    # Whether to refuse boxes that look like x0, y0, x1, y1 where x, y, width, height are wanted, or
    # the other way round, or like fractions of the image's sides.
    cfg.DATASETS.CHECK_BOX_KIND = True

    # "SGD" (with SOLVER.MOMENTUM and NESTEROV), "Adam" or "AdamW".
    cfg.SOLVER.OPTIMIZER = "SGD"
    # Factor on the learning rate of all that is not the backbone, which usually starts from a
    # trained one.
    cfg.SOLVER.HEAD_LR_FACTOR = 1.0
    # SOLVER.LR_SCHEDULER_NAME may also be "WarmupPolyLR": BASE_LR times (1 - share of the
    # iterations) to this power.
    cfg.SOLVER.POLY_LR_POWER = 0.9
    # The metric, as named in metrics.json, whose best checkpoint is kept as model_best.pth;
    # "" keeps none.
    cfg.SOLVER.BEST_METRIC = "bbox/AP"
    # Training ends when so many evaluations in a row (every TEST.EVAL_PERIOD iterations) gave no
    # better METRIC; 0 for never. "" means BEST_METRIC. More must be better.
    cfg.SOLVER.EARLY_STOPPING = CfgNode()
    cfg.SOLVER.EARLY_STOPPING.METRIC = ""
    cfg.SOLVER.EARLY_STOPPING.PATIENCE = 0

    # Largest magnitude of the float weights behind signs, to which they are clipped after each
    # step (BinaryConnect: 1.0); 0 for none.
    cfg.SOLVER.LATENT_CLIP = 0.0

    # Every so many iterations, a multiple of 20, metrics.json gets the share of the binary weights
    # that changed their sign since the time before; 0 for never.
    cfg.SOLVER.BIT_FLIPS_PERIOD = 20

    # Whether the memory of an iteration is estimated before training, and a training refused that
    # needs more than is free.
    cfg.SOLVER.CHECK_MEMORY = True

    # With several processes, whether BatchNorm takes its statistics over the batches of all of
    # them: training is then what it is in one process. Without, each has its own statistics, and
    # those of the first are saved and evaluated.
    cfg.SOLVER.SYNC_BN = True
    # Of SOLVER.AMP.ENABLED: "bfloat16", with the range of float32, or "float16", which needs a
    # scaled loss.
    cfg.SOLVER.AMP.DTYPE = "bfloat16"

    # Where losses and scores are sent besides OUTPUT_DIR: "wandb" or "mlflow", which
    # pip install 'groupnet-det[wandb]' or [mlflow] brings; "" for nowhere.
    cfg.SOLVER.TRACKER = ""

    # Train a float network that becomes the binary one on the way, in one training:
    gradual = cfg.SOLVER.GRADUAL_BINARIZATION = CfgNode()
    # "none"; "tanh_slope", all layers at once by a steeper and steeper tanh; "layer_order", one
    # layer after the other from the input on.
    gradual.SCHEDULE = "none"
    # The share of the iterations after which all is binary.
    gradual.FRACTION = 0.5
    # Slope of the tanh at the end of "tanh_slope"; it begins with 1.
    gradual.MAX_SLOPE = 50.0


def _add_distillation_keys(model: CfgNode) -> None:
    # A trained, usually full-precision teacher for any model: its config and weights. "" for none.
    options = model.DISTILLATION = CfgNode()
    options.TEACHER_CONFIG = ""
    options.TEACHER_WEIGHTS = ""
    # For classifiers: weight of the divergence from the teacher's logits, and their temperature,
    # which is also that of the classes of REGION_WEIGHT.
    options.LOGITS_WEIGHT = 0.0
    options.TEMPERATURE = 4.0
    # For dense detectors and region proposals: weight of the difference to the teacher's scores and
    # boxes, at every position.
    options.HEAD_WEIGHT = 0.0
    # For R-CNNs: weight of the difference to the teacher's box and mask heads on the regions that
    # the student trains on, for each of classes, boxes and masks.
    options.REGION_WEIGHT = 0.0
    # Features of backbone or pyramid, such as ["res5", "p3"], whose attention maps are to agree;
    # the weight is that of each.
    options.FEATURES = []
    options.FEATURES_WEIGHT = 1.0


def _add_classification_keys(cfg: CfgNode) -> None:
    # MODEL.META_ARCHITECTURE "ImageClassifier".
    cfg.MODEL.CLASSIFIER = CfgNode()
    # Of the data set: the folders of images.
    cfg.MODEL.CLASSIFIER.NUM_CLASSES = 1000
    # Share of the target that is spread over all classes.
    cfg.MODEL.CLASSIFIER.LABEL_SMOOTHING = 0.0

    # Training cuts a random part of the image and resizes it; INPUT.RANDOM_FLIP follows.
    options = cfg.INPUT.CLASSIFICATION = CfgNode()
    # Side of the square training images in pixels.
    options.TRAIN_CROP = 224
    # Least and greatest share of the image's area that is cut.
    options.CROP_SCALE = [0.08, 1.0]
    # Testing resizes the shorter side to TEST_RESIZE and cuts a square of TEST_CROP at the centre.
    options.TEST_RESIZE = 256
    options.TEST_CROP = 224
    # Random change of brightness, contrast and saturation in training, by up to this share of
    # each; the paper has none.
    options.COLOR_JITTER = 0.0

    # Keep decoded images in memory, in each loader process: for small data sets that fit in it.
    # Of classification alone, as the next key.
    cfg.DATALOADER.CACHE_IMAGES = False
    # Images per step of evaluation, of each process.
    cfg.TEST.IMS_PER_BATCH = 32
