"""A dot product of signs computed with bits: an example to follow by hand."""

from canvas import Canvas

A = (1, -1, -1, 1, -1, 1, 1, -1)
W = (1, 1, -1, -1, -1, 1, -1, -1)
LEFT, CELL = 240, 46


def draw() -> Canvas:
    canvas = Canvas(
        "xnor",
        "The dot product of eight signs: bits of both, their exclusive or, its three ones counted, "
        "and 8 minus twice 3 is 2.",
        760,
        300,
    )
    _row(canvas, 30, "activations", [_signed(value) for value in A], "plain")
    _row(canvas, 72, "weights", [_signed(value) for value in W], "plain")
    bits = [[int(value < 0) for value in values] for values in (A, W)]
    differ = [a ^ w for a, w in zip(*bits, strict=True)]
    _row(canvas, 124, "as bits (1 means −1)", [str(bit) for bit in bits[0]], "bits")
    _row(canvas, 166, "", [str(bit) for bit in bits[1]], "bits")
    _row(canvas, 218, "XOR: where signs differ", [str(bit) for bit in differ], "joint")
    count, total = sum(differ), sum(a * w for a, w in zip(A, W, strict=True))
    assert len(A) - 2 * count == total
    canvas.text(
        LEFT + 4 * CELL,
        264,
        f"popcount p = {count},   sum = N − 2p = {len(A)} − 2·{count} = {total}",
        "code",
    )
    canvas.text(LEFT + 4 * CELL, 286, "64 products in two 64-bit operations and an addition", "dim")
    return canvas


def _signed(value: int) -> str:
    return "+1" if value > 0 else "−1"


def _row(canvas: Canvas, y: float, words: str, values: list[str], kind: str) -> None:
    canvas.text(30, y, words, "left")
    for number, value in enumerate(values):
        canvas.box(LEFT + number * CELL, y - 17, CELL - 6, 34, kind, value)
