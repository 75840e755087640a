"""The networks and layers that are timed, in PyTorch, with random weights from fixed seeds."""

from collections.abc import Sequence

import torch
import torchvision
from torch import Tensor, nn

from groupnet_det.analysis.random_weights import SEED, prepared
from groupnet_det.benchmark.measure.workload import (
    BODY_CHANNELS,
    BODY_STRIDE,
    KERNEL,
    LayerWorkload,
    NetworkWorkload,
)
from groupnet_det.layers import Quantization
from groupnet_det.layers.blocks.block_design import BlockDesign
from groupnet_det.layers.convs.conv_unit import ConvUnit
from groupnet_det.layers.methods import Method
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet

# Of ImageNet, RGB, in the range 0 to 255.
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


class GroupNetClassifier(nn.Module):
    """Group-Net ResNet-18 with average pooling and a fully connected layer.

    It can be exported: its attributes are those of `ImageClassifier`, which needs Detectron2.
    """

    in_feature = "res5"

    def __init__(self, workload: NetworkWorkload, downsample: str) -> None:
        super().__init__()
        method = Method(
            quantization=Quantization(num_bases=workload.num_bases),
            design=BlockDesign(downsample=downsample),
        )
        self.backbone = GroupNetResNet(
            width=workload.width, method=method, out_features=[self.in_feature]
        )
        self.fc = nn.Linear(self.backbone.feature_channels[self.in_feature], workload.num_classes)
        self.register_buffer("pixel_mean", torch.tensor(PIXEL_MEAN).view(3, 1, 1))
        self.register_buffer("pixel_std", torch.tensor(PIXEL_STD).view(3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Normalized (N, 3, H, W) -> logits (N, classes)."""
        return self.fc(self.backbone(images)[self.in_feature].mean(dim=(2, 3)))


class EndToEnd(nn.Module):
    """A network with pre- and post-processing: uint8 images to the most probable class."""

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        std = torch.tensor(PIXEL_STD).view(3, 1, 1)
        self.register_buffer("scale", 1 / std)
        self.register_buffer("shift", -torch.tensor(PIXEL_MEAN).view(3, 1, 1) / std)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8 -> probability and number of the class, each (N)."""
        # The permuted view is in channels-last layout already, which a conversion keeps.
        pixels = images.permute(0, 3, 1, 2).float() * self.scale + self.shift
        return best_class(self.network(pixels))


def best_class(logits: Tensor) -> tuple[Tensor, Tensor]:
    """(N, classes) -> probability and number of the most probable class."""
    best = logits.softmax(dim=1).max(dim=1)
    return best.values, best.indices


class FloatLayer(nn.Module):
    """``ReLU(BN(conv(x))) + x``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, KERNEL, padding=KERNEL // 2, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.norm(self.conv(x))) + x


class BranchChains(nn.Module):
    """K chains of layers side by side, each with its own input."""

    def __init__(self, chains: Sequence[nn.Sequential]) -> None:
        super().__init__()
        self.chains = nn.ModuleList(chains)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        return [chain(x) for chain, x in zip(self.chains, maps, strict=True)]


def float_layers(workload: LayerWorkload) -> nn.Sequential:
    """The float layers of a workload."""
    torch.manual_seed(SEED)
    layers = [FloatLayer(workload.channels) for _ in range(workload.length)]
    chain = nn.Sequential(*(layer.conv if workload.kind == "alone" else layer for layer in layers))
    return prepared(chain)


def binary_layers(workload: LayerWorkload) -> BranchChains:
    """The binary layers of a workload, as simulated for training."""
    torch.manual_seed(SEED)

    def unit() -> nn.Module:
        made = ConvUnit(
            workload.channels,
            workload.channels,
            KERNEL,
            quantization=Quantization(num_bases=1),
            order="conv_act_norm",
            nonlinearity="relu",
            padding=KERNEL // 2,
            shortcut=True,
        )
        return made.conv if workload.kind == "alone" else made

    chains = [
        nn.Sequential(*(unit() for _ in range(workload.length))) for _ in range(workload.num_bases)
    ]
    return prepared(BranchChains(chains))


def float_network(workload: NetworkWorkload) -> torchvision.models.ResNet:
    """torchvision's ResNet-18."""
    torch.manual_seed(SEED)
    return prepared(torchvision.models.resnet18(num_classes=workload.num_classes))


def binary_network(workload: NetworkWorkload, *, downsample: str = "binary") -> GroupNetClassifier:
    """Group-Net, as simulated for training.

    Args:
        downsample: ``binary`` or ``float``, as MODEL.GROUPNET.DOWNSAMPLE.
    """
    torch.manual_seed(SEED)
    return prepared(GroupNetClassifier(workload, downsample))


def layer_input(workload: LayerWorkload) -> Tensor:
    """(N, C, H, W), channels last."""
    torch.manual_seed(SEED)
    shape = workload.batch, workload.channels, workload.height, workload.width
    return torch.randn(shape).contiguous(memory_format=torch.channels_last)


def body_input(workload: NetworkWorkload) -> Tensor:
    """Output of the stem of a full-width network, channels last."""
    torch.manual_seed(SEED)
    side = workload.size // BODY_STRIDE
    channels = round(BODY_CHANNELS * workload.width)
    shape = workload.batch, channels, side, side
    return torch.randn(shape).contiguous(memory_format=torch.channels_last)


def network_input(workload: NetworkWorkload) -> Tensor:
    """Images (N, H, W, 3), uint8."""
    generator = torch.Generator().manual_seed(SEED)
    shape = workload.batch, workload.size, workload.size, 3
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
