"""Distillation of a slimmable network from itself: fewer bases learn from all of them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .dense_heads_loss import dense_head, distill_dense
from .teacher import distill_logits

Losses = dict[str, Tensor]
# From the predictions of fewer bases and of all to losses by name.
Compare = Callable[[Any, Any], Losses]


class SelfDistillation:
    """Compares the predictions of a network in training with its first ones of the step.

    ``loss_slim_logits`` is `distill_logits` of classifiers, at a temperature of 1;
    ``loss_slim_scores`` and ``loss_slim_boxes`` are `distill_dense` of dense detectors and of
    region proposals. Other models, such as segmenters, have no such loss. No gradient flows into
    the first predictions.

    Source: Yu and Huang, Universally Slimmable Networks (arXiv 1903.05134), "inplace distillation".
    """

    def __init__(self, model: nn.Module) -> None:
        self._predicted: list[Any] = []
        found = _predictions(model)
        self._compare: Compare | None = None
        if found is not None:
            layer, self._compare = found
            layer.register_forward_hook(self._see)

    def start(self) -> None:
        """Forget what was predicted: the next prediction is the one to learn from."""
        self._predicted = []

    def losses(self) -> Losses:
        """The losses of the last prediction."""
        if self._compare is None or len(self._predicted) < 2:
            return {}
        first, last = self._predicted[0], self._predicted[-1]
        return self._compare(last, _detached(first))

    def _see(self, layer: nn.Module, inputs: Any, outputs: Any) -> None:
        if layer.training and torch.is_grad_enabled():
            self._predicted[1:] = [outputs] if self._predicted else []
            self._predicted = self._predicted or [outputs]


def _predictions(model: nn.Module) -> tuple[nn.Module, Compare] | None:
    """The layers that predict, and how their outputs are compared; nothing for other models."""
    classifier = getattr(model, "fc", None)
    if isinstance(classifier, nn.Linear):
        return classifier, _compare_logits
    head = dense_head(model)
    return None if head is None else (head[0], _compare_dense)


def _compare_logits(ours: Tensor, theirs: Tensor) -> Losses:
    return {"loss_slim_logits": distill_logits(ours, theirs, 1.0)}


def _compare_dense(ours: Any, theirs: Any) -> Losses:
    scores, boxes = distill_dense(ours, theirs)
    return {"loss_slim_scores": scores, "loss_slim_boxes": boxes}


def _detached(outputs: Any) -> Any:
    """Tensors, or lists of them within each other, without their gradients."""
    if isinstance(outputs, Tensor):
        return outputs.detach()
    return [_detached(one) for one in outputs]
