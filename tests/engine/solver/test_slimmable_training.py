"""Trainings of networks that run with several numbers of bases."""

import copy
import json

import pytest
import torch

from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.config import load_config
from groupnet_det.engine.solver.slimmable_training import SlimmableTraining, SmallerRuns
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import ConfigError
from groupnet_det.layers import Quantization
from groupnet_det.layers.methods import Method
from groupnet_det.layers.slimmable import run_bases
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet
from tests.engine.test_training import BrokenOffError, make_config, train

KEY = "MODEL.GROUPNET.SLIMMABLE_BASES"
OPTIONS = [KEY, "[1, 2, 4]", "MODEL.GROUPNET.NUM_BASES", "4"]
DETECTOR = [*OPTIONS, "INPUT.MIN_SIZE_TRAIN", "[96]", "DATASETS.TEST", "[]"]
CLASSIFIER = "classifier_groupnet_mnist5k"


class Losses(torch.nn.Module):
    """A model whose loss is the sum of its features, and what numbers of bases ran."""

    def __init__(self):
        super().__init__()
        method = Method(quantization=Quantization(num_bases=4))
        self.backbone = GroupNetResNet(width=0.125, method=method, out_features=["res2"])
        self.fc = torch.nn.Linear(8, 3)
        self.ran = []

    def forward(self, images):
        features = self.backbone(images)["res2"]
        self.ran.append(self.backbone.res2[0].num_running)
        logits = self.fc(features.mean(dim=(2, 3)))
        return {"loss_sum": logits.sum(), "loss_one": torch.tensor(float(self.ran[-1]))}


def make_runs(**options):
    torch.manual_seed(0)
    model = Losses().train()
    return model, SmallerRuns(model, (1, 2, 4), **options)


IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_a_step_runs_all_bases_then_fewer_and_takes_the_mean():
    model, runs = make_runs()
    runs.drawn = 1
    losses = model(IMAGES)
    assert model.ran == [4, 1]
    assert set(losses) == {"loss_sum", "loss_one", "loss_slim_logits"}
    assert losses["loss_one"].item() == (4 + 1) / 2
    model.ran.clear()
    with torch.no_grad():
        model(IMAGES)
    assert model.ran == [4, 1, 2]  # all statistics
    model.ran.clear()
    model.eval()(IMAGES)
    assert model.ran == [4]
    assert set(copy.deepcopy(model).train()(IMAGES)) == set(losses)


def test_fewer_bases_learn_from_all_and_not_the_reverse():
    model, runs = make_runs(distillation=2.0)
    runs.drawn = 1
    losses = model(IMAGES)
    norm = model.backbone.res2[0].branches[0].unit1.norm[0].of_bases
    losses["loss_slim_logits"].backward()
    assert norm["1"].weight.grad is not None
    assert norm["4"].weight.grad is None
    _, without = make_runs(distillation=0.0)
    assert without._predictions is None


def test_numbers_are_drawn_by_seed_and_iteration():
    training = SlimmableTraining(make_runs()[1], seed=3)
    drawn = [training.draw(iteration) for iteration in range(1000)]
    assert drawn == [training.draw(iteration) for iteration in range(1000)]
    assert set(drawn) == {1, 2}
    assert 400 < drawn.count(1) < 600


def test_a_resumed_training_repeats_an_uninterrupted_one(root, tmp_path, datasets_env):
    whole, losses = train(make_config(root, tmp_path / "whole", *DETECTOR))
    with pytest.raises(BrokenOffError):
        train(make_config(root, tmp_path / "parts", *DETECTOR), stop_after=3)  # saved after 2
    resumed, rest = train(make_config(root, tmp_path / "parts", *DETECTOR), resume=True)
    assert {"loss_slim_scores", "loss_slim_boxes"} <= set(losses[0])
    assert rest == losses[2:]
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[key]), key


def test_the_scores_of_each_number_are_those_of_its_network(root, tmp_path, datasets_env):
    cfg = make_config(root, tmp_path / "slimmable", *OPTIONS, config=CLASSIFIER)
    trainer, _ = train(cfg)
    scores = trainer._last_eval_results
    assert list(scores) == ["classification", "bases_1", "bases_2"]
    rows = (tmp_path / "slimmable/metrics.json").read_text().splitlines()
    assert "bases_1/classification/top1" in json.loads(rows[-1])
    of_fewer = {number: scores[f"bases_{number}"]["classification"] for number in (1, 2)}
    for number, expected in {**of_fewer, 4: scores["classification"]}.items():
        options = [*OPTIONS, "MODEL.GROUPNET.NUM_BASES", str(number)]
        cfg = make_config(root, tmp_path / str(number), *options, config=CLASSIFIER)
        model = Trainer.build_model(cfg)
        Checkpointer(model, strict=True).load(str(tmp_path / "slimmable/model_final.pth"))
        assert Trainer.test(cfg, model)["classification"] == pytest.approx(expected)


def test_a_segmenter_is_trained_without_distillation(root, tmp_path, datasets_env):
    options = [*OPTIONS, "SOLVER.MAX_ITER", "2"]
    cfg = make_config(root, tmp_path, *options, config="semseg_groupnet_photo_digits")
    trainer, losses = train(cfg)
    assert not any("slim" in name for name in losses[0])
    assert set(trainer._last_eval_results) == {"sem_seg", "bases_1", "bases_2"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            [KEY, "[1, 4]", "MODEL.DISTILLATION.SLIMMABLE_WEIGHT", "-1.0"],
            r"SLIMMABLE_WEIGHT is -1.0; valid: 0 and more",
        ),
        ([KEY, "[4]"], r"SLIMMABLE_BASES is \[4\]; valid: two or more whole numbers of 1 to 8"),
        ([KEY, "['a', 4]"], "valid: two or more whole numbers of 1 to 8"),
        ([KEY, "[1.0, 4]"], "valid: two or more whole numbers of 1 to 8"),
        ([KEY, "[[1], [4]]"], "valid: two or more whole numbers of 1 to 8"),
        ([KEY, "[1, 9]"], "valid: two or more whole numbers of 1 to 8"),
        ([KEY, "[1, 2]"], "the network has 4 bases; for its training, set .*NUM_BASES to 2"),
        ([KEY, "[1, 4]", "MODEL.GROUPNET.METHOD", "float"], "the network has 1 bases"),
        ([KEY, "[1, 4]", "MODEL.GROUPNET.STAGE_BASES", "[1, 1, 4, 4]"], "STAGE_BASES are both set"),
    ],
    ids=[
        "negative weight",
        "one",
        "text",
        "float number",
        "list",
        "nine",
        "another K",
        "float",
        "stages",
    ],
)
def test_keys_that_do_not_fit_are_refused(root, tmp_path, datasets_env, options, message):
    cfg = make_config(root, tmp_path, "MODEL.GROUPNET.NUM_BASES", "4", *options)
    with pytest.raises(ConfigError, match=message):
        Trainer(cfg)


def test_precise_statistics_are_those_of_each_number(root, tmp_path, datasets_env):
    options = [*DETECTOR, "TEST.PRECISE_BN.ENABLED", "True", "TEST.PRECISE_BN.NUM_ITER", "2"]
    trainer, _ = train(make_config(root, tmp_path, *options, "SOLVER.MAX_ITER", "1"))
    norm = trainer.model.backbone.bottom_up.res3[1].branches[0].unit1.norm[0].of_bases
    means = {number: norm[number].running_mean for number in ("1", "2", "4")}
    # One step has seen two numbers only; the statistics know all.
    assert all(mean.abs().sum() > 0 for mean in means.values())
    assert not torch.equal(means["1"], means["2"])


def test_dilations_of_each_base_are_those_of_the_bases_that_run(root):
    options = ["MODEL.GROUPNET.DILATIONS", "[1, 1, [1, 2, 3, 4], [2, 3, 4, 5]]", "MODEL.DEVICE"]
    path = str(root / "configs/Base/classifier_groupnet_r18.yaml")
    cfg = load_config(path, [*OPTIONS, *options, "cpu", "MODEL.GROUPNET.NUM_BASES", "2"])
    network = Trainer.build_model(cfg).backbone
    assert [b.unit2.conv.dilation for b in network.res5[1].branches] == [(2, 2), (3, 3)]
    run_bases(network, 1)
    assert network.res5[1].num_running == 1
