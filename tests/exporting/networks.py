"""Narrow classifiers of the family with values as after a training, but random."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from groupnet_det.layers import BlockDesign, Quantization
from groupnet_det.layers.blocks.soft_gate import SoftGate
from groupnet_det.layers.convs.base_merge import ScaledMerge, WideScales
from groupnet_det.layers.methods import Method, make_method
from groupnet_det.layers.rprelu import RPReLU
from groupnet_det.modeling.backbones.detectron2_backbones import GroupNetBackbone
from groupnet_det.modeling.meta_arch.classifier import ImageClassifier
from groupnet_det.quantizers.multi_bit.abc_net import ABCActivation
from groupnet_det.quantizers.rsign import RSignActivation

NUM_CLASSES = 5
CLASS_NAMES = list("abcde")


def make_classifier(
    method: str = "group_net",
    *,
    quantization: dict[str, Any] | None = None,
    design: dict[str, Any] | None = None,
    stages: int = 3,
    **backbone: Any,
) -> ImageClassifier:
    """A classifier in eval mode; K is 2 and the width an eighth where nothing else is said."""
    configured = Method(
        quantization=Quantization(**{"num_bases": 2, **(quantization or {})}),
        design=BlockDesign(**(design or {})),
    )
    model = ImageClassifier(
        backbone=GroupNetBackbone(
            **{"width": 0.125, **backbone},
            method=make_method(method, configured),
            out_features=[f"res{1 + stages}"],
        ),
        num_classes=NUM_CLASSES,
        pixel_mean=(123.675, 116.28, 103.53),
        pixel_std=(58.395, 57.12, 57.375),
    )
    settle(model)
    return model


def settle(model: ImageClassifier) -> None:
    """Statistics, learned quantizers and affines of all signs."""
    with torch.no_grad():
        model.fc.bias.normal_()
    images = random_images(4, 64, 64).permute(0, 3, 1, 2)
    settle_by(model, lambda: model([{"image": image, "label": 0} for image in images]))


@torch.no_grad()
def settle_by(model: nn.Module, run: Callable[[], Any]) -> None:
    """`settle` any network.

    Args:
        model: The network.
        run: Called in training mode, once.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the average of what was seen
        norm.weight.copy_(
            torch.randn_like(norm.weight).sign() * (torch.rand_like(norm.weight) + 0.3)
        )
        norm.weight[0] = 0  # a channel that training has switched off
        norm.bias.normal_(std=0.3)
    for module in model.modules():
        if isinstance(module, SoftGate):
            module.gate.normal_()
        elif isinstance(module, ScaledMerge | WideScales):
            module.scales.normal_()
        elif isinstance(module, RPReLU):
            module.shift_in.normal_(std=0.3)
            module.shift_out.normal_(std=0.3)
            module.slope.normal_(std=0.3)
        elif isinstance(module, RSignActivation):
            module.thresholds.normal_(std=0.3)
        elif isinstance(module, ABCActivation):
            module.shifts.add_(torch.randn_like(module.shifts) * 0.1)
            module.scales.normal_()
    model.train()
    run()
    for norm in norms:
        deviation = norm.running_var.sqrt()
        norm.running_mean.add_(deviation * torch.randn_like(deviation) * 0.3)
        norm.running_var.mul_(torch.rand_like(deviation) + 0.5)
    model.eval()


def random_images(*size: int) -> torch.Tensor:
    """uint8 (N, H, W, 3)."""
    return torch.randint(0, 256, (*size, 3), dtype=torch.uint8)


def logits_of(model: ImageClassifier, images: torch.Tensor) -> torch.Tensor:
    """(N, number of classes) by the training model."""
    with torch.no_grad():
        outputs = model([{"image": image} for image in images.permute(0, 3, 1, 2)])
    return torch.stack([output["logits"] for output in outputs])
