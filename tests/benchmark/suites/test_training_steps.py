"""Training steps beside those of the full-precision baseline: batches, turns, rows; no timing."""

import pytest
import torch

from groupnet_det.analysis.precision_map import layer_precisions
from groupnet_det.benchmark.measure.timing import alternate_single_runs
from groupnet_det.benchmark.suites.training_steps import BASELINE, NETWORKS, OURS, size_of, step_row
from groupnet_det.commands.benchmark import benchmark_flags
from groupnet_det.config import load_config
from groupnet_det.data.loading.random_batches import NUM_OBJECTS, random_batch
from groupnet_det.engine.memory.random_steps import BatchSize, TrainingSteps
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import ConfigError

QUICK = benchmark_flags.benchmark_train().parse_args([]).configs
CLASSIFIER, SEGMENTER, DETECTOR = (
    f"configs/quick/{name}.yaml"
    for name in (
        "classifier_groupnet_mnist5k",
        "semseg_groupnet_photo_digits",
        "retinanet_groupnet_photo_digits",
    )
)
NARROW = [
    *("MODEL.DEVICE", "cpu", "MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "8"),
    *("MODEL.SEM_SEG_HEAD.CONVS_DIM", "8", "MODEL.ROI_BOX_HEAD.FC_DIM", "16"),
    *("MODEL.ROI_MASK_HEAD.CONV_DIM", "8"),
]
SMALL = BatchSize(num_images=2, height=64, width=96)


@pytest.fixture
def load(root):
    def load_quick(path, *options):
        return load_config(str(root / path), [*NARROW, *options])

    return load_quick


@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.split("/")[-1].split("_group")[0])
@pytest.mark.parametrize("network", [OURS, BASELINE])
def test_a_step_moves_the_weights_of_every_kind(load, path, network):
    cfg = NETWORKS[network](load(path))
    steps = TrainingSteps(cfg, SMALL)
    before = {key: value.clone() for key, value in steps.model.named_parameters()}
    steps()
    moved = [key for key, value in steps.model.named_parameters() if (value != before[key]).any()]
    assert len(moved) > len(before) / 2
    assert any(".head" in f".{key}" or "fc" in key or "predictor" in key for key in moved)


def test_the_baseline_is_float_and_differs_in_nothing_else(load):
    cfg = load(DETECTOR, "MODEL.GROUPNET.PARTS.HEAD", "bnn")
    baseline = NETWORKS[BASELINE](cfg)
    for config, bits in ((cfg, {1, 32}), (baseline, {32})):
        model = Trainer.build_model(config)
        assert {layer.weight_bits for layer in layer_precisions(model)} == bits
    options = baseline.clone()
    options.defrost()
    options.MODEL.GROUPNET.METHOD = "group_net"
    options.MODEL.GROUPNET.PARTS.HEAD = "bnn"
    assert options.dump() == cfg.dump()


def test_parallel_atrous_convolution_has_a_baseline(root):
    path = root / "configs/VOC-Segmentation/deeplabv3_groupnet_r18_bpac.yaml"
    cfg = load_config(str(path), ["MODEL.GROUPNET.WIDTH", "0.0625", "MODEL.DEVICE", "cpu"])
    model = Trainer.build_model(NETWORKS[BASELINE](cfg))
    assert {layer.weight_bits for layer in layer_precisions(model)} == {32}


def test_dilations_of_several_bases_have_a_baseline(load):
    groups = [*("OUTPUT_STRIDE", "8", "NUM_BASES", "2", "DILATIONS", "[1, 1, [2, 3], [6, 7]]")]
    options = [f"MODEL.GROUPNET.{word}" if word.isupper() else word for word in groups]
    baseline = NETWORKS[BASELINE](load(SEGMENTER, *options))
    assert {layer.weight_bits for layer in layer_precisions(Trainer.build_model(baseline))} == {32}


def test_the_baseline_is_on_the_same_device(load):
    cfg = load(DETECTOR, "MODEL.DEVICE", "cuda")
    assert NETWORKS[BASELINE](cfg).MODEL.DEVICE == "cuda"


def test_boxes_lie_in_the_image_and_masks_fill_them(load):
    cfg = load("configs/quick/mask_rcnn_groupnet_photo_digits.yaml")
    batch = random_batch(cfg, num_images=3, height=50, width=90)
    assert len(batch) == 3
    for item in batch:
        instances = item["instances"]
        assert item["image"].shape == (3, 50, 90)
        assert instances.image_size == (50, 90)
        boxes = instances.gt_boxes.tensor
        assert len(boxes) == NUM_OBJECTS
        assert (boxes >= 0).all()
        assert (boxes[:, 2:] <= torch.tensor([90, 50])).all()
        widths, heights = (boxes[:, 2:] - boxes[:, :2]).T
        areas = instances.gt_masks.tensor.sum(dim=(1, 2))
        assert ((areas - widths * heights).abs() <= widths + heights + 1).all()
        assert set(instances.gt_classes.tolist()) <= set(range(10))
    again = random_batch(cfg, num_images=3, height=50, width=90)
    other = random_batch(cfg, num_images=3, height=50, width=90, seed=1)
    assert torch.equal(batch[2]["image"], again[2]["image"])
    assert not torch.equal(batch[2]["image"], other[2]["image"])


def test_an_architecture_without_batches_is_named(load):
    cfg = load(DETECTOR, "MODEL.META_ARCHITECTURE", "SOLO")
    with pytest.raises(ConfigError, match="META_ARCHITECTURE is 'SOLO'; valid: 'ImageClassifier'"):
        random_batch(cfg, num_images=1, height=8, width=8)


@pytest.mark.parametrize(
    ("path", "side"),
    [(CLASSIFIER, 32), (SEGMENTER, 144), (DETECTOR, 160)],
    ids=["mnist", "seg", "det"],
)
def test_sizes_are_those_of_the_config(load, path, side):
    cfg = load(path)
    images = cfg.SOLVER.IMS_PER_BATCH
    assert size_of(cfg) == BatchSize(num_images=images, height=side, width=side)
    given = size_of(cfg, num_images=3, height=32, width=64)
    assert given == BatchSize(num_images=3, height=32, width=64)


def test_single_runs_take_turns():
    asked = []
    runs = {name: lambda name=name: asked.append(name) for name in "ab"}
    seconds = alternate_single_runs(runs, 3)
    assert "".join(asked) == "aabb" + "abbaab"
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}
    assert min(*seconds["a"], *seconds["b"]) >= 0


def test_a_row_by_hand():
    seconds = {OURS: [4.0, 6.0, 9.0], BASELINE: [2.0, 2.0, 1.0]}
    row = step_row("a/b", SMALL, seconds, {OURS: 300.0, BASELINE: 200.0})
    assert (row.seconds_least, row.seconds_median, row.baseline_least, row.baseline_median) == (
        4,
        6,
        1,
        2,
    )
    assert (row.x_least, row.x_median) == (4.0, 3.0)  # 4 / 1; the median of 2, 3, 9
    assert (row.peak_mib, row.baseline_peak_mib, row.x_peak) == (300.0, 200.0, 1.5)
    assert (row.num_images, row.height, row.width) == (2, 64, 96)
    assert step_row("a/b", SMALL, seconds, {}).x_peak is None
