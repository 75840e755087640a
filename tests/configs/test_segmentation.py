"""The full-scale configs of segmentation: the recipe in them is the paper's, and each trains."""

import gc
import re

import pytest
import torch

from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.config import load_config
from groupnet_det.engine.trainer import Trainer
from groupnet_det.layers import QuantizedConv2d

from .test_imagenet import first_values, free_memory  # noqa: F401

IN_FEATURES = {
    "fcn32s": ["res5"],
    "fcn16s": ["res4", "res5"],
    "fcn8s": ["res3", "res4", "res5"],
    "deeplabv3": ["res5"],
    "deeplabv3plus": ["res5"],
}
HEADS = {
    **dict.fromkeys(("fcn32s", "fcn16s", "fcn8s"), "GroupNetFCNHead"),
    "deeplabv3": "GroupNetDeepLabV3Head",
    "deeplabv3plus": "GroupNetDeepLabV3PlusHead",
}
NAMES = [
    *(f"VOC-Segmentation/{head}_groupnet_r18_bpac" for head in HEADS),
    *(
        f"Cityscapes-Segmentation/{head}_groupnet_r18_bpac"
        for head in ("fcn16s", "deeplabv3", "deeplabv3plus")
    ),
]
# Depth, and BPAC or not, by override, as MODEL_ZOO.md says.
TRAINED = [
    (name, depth, bpac) for name in NAMES for depth in (18, 34, 50) for bpac in (True, False)
]
IN_EACH_RUN = {
    ("VOC-Segmentation/fcn8s_groupnet_r18_bpac", 18, True),
    ("Cityscapes-Segmentation/deeplabv3_groupnet_r18_bpac", 18, True),
    ("VOC-Segmentation/deeplabv3plus_groupnet_r18_bpac", 18, False),
}
DATA = {  # data sets, classes, crop, images, batch
    "VOC-Segmentation": ("voc_2012_seg_trainaug", "voc_2012_seg_val", 21, 480, 16),
    "Cityscapes-Segmentation": (
        *("cityscapes_fine_sem_seg_train", "cityscapes_fine_sem_seg_val"),
        *(19, 769, 8),
    ),
}


@pytest.fixture
def load(root):
    def load_segmentation(name, *options):
        return load_config(str(root / f"configs/{name}.yaml"), ["MODEL.DEVICE", "cpu", *options])

    return load_segmentation


def test_the_folders_hold_these_and_no_others(root):
    found = {
        f"{folder}/{path.stem}"
        for folder in DATA
        for path in (root / "configs" / folder).glob("*_r*.yaml")
    }
    assert found == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_what_its_name_says(load, name):
    cfg = load(name)
    folder, head, depth, bpac = re.fullmatch(r"(.+)/(.+)_groupnet_r(\d+)(_bpac)?", name).groups()
    options = cfg.MODEL.GROUPNET
    assert (options.METHOD, options.NUM_BASES, options.GATES) == ("group_net", 5, True)
    assert (str(options.DEPTH), options.BPAC.ENABLED) == (depth, bool(bpac))
    assert (options.WIDTH, options.OUTPUT_STRIDE, options.ACTIVATION) == (1.0, 8, "sign")
    assert options.SEGMENTATION.ASPP_RATES == [12, 24, 36]
    assert cfg.MODEL.META_ARCHITECTURE == "SemanticSegmentor"
    assert HEADS[head] == cfg.MODEL.SEM_SEG_HEAD.NAME
    assert list(cfg.MODEL.SEM_SEG_HEAD.IN_FEATURES) == IN_FEATURES[head]
    train, test, classes, crop, batch = DATA[folder]
    assert ((train,), (test,)) == (cfg.DATASETS.TRAIN, cfg.DATASETS.TEST)
    assert (classes, batch) == (cfg.MODEL.SEM_SEG_HEAD.NUM_CLASSES, cfg.SOLVER.IMS_PER_BATCH)
    assert (crop, [0.5, 2.0]) == (cfg.INPUT.SEMANTIC.CROP, cfg.INPUT.SEMANTIC.SCALE_RANGE)
    assert cfg.INPUT.RANDOM_FLIP == "horizontal"
    assert cfg.OUTPUT_DIR.split("/")[0] == "output"
    assert cfg.OUTPUT_DIR.split("/")[2] == name.split("/")[1]


@pytest.mark.parametrize("name", NAMES)
def test_it_starts_from_the_classifier_of_its_kind(load, name):
    """The config of that names the file, and gives the same backbone."""
    cfg = load(name)
    depth = cfg.MODEL.GROUPNET.DEPTH
    classifier = load(f"ImageNet/groupnet_r{depth}_k5")
    assert f"{classifier.OUTPUT_DIR}/model_final.pth" == cfg.MODEL.WEIGHTS
    for key in ("DEPTH", "WIDTH", "NUM_BASES", "GATES", "MERGE", "GROUP", "DOWNSAMPLE", "METHOD"):
        assert classifier.MODEL.GROUPNET[key] == cfg.MODEL.GROUPNET[key], key
    for key in ("PIXEL_MEAN", "PIXEL_STD"):
        assert classifier.MODEL[key] == cfg.MODEL[key]
    assert classifier.INPUT.FORMAT == cfg.INPUT.FORMAT


def test_the_papers_recipe(load):
    cfg = load("VOC-Segmentation/fcn32s_groupnet_r18_bpac", "MODEL.GROUPNET.WIDTH", "0.0625")
    model = Trainer.build_model(cfg)
    optimizer = Trainer.build_optimizer(cfg, model)
    assert type(optimizer) is torch.optim.Adam
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0}
    assert {group["lr"] for group in optimizer.param_groups} == {1e-4, 1e-3}
    assert abs(cfg.SOLVER.MAX_ITER - 50 * 10_582 / 16) < 1
    scheduler = Trainer.build_lr_scheduler(cfg, optimizer)
    for iteration in (0, 10_000, 33_000):
        scheduler.last_epoch = iteration
        share = (1 - iteration / cfg.SOLVER.MAX_ITER) ** 0.9
        assert sorted(set(scheduler.get_lr())) == pytest.approx([1e-4 * share, 1e-3 * share])


def test_the_backbones_of_paper_have_the_papers_rates(load):
    with torch.device("meta"):
        cfg = load("VOC-Segmentation/deeplabv3_groupnet_r18_bpac", "MODEL.DEVICE", "meta")
        model = Trainer.build_model(cfg)
    for name, rates in (("res4", [2, 3, 4, 5, 6]), ("res5", [6, 7, 8, 9, 10])):
        for block in model.backbone.get_submodule(name):
            found = [
                {m.dilation[0] for m in branch.modules() if isinstance(m, QuantizedConv2d)}
                for branch in block.branches
            ]
            assert found == [{rate} for rate in rates]


@pytest.mark.usefixtures("free_memory")
@pytest.mark.parametrize(
    ("name", "depth", "bpac"),
    [
        case if case in IN_EACH_RUN else pytest.param(*case, marks=pytest.mark.slow)
        for case in TRAINED
    ],
)
def test_it_starts_from_a_classifier_and_trains(load, tmp_path, name, depth, bpac):
    options = ["MODEL.GROUPNET.DEPTH", str(depth)]
    classifier = Trainer.build_model(load("ImageNet/groupnet_r18_k5", *options))
    Checkpointer(classifier, str(tmp_path)).save("model_final")
    expected = first_values(classifier.backbone)
    del classifier
    gc.collect()

    cfg = load(name, *options, "MODEL.GROUPNET.BPAC.ENABLED", str(bpac))
    model = Trainer.build_model(cfg)
    path = tmp_path / "model_final.pth"
    Checkpointer(model).load(str(path))
    path.unlink()
    assert first_values(model.backbone) == expected  # no key more or less, and all loaded
    train_one_step(cfg, model)


def train_one_step(cfg, model):
    """A step on two small images, with the trainer's optimizer."""
    optimizer = Trainer.build_optimizer(cfg, model.train())
    before = first_values(model)
    classes = cfg.MODEL.SEM_SEG_HEAD.NUM_CLASSES
    batch = [
        {
            "image": torch.randint(0, 256, (3, 65, 65), dtype=torch.uint8),
            "sem_seg": torch.randint(0, classes, (65, 65)),
        }
        for _ in range(2)
    ]
    batch[0]["sem_seg"][:20] = cfg.MODEL.SEM_SEG_HEAD.IGNORE_VALUE
    losses = model(batch)
    sum(losses.values()).backward()
    optimizer.step()
    assert all(torch.isfinite(loss) for loss in losses.values())
    after = first_values(model)
    names = [name for name, _ in model.named_parameters()]
    assert sum(after[name] != before[name] for name in names) > 0.8 * len(names)
