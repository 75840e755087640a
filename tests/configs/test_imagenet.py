"""The full-scale configs: what the paper says stands in them, and every one trains."""

import gc
import re

import pytest
import torch
from detectron2.solver import build_lr_scheduler

from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.config import load_config
from groupnet_det.engine.trainer import Trainer

from .test_detection import network_options

NETS = ["groupnet_r18_k4", "groupnet_r18_k5"]
BASELINES = ["float_r18"]
STAGES = [f"{net}{suffix}" for net in NETS for suffix in ("_tanh", "")]
# Depth and number of bases by override, as MODEL_ZOO.md says.
TRAINED = [(depth, bases) for depth in (18, 34, 50) for bases in (1, 4, 5, 8)]
IN_EACH_RUN = {(18, 4), (50, 1), 34}
IMAGES = 1_281_167
EPOCHS = 40
# Learning rates by epoch: Section 5.1 of arXiv 1909.09934.
FLOAT_SCHEDULE = [(0.05, 0, 25), (0.005, 25, 35), (0.0005, 35, 40)]
BINARY_SCHEDULE = [(5e-4, 0, 20), (5e-5, 20, 30), (5e-6, 30, 40)]


@pytest.fixture
def load(root, tmp_path):
    def load_imagenet(name, *options):
        path = root / f"configs/ImageNet/{name}.yaml"
        return load_config(str(path), ["MODEL.DEVICE", "cpu", *options])

    return load_imagenet


def slow_but_for_some(cases):
    return [
        case if case in IN_EACH_RUN else pytest.param(case, marks=pytest.mark.slow)
        for case in cases
    ]


def test_the_folder_holds_these_and_no_others(root):
    found = {path.stem for path in (root / "configs/ImageNet").glob("*_r*.yaml")}
    assert found == {*STAGES, *BASELINES}


@pytest.mark.parametrize("name", STAGES)
def test_a_network_is_what_its_name_says(load, name):
    cfg = load(name)
    depth, bases, tanh = re.fullmatch(r"groupnet_r(\d+)_k(\d)(_tanh)?", name).groups()
    options = cfg.MODEL.GROUPNET
    assert options.METHOD == "group_net"
    assert (str(options.DEPTH), str(options.NUM_BASES)) == (depth, bases)
    assert ("tanh" if tanh else "sign") == options.ACTIVATION
    assert ("float" if tanh else "sign") == options.WEIGHT
    assert (options.WIDTH, options.GROUP, options.DOWNSAMPLE) == (1.0, "block", "binary")
    assert options.GATES is (int(bases) > 1)


@pytest.mark.parametrize("name", BASELINES)
def test_the_baseline_is_full_precision(load, name):
    options = load(name).MODEL.GROUPNET
    assert (options.METHOD, f"float_r{options.DEPTH}") == ("float", name)
    assert set(options.PARTS.values()) == {"method"}


@pytest.mark.parametrize("name", [*STAGES, *BASELINES])
def test_data_and_crops_are_the_papers(load, name):
    cfg = load(name)
    options = cfg.INPUT.CLASSIFICATION
    assert (cfg.DATASETS.TRAIN, cfg.DATASETS.TEST) == (("imagenet_train",), ("imagenet_val",))
    assert cfg.MODEL.CLASSIFIER.NUM_CLASSES == 1000
    assert cfg.INPUT.RANDOM_FLIP == "horizontal"
    assert (options.TRAIN_CROP, options.TEST_RESIZE, options.TEST_CROP) == (224, 256, 224)
    assert options.CROP_SCALE == [0.08, 1.0]
    assert options.COLOR_JITTER == cfg.MODEL.CLASSIFIER.LABEL_SMOOTHING == 0
    assert cfg.OUTPUT_DIR.split("/") == ["output", "imagenet", name]


@pytest.mark.parametrize("name", [*STAGES, *BASELINES])
def test_optimizer_and_learning_rate_in_each_epoch(load, name):
    cfg = load(name)
    binary = name in NETS
    layers = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.BatchNorm2d(1))
    optimizer = Trainer.build_optimizer(cfg, layers)
    assert type(optimizer) is (torch.optim.Adam if binary else torch.optim.SGD)
    decays = {group["weight_decay"] for group in optimizer.param_groups}
    assert decays == {0.0 if binary else 1e-4}
    if not binary:
        assert {group["momentum"] for group in optimizer.param_groups} == {0.9}

    assert cfg.SOLVER.IMS_PER_BATCH == 256
    per_epoch = IMAGES / 256
    assert abs(cfg.SOLVER.MAX_ITER - EPOCHS * per_epoch) < 1
    scheduler = build_lr_scheduler(cfg, optimizer)
    for rate, first, end in BINARY_SCHEDULE if binary else FLOAT_SCHEDULE:
        # The first and the last iteration of these epochs, but for the one in which they meet.
        for iteration in (first * per_epoch + 1, end * per_epoch - 1):
            scheduler.last_epoch = int(iteration)
            assert scheduler.get_lr()[0] == pytest.approx(rate), (first, end)


def train_one_step(cfg, model):
    """A step on two small images, with the trainer's optimizer."""
    optimizer = Trainer.build_optimizer(cfg, model.train())
    before = first_values(model)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    batch = [{"image": images[0], "label": 3}, {"image": images[1], "label": 999}]
    (loss,) = model(batch).values()
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    after = first_values(model)
    names = [name for name, _ in model.named_parameters()]
    assert sum(after[name] != before[name] for name in names) > 0.8 * len(names)


def first_values(model):
    """One number of each tensor: a copy of all would fill the memory."""
    return {key: value.flatten()[0].item() for key, value in model.state_dict().items()}


@pytest.fixture
def free_memory():
    """Let go of the networks of one test before the next one."""
    yield
    gc.collect()


@pytest.mark.usefixtures("free_memory")
@pytest.mark.parametrize(
    "network", slow_but_for_some(TRAINED), ids=lambda each: "r{}-k{}".format(*each)
)
def test_both_stages_train_and_the_second_starts_from_the_first(load, tmp_path, network):
    options = network_options(*network)
    cfg = load("groupnet_r18_k4_tanh", *options)
    model = Trainer.build_model(cfg)
    train_one_step(cfg, model)
    Checkpointer(model, str(tmp_path)).save("model_final")
    trained = first_values(model)
    del model
    gc.collect()

    cfg = load("groupnet_r18_k4", *options)
    model = Trainer.build_model(cfg)
    path = tmp_path / "model_final.pth"
    Checkpointer(model, strict=True).load(str(path))  # a missing key is an error
    path.unlink()
    assert first_values(model) == trained
    train_one_step(cfg, model)


@pytest.mark.usefixtures("free_memory")
@pytest.mark.parametrize("depth", slow_but_for_some((18, 34, 50)))
def test_baselines_train(load, depth):
    cfg = load("float_r18", "MODEL.GROUPNET.DEPTH", str(depth))
    train_one_step(cfg, Trainer.build_model(cfg))
