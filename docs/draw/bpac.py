"""Binary parallel atrous convolution: the neighbourhoods of a block's bases."""

from canvas import Canvas

CELLS, SIDE = 13, 11
RATES = (2, 3, 4, 5)


def draw() -> Canvas:
    canvas = Canvas(
        "bpac",
        "Binary parallel atrous convolution: each of four bases of a block has a 3 by 3 kernel "
        "with its own dilation, 2 to 5; their mean sees all these neighbourhoods.",
        760,
        250,
    )
    middle = CELLS // 2
    for number, rate in enumerate(RATES):
        x = 24 + number * 165
        taps = [
            (middle + column * rate, middle + row * rate)
            for column in (-1, 0, 1)
            for row in (-1, 0, 1)
        ]
        canvas.text(x + CELLS * SIDE / 2, 18, f"base {number + 1}", "big")
        canvas.grid(x, 36, CELLS, SIDE, taps)
        canvas.text(x + CELLS * SIDE / 2, 36 + CELLS * SIDE + 18, f"dilation {rate}", "dim")
    canvas.arrow((96, 208), (96, 226), (640, 226), tip=False)
    for number in range(1, len(RATES)):
        x = 96 + number * 165
        canvas.arrow((x, 208), (x, 226), tip=False)
    canvas.arrow((640, 226), (690, 226))
    canvas.ball(705, 226, "Σ")
    return canvas
