"""Precise BN: true averages, of batches that are a function of the iteration."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from groupnet_det.engine.hooks import PreciseBN
from groupnet_det.engine.trainer import Trainer

from .test_training import BrokenOffError, make_config, train

OPTIONS = [
    *("SEED", "3", "SOLVER.MAX_ITER", "6", "TEST.EVAL_PERIOD", "2"),
    *("TEST.PRECISE_BN.ENABLED", "True", "TEST.PRECISE_BN.NUM_ITER", "2"),
]


class Twice(nn.Module):
    """A norm that sees two inputs in each pass, and a buffer that counts these."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, batch):
        self.passes += 1
        for x in batch:
            self.norm(x)


class Loader:
    """Endless batches from one on; batch n has two maps of another size and offset."""

    def __init__(self):
        self.batch_sampler = SimpleNamespace(start_batch=0)

    def __iter__(self):
        number = self.batch_sampler.start_batch
        while True:
            yield self.batch(number)
            number += 1

    @staticmethod
    def batch(number):
        generator = torch.Generator().manual_seed(number)
        return [torch.randn(2, 3, 4 + i, 5, generator=generator) + number + i for i in range(2)]


def hook_at(iteration, *, period=10, max_iter=100):
    hook = PreciseBN(Twice().train(), Loader(), period=period, num_batches=3)
    hook.trainer = SimpleNamespace(iter=iteration, max_iter=max_iter)
    return hook


@pytest.mark.parametrize(
    ("iteration", "first"), [(9, 0), (19, 3), (99, 27)], ids=["first", "second", "last"]
)
def test_statistics_are_those_of_all_values(iteration, first):
    hook = hook_at(iteration)
    hook.after_step()
    seen = [x for number in range(first, first + 3) for x in Loader.batch(number)]
    values = torch.cat([x.transpose(0, 1).flatten(1) for x in seen], dim=1)
    norm = hook.model.norm
    torch.testing.assert_close(norm.running_mean, values.mean(dim=1))
    torch.testing.assert_close(norm.running_var, values.var(dim=1, unbiased=False))


def test_nothing_else_changes():
    hook = hook_at(9)
    hook.after_step()
    assert hook.model.passes == 0
    assert hook.model.norm.momentum == 0.1
    assert not hook.model.norm._forward_hooks


@pytest.mark.parametrize(
    ("iteration", "period"), [(8, 10), (9, 0)], ids=["not due", "at the end alone"]
)
def test_it_waits_until_it_is_due(iteration, period):
    hook = hook_at(iteration, period=period)
    hook.after_step()
    assert hook.model.norm.running_mean.eq(0).all()


def test_the_end_is_due_between_periods():
    hook = hook_at(94, max_iter=95)
    hook.after_step()
    assert hook.model.norm.running_mean.ne(0).all()


def test_a_layer_that_saw_nothing_keeps_what_it_has():
    hook = hook_at(9)
    hook.model.other = nn.BatchNorm2d(2)
    hook.after_step()
    assert hook.model.other.running_var.eq(1).all()


def test_a_resumed_training_has_the_statistics_of_an_uninterrupted_one(
    root, tmp_path, datasets_env
):
    """Of gated branches that share a downsampling, and a loss with a running normalizer."""
    whole, _ = train(make_config(root, tmp_path / "whole", *OPTIONS))
    cfg = make_config(root, tmp_path / "parts", *OPTIONS)
    with pytest.raises(BrokenOffError):
        train(cfg, stop_after=3)
    parts, _ = train(cfg, resume=True)
    expected = whole.model.state_dict()
    for name, tensor in parts.model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_it_is_on_where_the_config_says_so(root, tmp_path, datasets_env):
    def hooks_of(*options):
        trainer = Trainer(make_config(root, tmp_path, *OPTIONS, *options))
        return [type(hook).__name__ for hook in trainer._hooks]

    assert hooks_of().count("PreciseBN") == 1
    assert "PreciseBN" not in hooks_of("TEST.PRECISE_BN.ENABLED", "False")
