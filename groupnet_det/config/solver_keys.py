"""Config keys of training: start, optimizer, schedule, checks, and a teacher."""

from detectron2.config import CfgNode


def add_solver_keys(cfg: CfgNode) -> None:
    """Add the keys to ``SOLVER``, ``MODEL.INIT`` and ``MODEL.DISTILLATION``."""
    _add_initialization_keys(cfg.MODEL)
    _add_optimizer_keys(cfg.SOLVER)
    _add_stopping_keys(cfg.SOLVER)
    _add_iteration_keys(cfg.SOLVER)
    _add_gradual_keys(cfg.SOLVER)
    _add_distillation_keys(cfg.MODEL)


def _add_initialization_keys(model: CfgNode) -> None:
    # What a new training starts from, instead of MODEL.WEIGHTS. The log reports the source of each
    # part.
    options = model.INIT = CfgNode()
    # The checkpoint of a detector whose config differs only in METHOD, PARTS or the number of
    # bases, for example the full-precision one. If K binary convolutions replace a float one, each
    # starts from a copy of it.
    options.DETECTOR = ""
    # The checkpoint whose backbone is used, for example that of a binary classifier. It is loaded
    # last.
    options.BACKBONE = ""
    # The standard deviation of the noise that is added to the K copies, relative to that of the
    # weights. Bases that start equal and receive the same gradients would stay equal.
    options.NOISE = 0.1


def _add_optimizer_keys(solver: CfgNode) -> None:
    # The optimizer: "SGD" (with SOLVER.MOMENTUM and SOLVER.NESTEROV), "Adam" or "AdamW".
    solver.OPTIMIZER = "SGD"
    # A factor on the learning rate of everything but the backbone, which usually starts from
    # trained weights.
    solver.HEAD_LR_FACTOR = 1.0
    # SOLVER.LR_SCHEDULER_NAME may also be "WarmupPolyLR". The learning rate is then
    # SOLVER.BASE_LR times (1 - share of the iterations) to this power.
    solver.POLY_LR_POWER = 0.9
    # The float weights behind the signs are clipped to this magnitude after each step (1.0 in
    # BinaryConnect). 0 turns it off.
    solver.LATENT_CLIP = 0.0


def _add_stopping_keys(solver: CfgNode) -> None:
    # The metric, named as in metrics.json, whose best checkpoint is kept as model_best.pth. ""
    # keeps none.
    solver.BEST_METRIC = "bbox/AP"
    # Training ends if METRIC has not improved in PATIENCE evaluations in a row, which take place
    # every TEST.EVAL_PERIOD iterations. PATIENCE 0 turns this off. METRIC "" stands for
    # SOLVER.BEST_METRIC; more must be better.
    solver.EARLY_STOPPING = CfgNode()
    solver.EARLY_STOPPING.METRIC = ""
    solver.EARLY_STOPPING.PATIENCE = 0


def _add_iteration_keys(solver: CfgNode) -> None:
    # Whether to estimate the memory of an iteration before training, and to refuse a training that
    # needs more than is free.
    solver.CHECK_MEMORY = True
    # With several processes, whether BatchNorm uses the statistics of the batches of all of them;
    # training then equals that in one process. Without it, each process has its own statistics, and
    # those of the first one are saved and evaluated.
    solver.SYNC_BN = True
    # The type with SOLVER.AMP.ENABLED: "bfloat16", which has the range of float32, or "float16",
    # which needs a scaled loss.
    solver.AMP.DTYPE = "bfloat16"
    # Every so many iterations (a multiple of 20), metrics.json gets the share of the binary weights
    # whose sign has changed since the last time. 0 turns it off.
    solver.BIT_FLIPS_PERIOD = 20
    # Where losses and scores are sent besides OUTPUT_DIR: "wandb" or "mlflow", which
    # pip install 'groupnet-det[wandb]' or [mlflow] installs, or "" for nowhere.
    solver.TRACKER = ""


def _add_gradual_keys(solver: CfgNode) -> None:
    # Trains a float network that becomes binary in the course of the training.
    gradual = solver.GRADUAL_BINARIZATION = CfgNode()
    # "none"; "tanh_slope" makes all layers binary at the same time with a tanh that becomes
    # steeper; "layer_order" makes one layer after another binary, from the input on.
    gradual.SCHEDULE = "none"
    # The share of the iterations after which the network is completely binary.
    gradual.FRACTION = 0.5
    # The slope of the tanh at the end of "tanh_slope". At the start it is 1.
    gradual.MAX_SLOPE = 50.0


def _add_distillation_keys(model: CfgNode) -> None:
    # The config and weights of a trained teacher, usually in full precision. "" means no teacher.
    options = model.DISTILLATION = CfgNode()
    options.TEACHER_CONFIG = ""
    options.TEACHER_WEIGHTS = ""
    # For classifiers: the weight of the divergence from the teacher's logits, and the temperature,
    # which also applies to the classes of REGION_WEIGHT.
    options.LOGITS_WEIGHT = 0.0
    options.TEMPERATURE = 4.0
    # For dense detectors and region proposals: the weight of the difference from the teacher's
    # scores and boxes at every position.
    options.HEAD_WEIGHT = 0.0
    # For R-CNNs: the weight of the difference from the teacher's box and mask heads on the regions
    # on which the student trains, for each of classes, boxes and masks.
    options.REGION_WEIGHT = 0.0
    # For slimmable networks, without a teacher: the weight of the difference of fewer bases from
    # all of them, in the logits of classifiers and in the scores and boxes of dense detectors.
    options.SLIMMABLE_WEIGHT = 1.0
    # Features of the backbone or pyramid, such as ["res5", "p3"], whose attention maps should
    # agree, and the weight of each.
    options.FEATURES = []
    options.FEATURES_WEIGHT = 1.0
