"""Schedules from the float to the binary network."""

import logging
import math

import pytest
import torch
from detectron2.engine import HookBase

from groupnet_det.engine.solver.gradual_binarization import (
    BINARY,
    FLOAT,
    SCHEDULES,
    BinarizationState,
    GradualBinarization,
    sign_layers,
)
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import ConfigError
from groupnet_det.layers import Quantization
from groupnet_det.layers.methods import Method
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet
from tests.engine.test_training import BrokenOffError, Recorder, make_config, train

KEY = "SOLVER.GRADUAL_BINARIZATION"
OPTIONS = [
    *("SOLVER.MAX_ITER", "8", "SOLVER.CHECKPOINT_PERIOD", "3", "INPUT.MIN_SIZE_TRAIN", "[96]"),
    *("MODEL.RETINANET.SCORE_THRESH_TEST", "0.0", f"{KEY}.SCHEDULE"),
]


def make_network():
    return GroupNetResNet(
        width=0.125, method=Method(quantization=Quantization(num_bases=2)), out_features=["res3"]
    )


def make_hook(schedule, num_iterations=10):
    network = make_network()
    return network, GradualBinarization(
        network, schedule=schedule, num_iterations=num_iterations, max_slope=32.0
    )


def test_layers_are_in_order_and_branches_side_by_side():
    layers = sign_layers(make_network())
    assert list(layers) == [
        *("res2.0.branches.*.unit1.conv", "res2.0.branches.*.unit2.conv"),
        *("res2.1.branches.*.unit1.conv", "res2.1.branches.*.unit2.conv"),
        *("res3.0.branches.*.unit1.conv", "res3.0.branches.*.unit2.conv", "res3.0.downsample.conv"),
        *("res3.1.branches.*.unit1.conv", "res3.1.branches.*.unit2.conv"),
    ]
    assert [len(convs) for convs in layers.values()] == [2] * 6 + [1] + [2] * 2


def test_tanh_slope_grows_by_equal_factors():
    _, hook = make_hook("tanh_slope")
    slopes = [hook.states_at(i)[0].slope for i in range(12)]
    assert slopes[:10] == pytest.approx([2 ** (i / 2) for i in range(10)])  # 32 = 2^(10/2)
    assert slopes[10:] == [math.inf] * 2
    assert hook.states_at(9) == [BinarizationState(slopes[9], binary_weights=False)] * 9
    assert hook.states_at(10) == [BINARY] * 9


def test_layer_order_goes_from_the_input_to_the_output():
    _, hook = make_hook("layer_order", num_iterations=18)
    for iteration in range(20):
        num_binary = min(iteration // 2, 9)
        assert hook.states_at(iteration) == [BINARY] * num_binary + [FLOAT] * (9 - num_binary)


def test_layers_compute_what_their_state_says():
    network, hook = make_hook("layer_order", num_iterations=9)
    hook.apply(1)
    first, second = (convs[0] for convs in list(hook.layers.values())[:2])
    x = torch.randn(1, 8, 4, 4)
    assert set(first.activation(x).unique().tolist()) == {-1.0, 1.0}
    assert len(first.weight_quantizer(first.weight).abs().unique()) == 1
    assert torch.equal(second.activation(x), torch.tanh(x))
    assert second.weight_quantizer(second.weight) is second.weight
    padded = torch.nn.functional.pad(torch.tanh(x), (1, 1, 1, 1), value=1.0)
    expected = torch.nn.functional.conv2d(padded, second.weight)
    torch.testing.assert_close(second(x), expected)
    # A state is none of the network's: nothing of it is saved.
    assert network.state_dict().keys() == make_network().state_dict().keys()


def test_binary_layers_are_logged_once(caplog):
    _, hook = make_hook("layer_order", num_iterations=9)
    with caplog.at_level(logging.INFO, logger="groupnet_det"):
        for iteration in (0, 1, 1, 2, 9, 10):
            hook.apply(iteration)
    texts = [record.message for record in caplog.records]
    assert texts[:2] == [
        "Iteration 1: 1 of 9 layers are binary; new: res2.0.branches.*.unit1.conv",
        "Iteration 2: 2 of 9 layers are binary; new: res2.0.branches.*.unit2.conv",
    ]
    assert len(texts) == 3
    assert texts[2].startswith("Iteration 9: 9 of 9 layers are binary; new: res2.1.branches.*")
    _, hook = make_hook("tanh_slope")
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="groupnet_det"):
        hook.apply(9)
        hook.apply(10)
    assert [r.message for r in caplog.records] == [
        "Iteration 10: 9 of 9 layers are binary; new: all"
    ]


class StateRecorder(HookBase):
    def __init__(self):
        self.states = []

    def after_step(self):
        convs = [conv for convs in sign_layers(self.trainer.model).values() for conv in convs]
        self.states.append(
            [(conv.activation.slope, conv.weight_quantizer.binary) for conv in convs]
        )


def record_states(cfg, *, resume=False, stop_after=None):
    trainer = Trainer(cfg)
    recorder = StateRecorder()
    # After it one that breaks off.
    trainer.register_hooks([recorder, Recorder(stop_after)])
    trainer.resume_or_load(resume)
    if stop_after is None:
        trainer.train()
    else:
        with pytest.raises(BrokenOffError):
            trainer.train()
    return recorder.states


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_resumed_training_goes_on_with_the_states(root, tmp_path, datasets_env, schedule):
    # Losses are not compared: float networks repeat to rounding only, which binarization amplifies.
    options = [*OPTIONS, schedule, "DATASETS.TEST", "[]"]
    whole = record_states(make_config(root, tmp_path / "whole", *options))
    cfg = make_config(root, tmp_path / "parts", *options)
    assert record_states(cfg, stop_after=4) == whole[:4]  # saved after 3
    assert record_states(cfg, resume=True) == whole[3:]
    assert len(whole) == 8
    assert len({str(states) for states in whole}) > 3


def test_a_training_becomes_binary_and_only_then_is_there_a_best_checkpoint(
    root, tmp_path, datasets_env
):
    options = [*OPTIONS, "tanh_slope", "TEST.EVAL_PERIOD", "3"]
    trainer = Trainer(make_config(root, tmp_path, *options))
    recorder = StateRecorder()
    trainer.register_hooks([recorder])
    trainer.resume_or_load(False)
    trainer.train()
    for states, iteration in zip(recorder.states, range(8), strict=True):
        slope, binary = (50 ** (iteration / 4), False) if iteration < 4 else (math.inf, True)
        assert set(states) == {(slope, binary)}
    # Scored after iterations 2, 5 and 7; the first was not of the binary network.
    best = torch.load(tmp_path / "model_best.pth", weights_only=True)
    assert best["iteration"] in (5, 7, 8)


def test_the_last_score_is_of_the_binary_network(root, tmp_path, datasets_env, monkeypatch):
    scored = []

    def look_at(model):
        scored.extend(
            conv.weight_quantizer.binary for convs in sign_layers(model).values() for conv in convs
        )
        return {"bbox": {"AP": 1.0}}

    monkeypatch.setattr(
        Trainer,
        "test",
        classmethod(lambda cls, cfg, model: look_at(model)),
    )
    options = [*OPTIONS, "layer_order", f"{KEY}.FRACTION", "1.0", "SOLVER.MAX_ITER", "2"]
    train(make_config(root, tmp_path, *options))
    assert scored
    assert all(scored)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["SCHEDULE", "sudden"], "'sudden'; valid: 'none', 'tanh_slope', 'layer_order'"),
        (["FRACTION", "0.0"], "FRACTION is 0.0; it must be above 0"),
        (["MAX_SLOPE", "0.5"], "MAX_SLOPE is 0.5; it must be at least 1"),
    ],
    ids=["schedule", "fraction", "slope"],
)
def test_mistakes_in_the_options(root, tmp_path, datasets_env, options, message):
    options = [*OPTIONS, "tanh_slope", f"{KEY}.{options[0]}", options[1]]
    with pytest.raises(ConfigError, match=message):
        Trainer(make_config(root, tmp_path, *options))


def test_a_network_without_signs_is_refused(root, tmp_path, datasets_env):
    options = ["MODEL.GROUPNET.ACTIVATION", "tanh", "MODEL.GROUPNET.WEIGHT", "float"]
    with pytest.raises(ConfigError, match="ACTIVATION 'sign' and WEIGHT 'sign', and there are"):
        Trainer(make_config(root, tmp_path, *OPTIONS, "layer_order", *options))
