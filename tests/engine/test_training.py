"""Training end to end on a few images: the trainer's promises."""

import json

import pytest
import torch
from detectron2.engine import HookBase, default_argument_parser

from groupnet_det.checkpoint.checkpointer import Checkpointer, load_tensors
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.engine.setup import choose_device, choose_seed, setup
from groupnet_det.engine.trainer import Trainer, checkpoint_metadata
from groupnet_det.errors import ConfigError, TrainingError

SMALL = [
    *("MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "16"),
    *("SOLVER.IMS_PER_BATCH", "2", "SOLVER.MAX_ITER", "4", "SOLVER.CHECKPOINT_PERIOD", "2"),
    *("TEST.EVAL_PERIOD", "0", "DATALOADER.NUM_WORKERS", "0", "INPUT.RANDOM_FLIP", "horizontal"),
]


def make_config(root, output, *options, config="retinanet_groupnet_photo_digits", flags=()):
    path = root / f"configs/quick/{config}.yaml"
    arguments = default_argument_parser().parse_args(
        ["--config-file", str(path), "--num-gpus", "0", *flags]
    )
    arguments.opts = [*SMALL, *options, "OUTPUT_DIR", str(output)]
    return setup(arguments)


class BrokenOffError(Exception):
    pass


class Recorder(HookBase):
    """Note the losses of each step, and on request break off after some."""

    def __init__(self, stop_after):
        self.losses = []
        self.stop_after = stop_after

    def after_step(self):
        latest = self.trainer.storage.latest()
        self.losses.append({key: value[0] for key, value in latest.items() if "loss" in key})
        if len(self.losses) == self.stop_after:
            raise BrokenOffError


def train(cfg, *, resume=False, stop_after=None):
    trainer = Trainer(cfg)
    recorder = Recorder(stop_after)
    trainer.register_hooks([recorder])
    trainer.resume_or_load(resume)
    trainer.train()
    return trainer, recorder.losses


def test_two_steps_of_each_quick_config(root, tmp_path, datasets_env):
    for path in sorted((root / "configs/quick").glob("*.yaml")):
        cfg = make_config(root, tmp_path / path.stem, "SOLVER.MAX_ITER", "2", config=path.stem)
        _, losses = train(cfg)
        assert len(losses) == 2
        for name in (
            "config.yaml",
            "metrics.json",
            "model_final.pth",
            "last_checkpoint",
            "log.txt",
        ):
            assert (tmp_path / path.stem / name).exists(), name


@pytest.mark.parametrize("workers", [0, 1])
def test_resumed_training_repeats_an_uninterrupted_one(root, tmp_path, datasets_env, workers):
    options = ["DATALOADER.NUM_WORKERS", str(workers)]
    whole, losses = train(make_config(root, tmp_path / "whole", *options))
    with pytest.raises(BrokenOffError):
        train(make_config(root, tmp_path / "parts", *options), stop_after=3)  # saved after 2
    resumed, rest = train(make_config(root, tmp_path / "parts", *options), resume=True)
    assert len(losses) == 4
    assert rest == losses[2:]
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[key]), key


def test_loader_processes_change_nothing(root, tmp_path, datasets_env):
    runs = [
        train(make_config(root, tmp_path / n, "DATALOADER.NUM_WORKERS", n))[1] for n in ("0", "2")
    ]
    assert runs[0] == runs[1]


def test_evaluation_of_the_saved_model_gives_the_ap_of_trainings_end(root, tmp_path, datasets_env):
    options = ["MODEL.RETINANET.SCORE_THRESH_TEST", "0.0"]
    cfg = make_config(root, tmp_path, *options)
    trainer, _ = train(cfg)
    at_end = trainer._last_eval_results["bbox"]

    model = Trainer.build_model(cfg)
    Checkpointer(model).load(str(tmp_path / "model_final.pth"))
    again = Trainer.test(cfg, model)["bbox"]
    assert again == pytest.approx(at_end, nan_ok=True)
    assert (tmp_path / "inference/coco_instances_results.json").exists()
    rows = [json.loads(line) for line in (tmp_path / "metrics.json").read_text().splitlines()]
    assert rows[-1]["bbox/AP"] == pytest.approx(at_end["AP"])


def test_checkpoints_hold_class_names_and_load_safely(root, tmp_path, datasets_env):
    options = ["SOLVER.MAX_ITER", "2", "MODEL.RETINANET.SCORE_THRESH_TEST", "0.0"]
    train(make_config(root, tmp_path, *options))
    assert load_tensors(str(tmp_path / "model_final.pth"))["class_names"] == list("0123456789")
    assert (tmp_path / "model_best.pth").exists()
    assert (tmp_path / "last_checkpoint").read_text() == "model_final.pth"


def test_class_names_of_a_classification_travel_with_the_weights(image_folder):
    entry = {"NAME": "mine", "FORMAT": "image_folder", "ROOT": str(image_folder("a", dog=1, cat=1))}
    options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TRAIN", "['mine']"]
    cfg = load_config("", [*options, "DATALOADER.NUM_WORKERS", "0"])
    register_datasets(cfg)
    Trainer.build_train_loader(cfg)
    assert checkpoint_metadata(cfg)["class_names"] == ["cat", "dog"]


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(root, tmp_path, datasets_env):
    cfg = make_config(root, tmp_path)
    trainer = Trainer(cfg)
    trainer.resume_or_load(False)
    after_step = trainer.after_step

    def spoil():
        after_step()
        if trainer.iter == 2:
            torch.nn.init.constant_(trainer.model.head.cls_score.bias, float("nan"))

    trainer.after_step = spoil
    kept = r"iteration 3 \(learning rate .*/model_0000001.pth is kept. Lower SOLVER.BASE_LR"
    with pytest.raises(TrainingError, match=kept):
        trainer.train()
    assert (tmp_path / "last_checkpoint").read_text() == "model_0000001.pth"


def test_training_on_real_coco_files(root, tmp_path, test_data):
    folder = test_data / "data/coco_cc_sample"
    entries = [
        {
            "NAME": f"coco_sample_{split}",
            "FORMAT": "coco",
            "ANNOTATIONS": str(folder / f"annotations/instances_boxes_{split}2017.json"),
            "IMAGES": str(folder / f"{split}2017"),
        }
        for split in ("train", "val")
    ]
    options = [
        *("DATASETS.CUSTOM", str(entries), "MODEL.RETINANET.NUM_CLASSES", "80"),
        *("DATASETS.TRAIN", "['coco_sample_train']", "DATASETS.TEST", "['coco_sample_val']"),
        *("SOLVER.MAX_ITER", "2", "MODEL.RETINANET.SCORE_THRESH_TEST", "0.0"),
    ]
    trainer, _ = train(make_config(root, tmp_path, *options))
    assert 0 <= trainer._last_eval_results["bbox"]["AP"] <= 100
    results = json.loads((tmp_path / "inference/coco_instances_results.json").read_text())
    truth = json.loads((folder / "annotations/instances_boxes_val2017.json").read_text())
    # Results speak of the file's own, non-contiguous category ids.
    assert {r["category_id"] for r in results} <= {c["id"] for c in truth["categories"]}


def test_device_is_the_cpu_where_there_is_no_gpu(root):
    cfg = load_config("")
    assert cfg.MODEL.DEVICE == "cuda"
    choose_device(cfg, num_gpus=0)
    assert cfg.MODEL.DEVICE == "cpu"
    with pytest.raises(ConfigError, match="--num-gpus is 99, but"):
        choose_device(cfg, num_gpus=99)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", ""])
def test_what_is_no_device_is_told(root, device):
    cfg = load_config("", ["MODEL.DEVICE", device])
    with pytest.raises(ConfigError, match=f"MODEL.DEVICE is '{device}'; write cuda or cpu"):
        choose_device(cfg, num_gpus=0)


def test_a_drawn_seed_is_found_again_on_resume(tmp_path):
    cfg = load_config("", ["OUTPUT_DIR", str(tmp_path), "SEED", "-1"])
    seed = choose_seed(cfg, resume=False)
    assert seed >= 0
    (tmp_path / "config.yaml").write_text(f"SEED: {seed}\n")
    assert choose_seed(cfg, resume=True) == seed
    cfg.SEED = 5
    assert choose_seed(cfg, resume=True) == 5


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
def test_optimizers_by_name(root, tmp_path, datasets_env, optimizer):
    cfg = make_config(root, tmp_path, "SOLVER.OPTIMIZER", optimizer)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.BatchNorm2d(1))
    assert isinstance(Trainer.build_optimizer(cfg, model), getattr(torch.optim, optimizer))


def test_unknown_optimizer_lists_the_valid_ones(root, tmp_path, datasets_env):
    cfg = make_config(root, tmp_path, "SOLVER.OPTIMIZER", "Adagrad")
    with pytest.raises(ConfigError, match="'Adagrad'; valid: 'SGD', 'Adam', 'AdamW'"):
        Trainer.build_optimizer(cfg, torch.nn.Linear(1, 1))


def test_evaluation_of_nothing_is_refused(root, tmp_path):
    with pytest.raises(ConfigError, match=r"DATASETS\.TEST is empty; name a data set for --eval-o"):
        make_config(root, tmp_path, "DATASETS.TEST", "[]", flags=["--eval-only"])


def test_weights_that_are_not_finite_end_the_training_at_the_next_checkpoint(
    root, tmp_path, datasets_env
):
    """Their loss was finite: only the step's gradients were not."""
    trainer = Trainer(make_config(root, tmp_path, "SOLVER.MAX_ITER", "6"))
    trainer.resume_or_load(False)
    run_step = trainer.run_step

    def spoil():
        run_step()
        if trainer.iter == 3:
            torch.nn.init.constant_(trainer.model.head.cls_score.bias, float("nan"))

    trainer.run_step = spoil
    kept = r"cls_score.bias is not finite; .*/model_0000001.pth is kept. Lower SOLVER.BASE_LR"
    with pytest.raises(TrainingError, match=kept):
        trainer.train()
    assert not (tmp_path / "model_0000003.pth").exists()


def test_latent_weights_are_clipped_after_each_step(root, tmp_path, datasets_env):
    options = ["SOLVER.LATENT_CLIP", "0.01", "SOLVER.MAX_ITER", "2"]
    config = "classifier_groupnet_mnist5k"
    trainer, _ = train(make_config(root, tmp_path, *options, config=config))
    by_kind = {True: [], False: []}
    for module in trainer.model.modules():
        if isinstance(module, torch.nn.Conv2d):
            binary = getattr(getattr(module, "weight_quantizer", None), "precision", 32) == 1
            by_kind[binary].append(float(module.weight.detach().abs().max()))
    assert by_kind[True] == pytest.approx([0.01] * len(by_kind[True]))
    assert min(by_kind[False]) > 0.01
