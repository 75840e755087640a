"""The full-scale configs of detectors: what stands in them, and every one trains."""

import gc
import re

import pytest
import torch
from detectron2.utils.events import EventStorage

from groupnet_det.config import load_config
from groupnet_det.engine.trainer import Trainer
from tests.modeling.detectors import make_batch

FOLDERS = {
    "COCO-Detection": ("retinanet", "fcos", "faster_rcnn", "cascade_rcnn"),
    "COCO-InstanceSegmentation": ("mask_rcnn",),
    "COCO-PanopticSegmentation": ("panoptic_fpn",),
    "PascalVOC-Detection": ("faster_rcnn",),
}
ALL = [
    f"{folder}/{detector}_{network}"
    for folder, detectors in FOLDERS.items()
    for detector in detectors
    for network in ("groupnet_r18_k4", "float_r18")
]
# Depth and number of bases by override, as MODEL_ZOO.md says: config, depth, bases.
TRAINED = [
    (name, depth, bases)
    for name in ALL
    for depth in (18, 34, 50)
    for bases in ((1, 4, 5) if "groupnet" in name else (None,))
]
IN_EACH_RUN = {
    ("COCO-Detection/retinanet_groupnet_r18_k4", 50, 1),
    ("COCO-Detection/fcos_groupnet_r18_k4", 18, 4),
    ("COCO-InstanceSegmentation/mask_rcnn_groupnet_r18_k4", 18, 1),
    ("PascalVOC-Detection/faster_rcnn_float_r18", 34, None),
}
ARCHITECTURES = {"retinanet": "GroupNetRetinaNet", "fcos": "GroupNetFCOS"}
DATASETS = {
    "COCO-Detection": (("coco_2017_train",), ("coco_2017_val",)),
    "COCO-InstanceSegmentation": (("coco_2017_train",), ("coco_2017_val",)),
    "COCO-PanopticSegmentation": (
        ("coco_2017_train_panoptic_separated",),
        ("coco_2017_val_panoptic_separated",),
    ),
    "PascalVOC-Detection": (("voc_2007_trainval", "voc_2012_trainval"), ("voc_2007_test",)),
}


def network_options(depth, bases):
    """Overrides that make another network of a config; `bases` is None in full precision."""
    options = ["MODEL.GROUPNET.DEPTH", str(depth)]
    if bases is not None:
        options += ["MODEL.GROUPNET.NUM_BASES", str(bases), "MODEL.GROUPNET.GATES", str(bases > 1)]
    return options


@pytest.fixture
def load(root):
    def load_named(name, *options):
        return load_config(str(root / f"configs/{name}.yaml"), ["MODEL.DEVICE", "cpu", *options])

    return load_named


def test_the_folders_hold_these_and_no_others(root):
    found = {
        f"{folder}/{path.stem}"
        for folder in FOLDERS
        for path in (root / "configs" / folder).glob("*_r*.yaml")
    }
    assert found == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_a_network_is_what_its_name_says(load, name):
    cfg = load(name)
    folder, stem = name.split("/")
    detector, depth, bases = re.fullmatch(
        r"(\w+)_(?:groupnet|float)_r(\d+)(?:_k(\d))?", stem
    ).groups()
    options = cfg.MODEL.GROUPNET
    assert ("group_net" if bases else "float") == options.METHOD
    assert str(options.DEPTH) == depth
    if bases:
        assert str(options.NUM_BASES) == bases
        assert options.GATES is (int(bases) > 1)
    assert (options.WIDTH, options.GROUP, options.DOWNSAMPLE) == (1.0, "block", "binary")
    assert set(options.PARTS.values()) == {"method"}
    own = {"panoptic_fpn": "PanopticFPN", **ARCHITECTURES}.get(detector, "GeneralizedRCNN")
    assert own == cfg.MODEL.META_ARCHITECTURE
    cascade = cfg.MODEL.ROI_HEADS.NAME == "CascadeROIHeads"
    assert cascade == (detector == "cascade_rcnn")
    assert (detector in ("mask_rcnn", "panoptic_fpn")) == cfg.MODEL.MASK_ON
    assert DATASETS[folder] == (cfg.DATASETS.TRAIN, cfg.DATASETS.TEST)
    root_folder = "voc" if folder.startswith("Pascal") else "coco"
    assert cfg.OUTPUT_DIR.split("/") == ["output", root_folder, stem]


@pytest.mark.parametrize("name", ALL)
def test_schedules(load, name):
    cfg = load(name)
    solver = cfg.SOLVER
    lengths = (18_000, (12_000, 16_000)) if "VOC" in name else (90_000, (60_000, 80_000))
    assert (*lengths, 16) == (solver.MAX_ITER, solver.STEPS, solver.IMS_PER_BATCH)
    assert cfg.MODEL.BACKBONE.FREEZE_AT == 0
    assert solver.CLIP_GRADIENTS.ENABLED
    if "float" in name:
        rate = 0.01 if re.search("retinanet|fcos", name) else 0.02
        assert ("SGD", rate, 1e-4) == (solver.OPTIMIZER, solver.BASE_LR, solver.WEIGHT_DECAY)
    else:
        assert (solver.OPTIMIZER, solver.BASE_LR, solver.WEIGHT_DECAY) == ("Adam", 2e-4, 0.0)
    assert solver.WARMUP_ITERS >= 500
    assert cfg.INPUT.FORMAT == "RGB"
    assert cfg.MODEL.PIXEL_MEAN == [123.675, 116.28, 103.53]


@pytest.fixture
def free_memory():
    """Let go of the networks of one test before the next one."""
    yield
    gc.collect()


# The batch's object is of the size of p3, and only the level of an object teaches the boxes: the
# BatchNorms that the box tower has for the other four levels get no gradient.
WITHOUT_GRADIENT = {
    f"head.bbox_tower.{conv}.norm.{level}.{name}"
    for conv in range(4)
    for level in range(1, 5)
    for name in ("weight", "bias")
}
# The L1 loss of R-CNNs' boxes has gradients of -1 and 1, whose sum over a few regions may be 0.
MAY_CANCEL = {"roi_heads.box_predictor.bbox_pred.bias"}
SMALL = [
    *("MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE", "8", "INPUT.MASK_FORMAT", "bitmask"),
    # All anchors count; of few drawn ones, none may lie on p6.
    *("MODEL.RPN.BATCH_SIZE_PER_IMAGE", "4096"),
    # A cascade's later regressors get no gradient where an untrained network finds no better boxes.
    *("MODEL.ROI_BOX_CASCADE_HEAD.IOUS", "(0.5, 0.5, 0.5)"),
]


@pytest.mark.usefixtures("free_memory")
@pytest.mark.parametrize(
    ("name", "depth", "bases"),
    [
        case if case in IN_EACH_RUN else pytest.param(*case, marks=pytest.mark.slow)
        for case in TRAINED
    ],
)
def test_one_step_on_small_images(load, name, depth, bases):
    torch.manual_seed(0)  # without a proposal on an object, the boxes of R-CNNs learn nothing
    cfg = load(name, *network_options(depth, bases), *SMALL)
    model = Trainer.build_model(cfg).train()
    optimizer = Trainer.build_optimizer(cfg, model)
    with EventStorage():
        losses = model(make_batch())
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    parameters = dict(model.named_parameters())
    assert all(torch.isfinite(value.grad).all() for value in parameters.values())
    unmoved = {key for key, value in parameters.items() if not value.grad.any()} - MAY_CANCEL
    assert unmoved == (WITHOUT_GRADIENT if re.search("/(retinanet|fcos)_", name) else set())
    before = {key: steepest(value) for key, value in parameters.items()}
    optimizer.step()
    for key, (index, value) in before.items():
        # SGD's step at a gradient of 1e-7 is lost beside a weight of 1 in 24 bits.
        if parameters[key].grad.abs().max() > 1e-4:
            assert parameters[key].detach().flatten()[index] != value, key


def steepest(parameter):
    """Index and value of the element of largest gradient: a copy of all would fill the memory."""
    index = parameter.grad.abs().argmax()
    return index, parameter.detach().flatten()[index].item()
