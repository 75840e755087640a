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
    for network in (
        *(f"groupnet_r{depth}_k{bases}" for depth in (18, 34, 50) for bases in (1, 4, 5)),
        *(f"float_r{depth}" for depth in (18, 34, 50)),
    )
]
IN_EACH_RUN = {
    "COCO-Detection/retinanet_groupnet_r50_k1",
    "COCO-Detection/fcos_groupnet_r18_k4",
    "COCO-InstanceSegmentation/mask_rcnn_groupnet_r18_k1",
    "PascalVOC-Detection/faster_rcnn_float_r34",
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


@pytest.mark.usefixtures("free_memory")
@pytest.mark.parametrize(
    "name",
    [n if n in IN_EACH_RUN else pytest.param(n, marks=pytest.mark.slow) for n in ALL],
)
def test_one_step_on_small_images(load, name):
    cfg = load(name, "MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE", "8", "INPUT.MASK_FORMAT", "bitmask")
    model = Trainer.build_model(cfg).train()
    optimizer = Trainer.build_optimizer(cfg, model)
    before = first_values(model)
    with EventStorage():
        losses = model(make_batch())
    sum(losses.values()).backward()
    optimizer.step()
    assert all(torch.isfinite(loss) for loss in losses.values())
    after = first_values(model)
    names = [key for key, _ in model.named_parameters()]
    assert sum(after[key] != before[key] for key in names) > 0.8 * len(names)


def first_values(model):
    """One number of each tensor: a copy of all would fill the memory."""
    return {key: value.flatten()[0].item() for key, value in model.state_dict().items()}
