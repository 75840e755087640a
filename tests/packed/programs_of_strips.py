"""Programs with chains of convolutions that may run in strips of rows."""

import random
from collections.abc import Iterator
from typing import Any

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch, Join, Term
from groupnet_det.packed.steps.parts import BitsSink, Pool, Sinks

from .program_builder import ProgramBuilder

# Kernel and dilation of convolutions that keep the size.
WINDOWS = ((1, 1), (3, 1), (3, 2), (5, 1))


def strip_examples() -> Iterator[tuple[str, PackedFile]]:
    """(id, packed file) of random programs, the same ones each time."""
    for seed in range(12):
        yield f"strips-{seed}", _Chains(seed).build()


class _Chains:
    """Two chains of steps of K branches; buffers are written again once nothing needs them."""

    def __init__(self, seed: int) -> None:
        self.rng, self.b = random.Random(seed), ProgramBuilder(seed=seed)
        self.num_branches = self.rng.choice([1, 2, 4])
        self.channels = self.rng.choice([16, 33, 64, 100])
        self.floats: list[int] = []
        self.signs: list[int] = []
        self.unused: list[int] = []  # buffers of bits that may be written again

    def build(self) -> PackedFile:
        self.add_stem()
        for _ in range(self.rng.randint(2, 5)):
            self.add_step(stride=1)
        if self.rng.random() < 0.7:
            self.channels = self.rng.choice([48, 64, 130])
            self.unused = []
            for index in range(self.rng.randint(2, 3)):
                self.add_step(stride=1 if index else 2)
        self.b.classifier(self.floats[-1])
        self.b.outputs["map"] = self.floats[0]
        return self.b.build()

    def add_stem(self) -> None:
        first, signs = self.b.floats(self.channels), self.new_signs()
        pool = Pool(kernel=3, stride=2, padding=1) if self.rng.random() < 0.5 else None
        sinks = Sinks(float_=first, bits=(BitsSink(buffer=signs),))
        self.b.stem(self.channels, sinks, kernel=5, stride=self.rng.choice([1, 2]), pool=pool)
        self.floats, self.signs = [first] * self.num_branches, [signs] * self.num_branches

    def new_signs(self) -> int:
        return self.b.bits(self.channels, pad=self.rng.randint(0, 1))

    def add_step(self, *, stride: int) -> None:
        kernel, dilation = self.rng.choice(WINDOWS)
        window = {
            "kernel": kernel,
            "dilation": dilation,
            "padding": dilation * (kernel - 1) // 2,
            "stride": stride,
        }
        joins = self.rng.random() < 0.4
        in_place = stride == 1 and len(set(self.floats)) == self.num_branches
        in_place = in_place and self.rng.random() < 0.7
        branches, targets, floats, signs = [], [], [], []
        for k in range(self.num_branches):
            residual = self.floats[k] if stride == 1 and self.rng.random() < 0.8 else None
            floats.append(self.floats[k] if in_place else self.b.floats(self.channels))
            terms = self.terms(k, window, needs_floats=residual is None, in_place=in_place)
            reuses = self.unused and self.rng.random() < 0.6
            signs.append(self.unused.pop() if reuses else self.new_signs())
            threshold = self.b.noise(self.channels)
            bits = BitsSink(buffer=signs[k], threshold=threshold)
            targets.append(Sinks(float_=floats[k], bits=(bits,)))
            sinks = None if joins else targets[k]
            branches.append(Branch(terms=terms, residual=residual, sinks=sinks))
        join = None
        if joins:
            merged = Sinks(float_=self.b.floats(self.channels))
            gate = self.b.noise(2)
            join = Join(gate=gate, merged=merged, branches=tuple(targets))
        self.b.conv(*branches, join=join)
        self.unused += sorted(set(self.signs)) if stride == 1 else []
        self.floats, self.signs = floats, signs

    def terms(
        self, k: int, window: dict[str, Any], *, needs_floats: bool, in_place: bool
    ) -> tuple[Term, ...]:
        norm = self.b.batch_norm(self.channels, "relu")
        terms = [self.b.bits_term(self.signs[k], self.channels, map=norm, **window)]
        if needs_floats and not in_place:
            options = {"stride": window["stride"]}
            terms.append(self.b.float_term(self.floats[k], self.channels, 1, **options))
        if self.rng.random() < 0.3:
            terms.append(self.b.bits_term(self.signs[0], self.channels, **window))
        return tuple(terms)
