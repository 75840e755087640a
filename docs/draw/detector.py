"""The binary and the float parts of a detector."""

from canvas import Canvas

TOPS = (55, 97, 139, 181)


def draw() -> Canvas:
    canvas = Canvas(
        "detector",
        "A binary RetinaNet: float stem, binary stages res2 to res5, binary pyramid p3 to p7, "
        "binary towers on every level, float prediction layers for classes and boxes.",
        760,
        300,
    )
    for x, part in ((150, "backbone"), (320, "pyramid"), (490, "towers"), (665, "predictions")):
        canvas.text(x, 20, part, "big")
    canvas.text(40, 20, "image", "dim")
    canvas.arrow((40, 32), (40, 55))
    canvas.box(8, 55, 64, 44, "float", "stem")
    canvas.arrow((72, 77), (105, 70))
    _backbone(canvas)
    _pyramid(canvas)
    for y in (112, 154, 196, 238):
        canvas.arrow((360, y), (410, y))
    canvas.box(
        410, 97, 160, 156, "bits", "classes: 4 × conv", "boxes: 4 × conv", "one BN per level"
    )
    for y, name in ((140, "classes"), (210, "boxes")):
        canvas.arrow((570, y), (615, y))
        canvas.box(615, y - 22, 100, 44, "float", name)
    canvas.legend(180, 286, ("float", "32 bits"), ("bits", "K binary bases each"))
    return canvas


def _backbone(canvas: Canvas) -> None:
    for stage, y in zip(("res2", "res3", "res4", "res5"), TOPS, strict=True):
        canvas.box(105, y, 90, 30, "bits", stage)
        if y != TOPS[-1]:
            canvas.arrow((150, y + 30), (150, y + 42))


def _pyramid(canvas: Canvas) -> None:
    for level, y in zip(("p3", "p4", "p5"), TOPS[1:], strict=True):
        canvas.arrow((195, y + 15), (280, y + 15))
        canvas.box(280, y, 80, 30, "bits", level)
        if y != TOPS[1]:
            canvas.arrow((320, y), (320, y - 12))
    canvas.arrow((195, 203), (235, 203), (235, 238), (280, 238))
    canvas.box(280, 223, 80, 30, "bits", "p6, p7")
