"""Workloads: chains of equal layers, and complete networks. Values only."""

from dataclasses import dataclass

# Channels, height, width: the 3x3 convolutions of a ResNet-18 at 224 pixels, and two of a detector.
LAYER_SHAPES = (
    (64, 56, 56),
    (128, 28, 28),
    (256, 14, 14),
    (512, 7, 7),
    (64, 120, 160),
    (256, 60, 80),
)
KERNEL = 3
BODY_STRIDE = 4  # of the stem before it
BODY_CHANNELS = 64
BESIDE = "beside torch"
DOWNSAMPLING = "downsampling"


@dataclass(frozen=True, kw_only=True)
class LayerWorkload:
    """A chain of equal 3x3 convolutions with stride 1, of which the time of one is wanted.

    One layer would be too short for a clock and would find its input in the nearest cache; a chain
    has weights of its own in each layer.

    Attributes:
        kind: ``alone``, or ``fused``: with BN, ReLU and a residual, which binary layers go on from
            with signs, ``y = BN(ReLU(conv(sign(x)))) + x``, and float layers as
            ``y = ReLU(BN(conv(x))) + x``.
        channels, height, width, batch: Shape of the maps.
        num_bases: K branches of binary layers, each with its own input; float layers have one.
        length: Layers.
    """

    kind: str
    channels: int
    height: int
    width: int
    num_bases: int = 1
    batch: int = 1
    length: int = 6

    @property
    def what(self) -> str:
        return f"layer {self.kind}"

    @property
    def label(self) -> str:
        return f"{self.channels}@{self.height}x{self.width}"

    @property
    def multiply_accumulates(self) -> int:
        """Multiply-accumulates of one binary layer, all branches."""
        pixels = self.batch * self.height * self.width
        return self.num_bases * pixels * KERNEL**2 * self.channels**2


@dataclass(frozen=True, kw_only=True)
class NetworkWorkload:
    """A ResNet-18 from unsigned bytes (N, H, W, 3) to the probabilities of classes.

    Attributes:
        part: ``network``; ``body``, the residual blocks alone; `BESIDE`, the network with
            operations of PyTorch for neighbours; or `DOWNSAMPLING`, the network with binary,
            float32 and int8 downsampling.
        num_bases: K of the binary networks, with gates.
        size: Height and width of the images.
        width: Factor on the channels of the binary networks, for tests.
    """

    part: str = "network"
    num_bases: int = 1
    size: int = 224
    batch: int = 1
    num_classes: int = 1000
    width: float = 1.0

    @property
    def what(self) -> str:
        return self.part

    @property
    def label(self) -> str:
        return f"ResNet-18@{self.size}"


@dataclass(frozen=True, kw_only=True)
class ModelWorkload:
    """A detector or segmenter from the pixels of an image to boxes, masks or labels.

    Attributes:
        model: A key of `benchmark.workloads.detectors.CONFIGS`.
        num_bases: K of the binary networks.
        height, width: Size of the image, which is not resized.
        num_classes: Number of classes of objects or of pixels.
        predictors: ``float`` or ``int8``: the packed network's last layers.
    """

    model: str
    num_bases: int = 1
    height: int = 480
    width: int = 640
    num_classes: int = 80
    predictors: str = "float"
    batch: int = 1

    @property
    def what(self) -> str:
        return "model"

    @property
    def label(self) -> str:
        size = f"{self.height}x{self.width}"
        return f"{self.model}@{size}, {self.num_classes} classes, {self.predictors} predictors"


Workload = LayerWorkload | NetworkWorkload
AnyWorkload = Workload | ModelWorkload
