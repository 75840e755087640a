"""A block in full precision, decomposed by layers, and decomposed by groups."""

from canvas import Canvas

BRANCHES = 3
ROWS, HEIGHT = (128, 222), 34


def draw() -> Canvas:
    canvas = Canvas(
        "decomposition",
        "A block of two convolutions: in full precision; decomposed by layers, where the branches "
        "meet after every convolution; by groups, where they meet at the end of the block.",
        760,
        440,
    )
    _full_precision(canvas, 90)
    _by_layers(canvas, 325)
    _by_groups(canvas, 610)
    canvas.legend(
        110,
        420,
        ("float", "32 bits"),
        ("bits", "weights and activations of 1 bit"),
        ("joint", "mean of the branches"),
    )
    return canvas


def _heading(canvas: Canvas, x: float, first: str, second: str) -> None:
    canvas.text(x, 20, first, "big")
    canvas.text(x, 40, second, "dim")
    canvas.text(x, 66, "x", "code")


def _columns(x: float) -> list[float]:
    return [x + 80 * (number - (BRANCHES - 1) / 2) for number in range(BRANCHES)]


def _full_precision(canvas: Canvas, x: float) -> None:
    _heading(canvas, x, "full precision", "one group: a block")
    source = 78
    for number, top in enumerate(ROWS, start=1):
        canvas.arrow((x, source), (x, top))
        canvas.box(x - 50, top, 100, HEIGHT, "float", f"conv {number}")
        source = top + HEIGHT
    canvas.arrow((x, source), (x, 380))


def _by_layers(canvas: Canvas, x: float) -> None:
    _heading(canvas, x, "layer-wise", "branches meet after every layer")
    source = 78.0
    for layer in (1, 2):
        top = source + 40
        for column in _columns(x):
            canvas.arrow((x, source), (column, top))
            canvas.box(column - 34, top, 68, HEIGHT, "bits", f"conv {layer}")
            canvas.arrow((column, top + HEIGHT), (x + (column - x) * 0.14, top + 74))
        canvas.ball(x, top + 88, "Σ")
        source = top + 103
    canvas.arrow((x, source), (x, 380))


def _by_groups(canvas: Canvas, x: float) -> None:
    _heading(canvas, x, "group-wise", "branches meet after the group")
    for column in _columns(x):
        source = (x, 78.0)
        for number, top in enumerate(ROWS, start=1):
            canvas.arrow(source, (column, top))
            canvas.box(column - 34, top, 68, HEIGHT, "bits", f"conv {number}")
            source = (column, top + HEIGHT)
        canvas.arrow(source, (x + (column - x) * 0.14, 312))
    canvas.ball(x, 326, "Σ")
    canvas.arrow((x, 341), (x, 380))
