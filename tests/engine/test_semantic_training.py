"""Training and evaluation of segmentation networks through the one trainer."""

import json
from pathlib import Path

import pytest
from detectron2.engine import default_argument_parser
from PIL import Image

from groupnet_det.checkpoint.checkpointer import load_tensors
from groupnet_det.engine.setup import setup
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import DataError
from groupnet_det.evaluation.saved.label_map_folders import score_label_folders
from tests.cityscapes_tree import make_cityscapes, register_cityscapes, write_train_ids

# Detectron2's own head, so that this speaks of data and evaluation alone; at one stride, as it
# needs maps that fit each other.
NETWORK = [
    *("MODEL.META_ARCHITECTURE", "SemanticSegmentor", "MODEL.BACKBONE.FREEZE_AT", "0"),
    *("MODEL.BACKBONE.NAME", "build_groupnet_resnet_backbone", "MODEL.GROUPNET.WIDTH", "0.125"),
    *("MODEL.GROUPNET.NUM_BASES", "1", "MODEL.SEM_SEG_HEAD.NAME", "SemSegFPNHead"),
    *("MODEL.SEM_SEG_HEAD.IN_FEATURES", "['res2']"),
    *("MODEL.SEM_SEG_HEAD.CONVS_DIM", "16", "MODEL.SEM_SEG_HEAD.NORM", "BN"),
    *("SOLVER.OPTIMIZER", "Adam", "SOLVER.IMS_PER_BATCH", "2", "SOLVER.MAX_ITER", "2"),
    *("INPUT.SEMANTIC.CROP", "32", "DATALOADER.NUM_WORKERS", "0", "TEST.EVAL_PERIOD", "1"),
    *("SOLVER.BEST_METRIC", "sem_seg/mIoU", "SEED", "1"),
]


def make_config(output, *options):
    arguments = default_argument_parser().parse_args(["--num-gpus", "0"])
    arguments.opts = [*NETWORK, *map(str, options), "OUTPUT_DIR", str(output)]
    return setup(arguments)


def own_masks(mask_folders, *options):
    entries = [mask_folders("one"), mask_folders("two", "uvw")]
    return [
        *("DATASETS.CUSTOM", entries, "DATASETS.TRAIN", "['one']", "DATASETS.TEST", "['two']"),
        *("MODEL.SEM_SEG_HEAD.NUM_CLASSES", "3", *options),
    ]


def train(cfg):
    trainer = Trainer(cfg)
    trainer.resume_or_load(False)
    trainer.train()
    return trainer._last_eval_results


def test_training_on_masks_of_ones_own(tmp_path, mask_folders):
    results = train(make_config(tmp_path / "out", *own_masks(mask_folders)))
    rows = [json.loads(line) for line in (tmp_path / "out/metrics.json").read_text().splitlines()]
    assert rows[-1]["sem_seg/mIoU"] == pytest.approx(results["sem_seg"]["mIoU"])
    best = load_tensors(str(tmp_path / "out/model_best.pth"))
    assert best["class_names"] == ["background", "cat", "dog"]
    # The predictions that were written, scored without the model, give the same.
    scores = score_label_folders(
        tmp_path / "out/inference/label_maps",
        tmp_path / "two/masks",
        class_names=["background", "cat", "dog"],
        ignore_label=255,
    )
    assert scores.results == pytest.approx(results["sem_seg"], nan_ok=True)


@pytest.mark.parametrize(
    "options",
    [
        ["TEST.SEMANTIC.INFERENCE", "slide", "TEST.SEMANTIC.WINDOW", "[32, 32]"],
        ["TEST.AUG.ENABLED", "True", "TEST.SEMANTIC.SCALES", "[1.0, 1.5]"],
    ],
    ids=["slide", "multi-scale"],
)
def test_other_ways_to_infer(tmp_path, mask_folders, options):
    options = own_masks(mask_folders, *options, "TEST.SEMANTIC.STRIDE", "[16, 16]")
    cfg = make_config(tmp_path / "out", *options)
    model = Trainer.build_model(cfg)
    whole = cfg.clone()
    whole.defrost()
    whole.TEST.SEMANTIC.INFERENCE = "whole"
    whole.TEST.AUG.ENABLED = False
    results = [Trainer.test(c, model)["sem_seg"] for c in (cfg, whole)]
    assert all(0 <= result["mIoU"] <= 100 for result in results)
    assert results[0] != results[1]
    assert model.training


def test_masks_are_checked_before_training(tmp_path, mask_folders):
    options = own_masks(mask_folders)
    Image.new("L", (40, 30), 3).save(tmp_path / "two/masks/v.png")
    with pytest.raises(DataError, match=r"two/masks/v\.png contains label 3"):
        make_config(tmp_path / "out", *options)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_bad_mask_met_during_training_loses_nothing(tmp_path, mask_folders, workers):
    options = own_masks(mask_folders, "SOLVER.MAX_ITER", "9", "DATALOADER.NUM_WORKERS", workers)
    options += ["TEST.EVAL_PERIOD", "0"]
    cfg = make_config(tmp_path / "out", *options, "DATASETS.CHECK_DECODE", "1")
    mask = sorted((tmp_path / "one/masks").iterdir())[-1]
    good = mask.read_bytes()
    trainer = Trainer(cfg)
    trainer.resume_or_load(False)
    batches = iter(trainer.data_loader)
    first = next(
        i
        for i, batch in enumerate(batches)
        if any(mask.stem == Path(s["file_name"]).stem for s in batch)
    )
    assert first  # with the seed: it is not in the first batch
    Image.new("L", (40, 30), 3).save(mask)
    with pytest.raises(
        DataError,
        match=rf"{mask.name} contains label 3,.* kept in \S*model_0*{first - 1}\.pth, and --resume",
    ):
        train(cfg)
    mask.write_bytes(good)
    trainer = Trainer(cfg)
    trainer.resume_or_load(True)
    assert trainer.start_iter == first
    trainer.train()


def test_cityscapes_and_its_official_evaluator(tmp_path):
    pytest.importorskip("cityscapesscripts", reason="the extra 'cityscapes' is not installed")
    make_cityscapes(tmp_path / "data")
    write_train_ids(tmp_path / "data")
    names = register_cityscapes(tmp_path / "data")
    cfg = make_config(
        tmp_path / "out",
        *("DATASETS.TRAIN", names[:1], "DATASETS.TEST", names[1:]),
        *("MODEL.SEM_SEG_HEAD.NUM_CLASSES", "19", "TEST.SEMANTIC.OFFICIAL_CITYSCAPES", "True"),
    )
    results = train(cfg)
    assert results["sem_seg"]["mIoU"] > 0
    assert results["cityscapes"]["IoU"] == pytest.approx(results["sem_seg"]["mIoU"], abs=1e-9)
