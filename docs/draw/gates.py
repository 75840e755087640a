"""Soft connections between two blocks of Group-Net."""

from canvas import Canvas


def draw() -> Canvas:
    canvas = Canvas(
        "gates",
        "Soft connections: the input of each branch is a mix of the same branch's output in the "
        "block before and the mean of all branches, weighted by one learned gate per block.",
        760,
        330,
    )
    rows = (70, 150)
    canvas.text(90, 20, "block i", "big")
    canvas.text(600, 20, "block i + 1", "big")
    for number, y in enumerate(rows, start=1):
        canvas.arrow((8, y), (40, y))
        canvas.box(40, y - 24, 100, 48, "bits", f"branch {number}")
        canvas.arrow((140, y), (385, y))
        canvas.text(180, y - 13, f"b{number}", "code")
        canvas.ball(400, y, "g", radius=15)
        canvas.arrow((415, y), (550, y))
        canvas.text(480, y - 13, f"x{number}", "code")
        canvas.box(550, y - 24, 100, 48, "bits", f"branch {number}")
        canvas.arrow((650, y), (745, y))
    # The mean, from both branches and back to both gates.
    for y, x in zip(rows, (225, 245), strict=True):
        canvas.arrow((x, y), (x, 221))
    canvas.box(195, 221, 90, 40, "joint", "mean")
    canvas.arrow((285, 241), (340, 241), (340, 78), (387, 78))
    canvas.arrow((340, 158), (387, 158))
    canvas.text(316, 228, "m", "code")
    for number, x in enumerate((230, 530), start=1):
        canvas.text(x, 285, f"x{number} = g · b{number} + (1 − g) · m", "code")
    canvas.text(
        380, 312, "g = sigmoid(θ), one learned θ for each block; no gate: x1 = x2 = m", "dim"
    )
    return canvas
