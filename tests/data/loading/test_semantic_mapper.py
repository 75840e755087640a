import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.data.loading.loaders import build_test_loader, build_train_loader
from groupnet_det.data.loading.semantic_mapper import RandomScale, SemanticMapper
from groupnet_det.errors import ConfigError, DataError

PREFIX = "INPUT.SEMANTIC."
STILL = [PREFIX + "SCALE_RANGE", "[1.0, 1.0]", "INPUT.RANDOM_FLIP", "none"]


def make_mapper(is_train, *options):
    cfg = load_config(
        "", ["INPUT.FORMAT", "RGB", "MODEL.SEM_SEG_HEAD.NUM_CLASSES", "200", *options]
    )
    return SemanticMapper(cfg, is_train=is_train)


@pytest.fixture
def record(tmp_path):
    """An image of 80 x 60 whose red channel is the mask."""
    labels = np.arange(60)[:, None] + np.arange(80)
    pixels = np.stack([labels, 0 * labels, 0 * labels + 9], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(labels.astype(np.uint8)).save(tmp_path / "mask.png")
    return {
        "file_name": str(tmp_path / "a.png"),
        "sem_seg_file_name": str(tmp_path / "mask.png"),
    }


@pytest.mark.parametrize("crop", [0, 32])
def test_image_and_mask_are_cut_alike(record, crop):
    np.random.seed(0)
    mapper = make_mapper(True, *STILL, PREFIX + "CROP", str(crop))
    starts = set()
    for _ in range(20):
        sample = mapper(record)
        size = (crop, crop) if crop else (60, 80)
        assert sample["image"].shape == (3, *size)
        assert sample["sem_seg"].shape == size
        assert (sample["image"].dtype, sample["sem_seg"].dtype) == (torch.uint8, torch.int64)
        assert torch.equal(sample["image"][0].long(), sample["sem_seg"])
        assert (sample["height"], sample["width"]) == (60, 80)
        starts.add(int(sample["sem_seg"][0, 0]))
    assert len(starts) == (1 if not crop else len(starts))
    assert not crop or len(starts) > 8


def test_cuts_along_both_axes_are_independent(tmp_path):
    # Red tells the column and the mask the row of each pixel.
    columns = np.broadcast_to(np.arange(100, dtype=np.uint8), (100, 100))
    Image.fromarray(np.stack([columns] * 3, axis=2)).save(tmp_path / "a.png")
    Image.fromarray(np.ascontiguousarray(columns.T)).save(tmp_path / "m.png")
    record = {"file_name": str(tmp_path / "a.png"), "sem_seg_file_name": str(tmp_path / "m.png")}
    np.random.seed(0)
    mapper = make_mapper(True, *STILL, PREFIX + "CROP", "20")
    samples = [mapper(record) for _ in range(200)]
    corners = [[int(s["image"][0, 0, 0]), int(s["sem_seg"][0, 0])] for s in samples]
    assert abs(np.corrcoef(np.transpose(corners))[0, 1]) < 0.2
    assert np.min(corners) < 4
    assert np.max(corners) > 76


def test_small_images_are_padded_and_the_padding_ignored(record):
    mapper = make_mapper(True, *STILL, PREFIX + "CROP", "100")
    sample = mapper(record)
    assert sample["image"].shape == (3, 100, 100)
    assert torch.equal(sample["image"][0, :60, :80].long(), sample["sem_seg"][:60, :80])
    for part in (sample["sem_seg"][60:], sample["sem_seg"][:, 80:]):
        assert (part == 255).all()
    assert (sample["image"][:, 60:] == 128).all()


def test_padding_has_the_label_that_is_ignored(record):
    options = ["MODEL.SEM_SEG_HEAD.IGNORE_VALUE", "220", PREFIX + "CROP", "100"]
    assert (make_mapper(True, *STILL, *options)(record)["sem_seg"][60:] == 220).all()


@pytest.mark.parametrize(("base", "low", "high"), [(0, 0.5, 2.0), (160, 1.0, 4.0)])
def test_scales_are_even_between_their_bounds(base, low, high):
    np.random.seed(0)
    augmentation = RandomScale(0.5, 2.0, base_size=base)
    image = np.zeros((60, 80, 3), dtype=np.uint8)
    shapes = [augmentation.get_transform(image).apply_image(image).shape for _ in range(300)]
    factors = np.array([shape[1] / 80 for shape in shapes])
    assert low - 0.01 <= factors.min() < low + 0.05 * high
    assert high + 0.01 >= factors.max() > high - 0.05 * high
    assert factors.mean() == pytest.approx((low + high) / 2, rel=0.06)
    assert np.allclose([shape[0] / 60 for shape in shapes], factors, atol=0.02)


def test_no_label_is_made_up_by_scaling(record):
    labels = np.zeros((60, 80), dtype=np.uint8)
    labels[:, 40:] = 100
    Image.fromarray(labels).save(record["sem_seg_file_name"])
    np.random.seed(0)
    mapper = make_mapper(True, PREFIX + "CROP", "0")
    samples = [mapper(record) for _ in range(5)]
    assert len({sample["sem_seg"].shape for sample in samples}) == 5
    assert all(set(sample["sem_seg"].unique().tolist()) == {0, 100} for sample in samples)


@pytest.mark.parametrize(("flip", "axis"), [("horizontal", 1), ("vertical", 0)])
def test_flips(record, flip, axis):
    np.random.seed(0)
    options = [*STILL[:2], "INPUT.RANDOM_FLIP", flip, PREFIX + "CROP", "0"]
    mapper = make_mapper(True, *options)
    whole = make_mapper(True, *STILL, PREFIX + "CROP", "0")(record)["sem_seg"]
    flipped = 0
    for _ in range(30):
        sample = mapper(record)
        assert torch.equal(sample["image"][0].long(), sample["sem_seg"])
        flipped += torch.equal(sample["sem_seg"], whole.flip(axis))
    assert 8 < flipped < 22


@pytest.mark.parametrize(("side", "shape"), [(0, (60, 80)), (30, (30, 40))])
def test_testing_reads_no_mask(record, side, shape):
    del record["sem_seg_file_name"]
    sample = make_mapper(False, PREFIX + "TEST_SHORT_SIDE", str(side))(record)
    assert sample["image"].shape == (3, *shape)
    assert "sem_seg" not in sample
    assert (sample["height"], sample["width"]) == (60, 80)


@pytest.mark.parametrize(("order", "channels"), [("RGB", [0, 9]), ("BGR", [9, 0])])
def test_order_of_channels(record, order, channels):
    image = make_mapper(False, "INPUT.FORMAT", order)(record)["image"]
    assert image[[0, 2], 0, 0].tolist() == channels


@pytest.mark.parametrize(
    ("shape", "value", "message"),
    [
        ((60, 80), 250, r"mask\.png contains label 250"),
        ((80, 60), 0, r"mask\.png is 60x80, but im"),
    ],
    ids=["label", "size"],
)
def test_a_mask_that_turned_bad_is_named(record, shape, value, message):
    Image.fromarray(np.full(shape, value, dtype=np.uint8)).save(record["sem_seg_file_name"])
    with pytest.raises(DataError, match=message):
        make_mapper(True)(record)


@pytest.mark.parametrize(
    ("is_train", "key", "value", "message"),
    [
        (True, "SCALE_RANGE", "[2.0, 0.5]", "SCALE_RANGE is .*valid: two rising factors"),
        (True, "CROP", "-1", "CROP is -1; valid: pixels, or 0"),
        (True, "BASE_SIZE", "-1", "BASE_SIZE is -1; valid: pixels, or 0"),
        (False, "TEST_SHORT_SIDE", "-1", "TEST_SHORT_SIDE is -1; valid: pixels, or 0"),
    ],
)
def test_values_that_cannot_work(is_train, key, value, message):
    with pytest.raises(ConfigError, match=PREFIX + message):
        make_mapper(is_train, PREFIX + key, value)


def test_unknown_flip():
    with pytest.raises(ConfigError, match=r"INPUT.RANDOM_FLIP is 'both'; valid: 'none'"):
        make_mapper(True, "INPUT.RANDOM_FLIP", "both")


@pytest.mark.parametrize("workers", ["0", "1"])
def test_loaders(mask_folders, workers):
    cfg = load_config(
        "",
        [
            *("DATASETS.CUSTOM", str([mask_folders()]), "DATASETS.TRAIN", "['mine']"),
            *("MODEL.SEM_SEG_HEAD.NUM_CLASSES", "3", "DATALOADER.NUM_WORKERS", workers),
            *("SOLVER.IMS_PER_BATCH", "4", PREFIX + "CROP", "16"),
        ],
    )
    register_datasets(cfg)
    streams = [iter(build_train_loader(cfg, seed=3)) for _ in range(2)]
    for _ in range(3):
        batch, again = (next(stream) for stream in streams)
        assert len(batch) == 4
        for one, other in zip(batch, again, strict=True):
            assert one["image"].shape == (3, 16, 16)
            assert torch.equal(one["image"], other["image"])
            assert torch.equal(one["sem_seg"], other["sem_seg"])
    tested = [sample for batch in build_test_loader(cfg, "mine") for sample in batch]
    assert [sample["image"].shape for sample in tested] == [(3, 30, 40)] * 6
