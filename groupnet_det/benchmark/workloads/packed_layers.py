"""Packed programs of the layers that are timed, with random weights."""

import torch
from torch import Tensor

from groupnet_det.analysis.random_weights import SEED
from groupnet_det.benchmark.measure.workload import KERNEL, LayerWorkload
from groupnet_det.packed.program import Program
from groupnet_det.packed.sign_bits import pack_sign_bits
from groupnet_det.packed.steps.conv import Branch, Conv, Term
from groupnet_det.packed.steps.input_steps import Stem
from groupnet_det.packed.steps.parts import BitsSink, Buffer, Map, Sinks

IMAGE_CHANNELS = 3
# Steps that only make the input of the chain: the stem, and a first layer, whose branches all read
# the stem's map.
LEADING_STEPS = 2


def layer_program(workload: LayerWorkload) -> tuple[Program, dict[str, Tensor]]:
    """`LEADING_STEPS`, then one step for each layer of a workload; and the tensors.

    ``alone`` writes the sums as floats. ``fused`` keeps the residual in place as floats and writes
    the next layer's bits.
    """
    made = _LayerProgram(workload)
    return made.program(), made.tensors


class _LayerProgram:
    """Each branch has two maps of bits, of which a layer reads one and writes the other, and one of
    floats; the stem's map of floats is the last buffer."""

    def __init__(self, workload: LayerWorkload) -> None:
        self.workload = workload
        self.generator = torch.Generator().manual_seed(SEED)
        self.tensors: dict[str, Tensor] = {}

    def program(self) -> Program:
        channels, num_bases = self.workload.channels, self.workload.num_bases
        bits = Buffer(kind="bits", channels=channels)
        floats = Buffer(kind="float", channels=channels)
        layers = [self.layer(number) for number in range(self.workload.length + 1)]
        return Program(
            input_channels=IMAGE_CHANNELS,
            buffers=(*[bits, bits, floats] * num_bases, floats),
            steps=(self.stem(), *layers),
            outputs={f"branch{k}": self.floats(k) for k in range(num_bases)},
        )

    def bits(self, branch: int, number: int) -> int:
        return 3 * branch + number % 2

    def floats(self, branch: int) -> int:
        return 3 * branch + 2

    def stem(self) -> Stem:
        weight = torch.randint(
            -9, 10, (self.workload.channels, 1, 1, IMAGE_CHANNELS + 1), generator=self.generator
        )
        self.tensors["stem.weight"] = weight.to(torch.int16)
        bits = tuple(BitsSink(buffer=self.bits(k, 0)) for k in range(self.workload.num_bases))
        sinks = Sinks(float_=3 * self.workload.num_bases, bits=bits)
        return Stem(name="stem", weight="stem.weight", stride=1, padding=0, sinks=sinks)

    def layer(self, number: int) -> Conv:
        branches = [self.branch(number, k) for k in range(self.workload.num_bases)]
        return Conv(name=f"layer{number}", branches=tuple(branches))

    def branch(self, number: int, branch: int) -> Branch:
        name = f"layer{number}.branch{branch}"
        channels = self.workload.channels
        weight = torch.randn((channels, channels, KERNEL, KERNEL), generator=self.generator)
        self.tensors[f"{name}.weight"] = pack_sign_bits(weight)
        fused = self.workload.kind == "fused"
        term = Term(
            # alone, no layer writes bits: all read the stem's
            input=self.bits(branch, number if fused else 0),
            weight=f"{name}.weight",
            padding=KERNEL // 2,
            map=self.map(name) if fused else Map(),
        )
        if not fused:
            return Branch(terms=(term,), sinks=Sinks(float_=self.floats(branch)))
        following = BitsSink(buffer=self.bits(branch, number + 1))
        return Branch(
            terms=(term,),
            residual=self.floats(branch) if number else 3 * self.workload.num_bases,
            sinks=Sinks(float_=self.floats(branch), bits=(following,)),
        )

    def map(self, name: str) -> Map:
        """ReLU and BN; the scale of the weights, being positive, is in that of BN."""
        for member, least in (("scale", 0.01), ("shift", -0.5)):
            values = torch.rand(self.workload.channels, generator=self.generator)
            self.tensors[f"{name}.{member}"] = values * 2 * abs(least) + least
        return Map(act="relu", scale2=f"{name}.scale", shift2=f"{name}.shift")
