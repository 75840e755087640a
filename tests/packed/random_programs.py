"""Programs of random steps, windows and sizes, of which some cannot run; seeded."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch, Join, Term
from groupnet_det.packed.steps.parts import BitsSink, BytesSink, LevelsSink, Pool, Sinks

from .program_builder import ProgramBuilder

MAX_SIDE = 4096
MAX_WEIGHTS = 1 << 12
WRONG = 0.01  # of choices that ought to suit, how many need not
KINDS = ("float", "bits", "bytes")


def random_side(rng: random.Random, most: int = MAX_SIDE) -> int:
    """1 to `most`; as many below its root as above."""
    return min(most, max(1, round(most ** rng.random())))


def random_sizes(seed: int) -> list[tuple[int, int, int]]:
    """Numbers of images, heights and widths, the least and the greatest among them."""
    rng = random.Random(seed)
    ends = [(1, 1, 1), (1, MAX_SIDE, MAX_SIDE), (4096, 2, 3)]
    numbers = [1, 1, 1, 2, 3, 500]
    return ends + [(rng.choice(numbers), random_side(rng), random_side(rng)) for _ in range(9)]


def random_packed(seed: int, *, most: int = MAX_SIDE) -> PackedFile:
    """A program, with one part, of any steps; nothing is said about whether it is valid.

    Args:
        seed: Decides all.
        most: Greatest kernel, stride, padding, dilation and factor.
    """
    rng = random.Random(seed)
    b = ProgramBuilder(
        input_channels=rng.randint(1, 4),
        seed=seed,
        size_divisor=rng.choice([1, 1, 1, 2, 3, min(32, most), random_side(rng, most)]),
    )
    _Steps(b, rng, most).add(rng.randint(1, 9))
    part = b.part("part", rng.randint(1, 20))
    _Steps(part, rng, most, is_part=True).add(rng.randint(1, 6))
    return b.build()


class _Steps:
    """Adds random steps to a program."""

    def __init__(
        self, b: ProgramBuilder, rng: random.Random, most: int, *, is_part: bool = False
    ) -> None:
        self.b, self.rng, self.most, self.is_part = b, rng, most, is_part

    def add(self, count: int) -> None:
        first = self.input if self.is_part else self.stem
        first()
        others = [self.conv, self.conv, self.conv, self.max_pool, self.resize, self.mean]
        others += [self.depth_to_space] + ([] if self.is_part else [self.stem])
        for _ in range(count):
            self.rng.choice(others)()
        floats = self.written("float")
        count = min(len(floats), self.rng.randint(1, 3))
        self.b.outputs = {f"out{i}": n for i, n in enumerate(self.rng.sample(floats, count))}

    # What is chosen at random.

    def is_wrong(self) -> bool:
        return self.rng.random() < WRONG

    def written(self, *kinds: str, channels: int | None = None) -> list[int]:
        """Buffers that there are, of those kinds and channels."""
        return [
            number
            for number, buffer in enumerate(self.b.buffers)
            if buffer.kind in kinds and channels in (None, buffer.channels)
        ]

    def channels(self) -> int:
        return self.rng.choice([1, 1, 2, 3, 4, 4, 9, 17, 70])

    def source(self, *kinds: str) -> int:
        """A buffer that is written, or now and then one of another kind, or that is not."""
        if not self.is_wrong():
            return self.rng.choice(self.written(*kinds))
        return self.rng.choice([self.b.floats(1), self.rng.randrange(len(self.b.buffers))])

    def side(self, most: int = MAX_SIDE) -> int:
        return random_side(self.rng, min(most, self.most))

    def small(self) -> int:
        return self.rng.choice([1, 1, 1, 2, 2, 3, 4, self.side(64)])

    def window(self, *, dilates: bool) -> dict[str, int]:
        """Stride, padding, dilation, and a kernel that keeps the size where it can."""
        rng = self.rng
        kernel = rng.choice([1, 1, 2, 3, 3, 5, 7, self.side(64)])
        dilation = rng.choice([1, 1, 1, 2, self.side()]) if dilates else 1
        same = min(self.most, dilation * (kernel - 1) // 2)
        padding = same if rng.random() < 0.7 else rng.choice([0, self.small(), self.side()])
        stride = rng.choice([1, 1, 1, 1, 2, self.side(64), self.side()])
        return {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}

    def sides(self, kernel: int, products: int) -> tuple[int, int]:
        """Rows and columns, one of them `kernel` or much more, within `MAX_WEIGHTS`."""
        long = self.side() if self.rng.random() < 0.2 else kernel
        long = min(long, max(1, MAX_WEIGHTS // products))
        short = min(self.rng.randint(1, 3), max(1, MAX_WEIGHTS // products // long))
        return self.rng.choice([(long, short), (short, long)])

    def pool(self) -> Pool:
        kernel = self.small() + self.rng.choice([0, 0, 0, self.side() - 1])
        kernel = min(kernel, self.most)
        padding = self.rng.randint(0, kernel - (0 if self.is_wrong() else 1))
        return Pool(kernel=kernel, stride=self.small(), padding=padding)

    def target(self, kind: str, channels: int) -> int:
        """A new buffer, or now and then one that there is."""
        known = self.written(kind, channels=channels)
        if known and self.rng.random() < 0.06:
            return self.rng.choice(known)
        pad = self.rng.choice([0, 1])
        make: Any = {"float": self.b.floats, "bits": self.b.bits, "bytes": self.b.bytes}[kind]
        number: int = make(channels, pad)
        return number

    def sinks(self, channels: int) -> Sinks:
        kinds = self.rng.sample(KINDS, self.rng.randint(1, 3))
        float_ = self.target("float", channels) if "float" in kinds else None
        bits = [BitsSink(buffer=self.target("bits", channels))] if "bits" in kinds else []
        bytes_ = [self.bytes_sink(channels)] if "bytes" in kinds else []
        levels = [self.levels_sink(channels)] if self.rng.random() < 0.1 else []
        if not self.written("float"):
            float_ = self.target("float", channels)
        return Sinks(float_=float_, bits=tuple(bits), levels=tuple(levels), bytes=tuple(bytes_))

    def bytes_sink(self, channels: int) -> BytesSink:
        return self.b.bytes_sink(self.target("bytes", channels), 2.0)

    def levels_sink(self, channels: int) -> LevelsSink:
        rising = torch.arange(2.0)[:, None].expand(2, channels).contiguous()
        return LevelsSink(
            buffer=self.target("float", channels),
            thresholds=self.b.tensor(rising),
            values=self.b.noise(3, channels),
        )

    # Steps.

    def stem(self) -> None:
        channels, window = self.channels(), self.window(dilates=False)
        window.pop("dilation")
        rows, columns = self.sides(window.pop("kernel"), 16 * channels)
        pool = self.pool() if self.rng.random() < 0.3 else None
        sinks = self.sinks(channels)
        self.b.stem(channels, sinks, kernel=(rows, columns), pool=pool, **window)

    def input(self) -> None:
        self.b.input(self.sinks(self.b.input_channels))

    def conv(self) -> None:
        channels, window = self.channels(), self.window(dilates=True)
        sources = [self.source(*KINDS) for _ in range(self.rng.choice([1, 1, 2, 3]))]
        joins = self.rng.random() < 0.3
        count = self.rng.choice([1, 1, 2, 3]) if joins else self.rng.choice([1, 1, 1, 2])
        branches = [self.branch(sources, channels, window) for _ in range(count)]
        if joins:
            join = Join(merged=self.sinks(channels))
            self.b.conv(*branches, join=join)
            return
        targets = [self.sinks(channels) for _ in branches]
        self.b.conv(*(_with_sinks(*pair) for pair in zip(branches, targets, strict=True)))

    def branch(self, sources: Sequence[int], channels: int, window: dict[str, int]) -> Branch:
        terms = tuple(self.term(source, channels, window) for source in sources)
        residuals = self.written("float", channels=channels)
        if not residuals or self.rng.random() < 0.7:
            return Branch(terms=terms)
        factor = self.rng.choice([1, 1, 1, 1, 2, 3, 0])
        return Branch(terms=terms, residual=self.rng.choice(residuals), residual_factor=factor)

    def term(self, source: int, channels: int, window: dict[str, int]) -> Term:
        """A convolution that gives maps of the size of that window's, or now and then of any."""
        options = dict(self.window(dilates=True) if self.is_wrong() else window)
        buffer = self.b.buffers[source]
        sides = (options.pop("kernel"),) * 2
        if self.rng.random() < 0.2:
            sides = self.sides(sides[0], channels * buffer.channels)
        elif sides[0] ** 2 * channels * buffer.channels > MAX_WEIGHTS:
            sides = (1, 1)
        shape = (channels, *sides, buffer.channels)
        weight = {
            "bits": lambda: self.b.signs(channels, buffer.channels, sides),
            "bytes": lambda: self.b.integers(-9, 9, *shape, dtype=torch.int8),
            "float": lambda: self.b.noise(*shape),
        }[buffer.kind]()
        return Term(input=source, weight=weight, **options)

    def max_pool(self) -> None:
        pool = self.pool()
        self.b.max_pool(self.source("float"), pool.kernel, pool.stride, pool.padding)

    def resize(self) -> None:
        source = self.source("float")
        like = self.source(*KINDS) if self.is_part or self.rng.random() < 0.7 else None
        add = self.rng.choice([self.b.resize, self.b.interpolate])
        add(source, self.rng.choice([1, 2, 3, 16, self.most, self.side()]), like)

    def mean(self) -> None:
        self.b.mean(self.source("float"))

    def depth_to_space(self) -> None:
        fitting = [
            (number, factor)
            for number in self.written("float")
            for factor in (1, 2, 3)
            if self.b.buffers[number].channels % factor**2 == 0
        ]
        self.b.depth_to_space(*self.rng.choice(fitting))


def _with_sinks(branch: Branch, sinks: Sinks) -> Branch:
    return Branch(
        terms=branch.terms,
        residual=branch.residual,
        residual_factor=branch.residual_factor,
        sinks=sinks,
    )


def kinds_of_steps(packed: Iterable[PackedFile]) -> set[str]:
    """Ops that are in the programs and their parts."""
    return {
        step.op
        for file in packed
        for program in (file.program, *file.program.parts.values())
        for step in program.steps
    }
