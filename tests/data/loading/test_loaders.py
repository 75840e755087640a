import itertools
import pickle

import pytest
import torch
from detectron2.data import MetadataCatalog

from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.data.loading.loaders import build_test_loader, build_train_loader
from groupnet_det.errors import ConfigError, DataError


@pytest.fixture
def config(image_folder):
    """Seven training images of two classes, and five for testing."""
    folders = {"mine": image_folder("a", cat=3, dog=4), "other": image_folder("b", cat=3, dog=2)}

    def make(*options):
        entries = [
            {"NAME": name, "FORMAT": "image_folder", "ROOT": str(root)}
            for name, root in folders.items()
        ]
        cfg = load_config(
            "",
            [
                *("DATASETS.CUSTOM", str(entries), "DATASETS.TRAIN", "['mine']"),
                *("DATASETS.TEST", "['other']", "DATALOADER.NUM_WORKERS", "0"),
                *("SOLVER.IMS_PER_BATCH", "4", "TEST.IMS_PER_BATCH", "2"),
                *("INPUT.CLASSIFICATION.TRAIN_CROP", "16"),
                *("INPUT.CLASSIFICATION.TEST_RESIZE", "20"),
                *("INPUT.CLASSIFICATION.TEST_CROP", "16"),
                *options,
            ],
        )
        register_datasets(cfg)
        return cfg

    return make


def take(loader, number):
    return list(itertools.islice(iter(loader), number))


def assert_equal_batches(left, right):
    assert len(left) == len(right)
    for a, b in zip(itertools.chain(*left), itertools.chain(*right), strict=True):
        assert (a["file_name"], a["label"]) == (b["file_name"], b["label"])
        assert torch.equal(a["image"], b["image"])


def test_the_start_of_a_loader_draws_no_random_number(config):
    """Else the first step of a resumed training would draw others than in an uninterrupted one."""
    loader = build_train_loader(config(), seed=3)
    before = torch.get_rng_state()
    next(iter(loader))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("cache", ["True", "False"])
def test_processes_of_their_own_can_load_however_they_are_started(config, cache):
    """From Python 3.14 on they are not forked, and what they need is pickled."""
    cfg = config("DATALOADER.CACHE_IMAGES", cache)
    loader = build_train_loader(cfg, seed=3)
    copy = pickle.loads(pickle.dumps(loader.dataset))
    assert torch.equal(copy[5, 1]["image"], loader.dataset[5, 1]["image"])
    pickle.dumps(build_test_loader(cfg, "other").dataset)


def test_training_batches(config):
    batches = take(build_train_loader(config(), seed=3), 7)
    samples = list(itertools.chain(*batches))
    assert {len(batch) for batch in batches} == {4}
    assert {tuple(sample["image"].shape) for sample in samples} == {(3, 16, 16)}
    for sample in samples:
        assert sample["label"] == (0 if "/cat/" in sample["file_name"] else 1)
    names = [sample["file_name"] for sample in samples]  # four epochs of seven
    assert all(len(set(names[start : start + 7])) == 7 for start in range(0, 28, 7))


def test_training_is_a_function_of_the_seed_and_resumes(config):
    whole = take(build_train_loader(config(), seed=3), 6)
    assert_equal_batches(take(build_train_loader(config(), seed=3), 6), whole)
    resumed = build_train_loader(config(), seed=3)
    resumed.batch_sampler.start_batch = 4
    assert_equal_batches(take(resumed, 2), whole[4:])
    other = take(build_train_loader(config(), seed=4), 1)
    assert not torch.equal(other[0][0]["image"], whole[0][0]["image"])


def test_loader_processes_change_nothing(config):
    alone = take(build_train_loader(config(), seed=3), 3)
    helped = take(build_train_loader(config("DATALOADER.NUM_WORKERS", "1"), seed=3), 3)
    assert_equal_batches(alone, helped)


def test_cached_images_are_the_same(config):
    plain = take(build_train_loader(config(), seed=3), 4)
    cached = take(build_train_loader(config("DATALOADER.CACHE_IMAGES", "True"), seed=3), 4)
    assert_equal_batches(plain, cached)


def test_testing_gives_each_image_once_in_order(config):
    batches = list(build_test_loader(config(), "other"))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert [sample["label"] for sample in itertools.chain(*batches)] == [0, 0, 0, 1, 1]


def test_detection_data_sets_have_their_own_loaders(datasets_env):
    options = ["DATASETS.TRAIN", "['photo_digits_train']", "DATALOADER.NUM_WORKERS", "0"]
    cfg = load_config("", [*options, "SOLVER.IMS_PER_BATCH", "2"])
    register_datasets(cfg)
    (batch,) = take(build_train_loader(cfg, seed=0), 1)
    assert all("instances" in sample for sample in batch)
    (sample,) = next(iter(build_test_loader(cfg, "photo_digits_val")))
    assert sample["height"] == 160


def test_tasks_do_not_mix(config, datasets_env):
    cfg = config("DATASETS.TRAIN", "['mine', 'photo_digits_train']")
    with pytest.raises(ConfigError, match="must have the same task"):
        build_train_loader(cfg, seed=0)


def test_unknown_task_lists_the_valid_ones(config):
    cfg = config()
    MetadataCatalog.get("odd").evaluator_type = "odd"
    with pytest.raises(ConfigError, match=r"data set 'odd' is 'odd'; valid: 'coco'"):
        build_test_loader(cfg, "odd")


def test_training_sets_with_unlike_classes(config, image_folder):
    cfg = config("DATASETS.TRAIN", "['mine', 'third']")
    root = image_folder("c", cat=1, fox=1)
    cfg.DATASETS.CUSTOM.append({"NAME": "third", "FORMAT": "image_folder", "ROOT": str(root)})
    register_datasets(cfg)
    with pytest.raises(DataError, match="must have the same classes; only one"):
        build_train_loader(cfg, seed=0)


def test_sampler_that_is_not_ours(config):
    cfg = config("DATALOADER.SAMPLER_TRAIN", "RandomSubsetTrainingSampler")
    with pytest.raises(ConfigError, match="valid: 'TrainingSampler'"):
        build_train_loader(cfg, seed=0)


def test_real_photographs(test_data):
    root = test_data / "data/sign_digits"
    entries = [
        {"NAME": f"sign_{split}", "FORMAT": "image_folder", "ROOT": str(root / split)}
        for split in ("train", "val")
    ]
    options = ["DATASETS.CUSTOM", str(entries), "DATASETS.TRAIN", "['sign_train']"]
    cfg = load_config(
        "", [*options, "DATASETS.TEST", "['sign_val']", "DATALOADER.NUM_WORKERS", "0"]
    )
    register_datasets(cfg)
    assert build_train_loader(cfg, seed=0).batch_sampler.num_records == 1447
    assert len(build_test_loader(cfg, "sign_val").dataset) == 283
    (batch,) = take(build_test_loader(cfg, "sign_val"), 1)
    assert batch[0]["image"].shape == (3, 224, 224)
