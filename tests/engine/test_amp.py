"""Mixed precision on the CPU."""

import math

import pytest
import torch
from torch import nn

from groupnet_det.engine.amp import MixedPrecisionTrainer
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import ConfigError
from groupnet_det.layers import Quantization, SoftGate

from .test_training import make_config, train

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
AMP = ["SOLVER.AMP.ENABLED", "True", "SOLVER.AMP.DTYPE"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_training_stays_finite_and_parameters_float32(root, tmp_path, datasets_env, dtype):
    options = ["INPUT.MIN_SIZE_TRAIN", "[96]", "DATASETS.TEST", "[]"]
    cfg = make_config(root, tmp_path / dtype, *AMP, dtype, *options)
    trainer, losses = train(cfg)
    _, exact = train(make_config(root, tmp_path / "float32", *options))
    assert len(losses) == 4
    for step, expected in zip(losses, exact, strict=True):
        assert all(math.isfinite(value) for value in step.values())
        assert step["total_loss"] == pytest.approx(expected["total_loss"], rel=0.2)
    assert losses != exact
    for name, parameter in trainer.model.named_parameters():
        assert parameter.dtype == torch.float32, name
        assert parameter.isfinite().all(), name


class Line(nn.Module):
    """loss = factor * w, whose gradient is the factor."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))

    def forward(self, factor):
        return {"loss": (self.w * factor).sum()}


def make_trainer(factors, dtype, make_optimizer=torch.optim.SGD, **arguments):
    model = Line()
    optimizer = make_optimizer(model.parameters(), lr=1.0, **arguments)
    trainer = MixedPrecisionTrainer(model, factors, optimizer, dtype=dtype)
    trainer._write_metrics = lambda *_: None  # it needs an EventStorage
    return trainer


@pytest.mark.parametrize(
    ("make_optimizer", "arguments"),
    [(torch.optim.SGD, {}), (torch.optim.Adam, {"fused": True})],
    ids=["SGD", "fused-Adam"],
)
def test_a_step_whose_scaled_gradients_overflow_is_left_out(make_optimizer, arguments):
    # 1e35 is finite, but times the scale of 2^16 it is not.
    trainer = make_trainer([1e35, 0.5], "float16", make_optimizer, **arguments)
    trainer.run_step()
    assert trainer.model.w.item() == 1
    assert trainer.grad_scaler.get_scale() == 2**15
    trainer.run_step()
    assert 0 <= trainer.model.w.item() < 1


def test_hooks_and_clipping_see_true_gradients():
    trainer = make_trainer([0.5], "float16")
    seen = []
    trainer.after_backward = lambda: seen.append(trainer.model.w.grad.item())
    trainer.run_step()
    assert seen == [0.5]
    assert trainer.model.w.item() == 0.5


def test_the_scale_is_saved_and_may_be_missing():
    trainer = make_trainer([1e35], "float16")
    trainer.iter = 0
    trainer.run_step()
    state = trainer.state_dict()
    restored = make_trainer([], "float16")
    restored.load_state_dict(state)
    assert restored.grad_scaler.get_scale() == 2**15
    fresh = make_trainer([], "float16")
    fresh.load_state_dict({key: value for key, value in state.items() if key != "grad_scaler"})
    assert fresh.grad_scaler.get_scale() == 2**16
    make_trainer([], "bfloat16").load_state_dict(state)


def test_unknown_dtype_lists_the_valid_ones(root, tmp_path, datasets_env):
    cfg = make_config(root, tmp_path, *AMP, "float8")
    with pytest.raises(ConfigError, match="'float8'; valid: 'bfloat16', 'float16'"):
        Trainer(cfg)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("channels", [7, 64], ids="channels-{}".format)
def test_binary_convolution_confuses_no_sums(dtype, channels):
    conv = Quantization(num_bases=1).make_conv(channels, 5, 3, padding=1)
    x = torch.randn(2, channels, 6, 6).to(dtype)
    with torch.autocast("cpu", dtype=dtype):
        y = conv(x)
    assert y.dtype == dtype
    signs = nn.functional.pad(torch.where(x >= 0, 1.0, -1.0), (1, 1, 1, 1), value=1.0)
    sums = nn.functional.conv2d(signs, torch.where(conv.weight >= 0, 1.0, -1.0))
    scale = conv.weight.abs().mean().to(dtype)
    assert (y.float() / scale.float() - sums).abs().max() < 0.5  # neighbours are 2 apart
    y.float().square().sum().backward()
    assert conv.weight.grad.dtype == torch.float32
    assert conv.weight.grad.isfinite().all()


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_soft_gate_takes_half_precision(dtype):
    branch, merged = torch.ones(1, 2, 3, 3, dtype=dtype), torch.zeros(1, 2, 3, 3)
    with torch.autocast("cpu", dtype=dtype):
        for m in (merged, merged.to(dtype)):
            (mixed,) = SoftGate()(m, [branch], 1)
            assert torch.equal(mixed, torch.full_like(m, 0.5))
