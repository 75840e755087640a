"""Drawing of one branch of a basic block."""

from canvas import Canvas

WIDTH, GAP = 56, 17


def draw() -> Canvas:
    canvas = Canvas(
        "branch",
        "One branch of a block: sign, convolution, ReLU and batch normalization, twice, with a "
        "shortcut around each.",
        760,
        190,
    )
    x = 52.0
    canvas.text(22, 110, "x", "code")
    canvas.arrow((30, 110), (x, 110))
    for _ in range(2):
        start = x - 9
        for kind, words in (
            ("bits", "sign"),
            ("bits", "conv"),
            ("plain", "ReLU"),
            ("plain", "BN"),
        ):
            canvas.box(x, 90, WIDTH, 40, kind, words)
            canvas.arrow((x + WIDTH, 110), (x + WIDTH + GAP, 110))
            x += WIDTH + GAP
        canvas.arrow((start, 110), (start, 40), (x + 13, 40), (x + 13, 97))
        canvas.text((start + x) / 2, 27, "float shortcut", "dim")
        canvas.ball(x + 13, 110, "+", radius=13)
        canvas.arrow((x + 26, 110), (x + 44, 110))
        x += 44
    canvas.text(x + 8, 110, "p", "code")
    canvas.legend(
        150, 168, ("bits", "1 bit: XOR and popcount"), ("plain", "floats"), ("joint", "sum")
    )
    return canvas
