"""Makes packed programs by hand."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.program import Program
from groupnet_det.packed.sign_bits import pack_sign_bits
from groupnet_det.packed.steps.conv import Branch, Conv, Join, Term
from groupnet_det.packed.steps.float_maps import DepthToSpace, Interpolate, MaxPool, Mean, Resize
from groupnet_det.packed.steps.input_steps import Input, Stem
from groupnet_det.packed.steps.parts import Buffer, BytesSink, Map, Pool, Sinks

CLASSES = 10


class ProgramBuilder:
    """Collects buffers, steps and random tensors."""

    def __init__(self, *, input_channels: int = 3, seed: int = 0, size_divisor: int = 1) -> None:
        self.input_channels, self.size_divisor = input_channels, size_divisor
        self.generator = torch.Generator().manual_seed(seed)
        self.buffers: list[Buffer] = []
        self.steps: list[Any] = []
        self.tensors: dict[str, Tensor] = {}
        self.outputs: dict[str, int] = {}
        self.parts: dict[str, ProgramBuilder] = {}

    def part(self, name: str, input_channels: int) -> "ProgramBuilder":
        """A new part, which names tensors of the same file."""
        part = ProgramBuilder(input_channels=input_channels)
        part.generator, part.tensors = self.generator, self.tensors
        self.parts[name] = part
        return part

    def bits(self, channels: int, pad: int = 0) -> int:
        """A new buffer of bits."""
        self.buffers.append(Buffer(kind="bits", channels=channels, pad=float(pad)))
        return len(self.buffers) - 1

    def floats(self, channels: int, pad: float = 0.0) -> int:
        """A new float buffer."""
        self.buffers.append(Buffer(kind="float", channels=channels, pad=pad))
        return len(self.buffers) - 1

    def bytes(self, channels: int, zero: int = 0) -> int:
        """A new buffer of bytes, of which `zero` stands for 0."""
        self.buffers.append(Buffer(kind="bytes", channels=channels, pad=float(zero)))
        return len(self.buffers) - 1

    def bytes_sink(self, buffer: int, scale: float) -> BytesSink:
        """To that buffer; the scale is rounded to float32."""
        exact = torch.tensor(scale, dtype=torch.float32).item()
        return BytesSink(buffer=buffer, scale=exact, zero=int(self.buffers[buffer].pad))

    def tensor(self, value: Tensor) -> str:
        """Name of a new tensor."""
        name = f"t{len(self.tensors)}"
        self.tensors[name] = value
        return name

    def noise(self, *shape: int, scale: float = 1.0, shift: float = 0.0) -> str:
        """Name of a new F32 tensor of normal values."""
        return self.tensor(torch.randn(shape, generator=self.generator) * scale + shift)

    def integers(self, low: int, high: int, *shape: int, dtype: torch.dtype) -> str:
        """Name of a new tensor of whole numbers from `low` to `high`."""
        return self.tensor(
            torch.randint(low, high + 1, shape, generator=self.generator, dtype=dtype)
        )

    def signs(self, c_out: int, c_in: int, kernel: int | tuple[int, int]) -> str:
        """Name of a new weight of one bit."""
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        weights = torch.randn((c_out, c_in, *sides), generator=self.generator)
        return self.tensor(pack_sign_bits(weights))

    def map(self, channels: int, members: Sequence[str], act: str = "none") -> Map:
        """A map with those members; "slope" comes with the act."""
        names = {m: self.noise(channels, scale=0.5, shift=0.1) for m in members}
        if act == "prelu":
            names["slope"] = self.noise(channels)
        return Map(act=act, **names)

    def batch_norm(self, channels: int, act: str = "none") -> Map:
        """Scale and shift after the act."""
        return self.map(channels, ["scale2", "shift2"], act)

    def stem(
        self,
        channels: int,
        sinks: Sinks,
        *,
        kernel: int | tuple[int, int] = 3,
        stride: int = 1,
        padding: int = 1,
        pool: Pool | None = None,
        map: Map | None = None,
    ) -> None:
        """Add a stem whose values are around -10 to 10."""
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        shape = (channels, *sides, self.input_channels + 1)
        weight = self.integers(-500, 500, *shape, dtype=torch.int16)
        if map is None:
            scale = self.tensor(torch.full((channels,), 5e-5))
            map = Map(scale1=scale, shift1=self.noise(channels))
        self.steps.append(
            Stem(
                name=f"stem{len(self.steps)}",
                weight=weight,
                stride=stride,
                padding=padding,
                pool=pool,
                map=map,
                sinks=sinks,
            )
        )

    def input(self, sinks: Sinks, map: Map | None = None) -> None:
        """Add what a part starts with."""
        step = Input(name=f"input{len(self.steps)}", map=map or Map(), sinks=sinks)
        self.steps.append(step)

    def mean(self, source: int) -> int:
        """Add a mean; returns its buffer."""
        output = self.floats(self.buffers[source].channels)
        self.steps.append(Mean(name=f"mean{len(self.steps)}", input=source, output=output))
        return output

    def resize(self, source: int, factor: int, like: int | None = None) -> int:
        """Add an upsampling; returns its buffer."""
        output = self.floats(self.buffers[source].channels)
        name = f"resize{len(self.steps)}"
        step = Resize(name=name, input=source, output=output, factor=factor, like=like)
        self.steps.append(step)
        return output

    def interpolate(self, source: int, factor: int, like: int | None = None) -> int:
        """Add an upsampling by the centres of the pixels; returns its buffer."""
        output = self.floats(self.buffers[source].channels)
        name = f"interpolate{len(self.steps)}"
        step = Interpolate(name=name, input=source, output=output, factor=factor, like=like)
        self.steps.append(step)
        return output

    def max_pool(self, source: int, kernel: int, stride: int, padding: int) -> int:
        """Add a pooling; returns its buffer."""
        output = self.floats(self.buffers[source].channels)
        pool = Pool(kernel=kernel, stride=stride, padding=padding)
        name = f"max_pool{len(self.steps)}"
        self.steps.append(MaxPool(name=name, input=source, output=output, pool=pool))
        return output

    def depth_to_space(self, source: int, factor: int) -> int:
        """Add a layout of channels as pixels; returns its buffer."""
        output = self.floats(self.buffers[source].channels // factor**2)
        name = f"depth_to_space{len(self.steps)}"
        step = DepthToSpace(name=name, input=source, output=output, factor=factor)
        self.steps.append(step)
        return output

    def conv(self, *branches: Branch, join: Join | None = None) -> None:
        """Add a convolution."""
        self.steps.append(Conv(name=f"conv{len(self.steps)}", branches=branches, join=join))

    def bits_term(self, source: int, c_out: int, kernel: Any = 3, **options: Any) -> Term:
        """A convolution of the signs in buffer `source`."""
        weight = self.signs(c_out, self.buffers[source].channels, kernel)
        return Term(input=source, weight=weight, **options)

    def float_term(self, source: int, c_out: int, kernel: int = 1, **options: Any) -> Term:
        """A convolution of the numbers in buffer `source`."""
        weight = self.noise(c_out, kernel, kernel, self.buffers[source].channels)
        return Term(input=source, weight=weight, **options)

    def bytes_term(self, source: int, c_out: int, kernel: Any = 1, **options: Any) -> Term:
        """A convolution of the bytes in buffer `source`; all weights from -128 to 127 are met."""
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        shape = (c_out, *sides, self.buffers[source].channels)
        weight = self.integers(-128, 127, *shape, dtype=torch.int8)
        return Term(input=source, weight=weight, **options)

    def classifier(self, source: int) -> None:
        """Mean, linear layer, output `logits`."""
        mean, logits = self.mean(source), self.floats(CLASSES)
        term = self.float_term(mean, CLASSES, map=Map(shift1=self.noise(CLASSES)))
        self.conv(Branch(terms=(term,), sinks=Sinks(float_=logits)))
        self.outputs["logits"] = logits

    def build(self, info: dict[str, Any] | None = None) -> PackedFile:
        """The program as it would be read; `info` beside the class names and the preprocessing."""
        common = {
            "task": "classification",
            "class_names": [f"class {i}" for i in range(CLASSES)],
            "preprocessing": {
                "kind": "classification",
                "resize": 20,
                "crop": 16,
                "format": "RGB",
            },
        }
        return PackedFile(self.program(), {**common, **(info or {})}, dict(self.tensors))

    def program(self) -> Program:
        """Without the tensors."""
        return Program(
            input_channels=self.input_channels,
            buffers=tuple(self.buffers),
            steps=tuple(self.steps),
            outputs=dict(self.outputs),
            size_divisor=self.size_divisor,
            parts={name: part.program() for name, part in self.parts.items()},
        )
