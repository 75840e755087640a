"""The path from a config to a packed file and its runtimes."""

from canvas import Canvas


def draw() -> Canvas:
    canvas = Canvas(
        "path",
        "From config and data to a checkpoint by train_net.py; from there to a packed file by "
        "export_packed.py, checked by verify_packed.py; it runs in Python, in C and in a shell.",
        760,
        250,
    )
    canvas.box(10, 30, 110, 48, "plain", "config, data")
    canvas.arrow((120, 54), (270, 54))
    canvas.text(195, 40, "train_net.py", "code")
    canvas.box(270, 30, 120, 48, "float", "checkpoint", ".pth")
    canvas.arrow((390, 54), (560, 54))
    canvas.text(475, 40, "export_packed.py", "code")
    canvas.box(560, 30, 120, 48, "bits", "packed file", ".gnp")
    canvas.arrow((620, 108), (620, 78))
    canvas.arrow((330, 78), (330, 108), (620, 108), tip=False)
    canvas.text(475, 122, "verify_packed.py: the same predictions", "code")
    canvas.arrow((680, 54), (715, 54), (715, 145), (290, 145), tip=False)
    for x, width, name, where in (
        (220, 140, "C library", "C, C++"),
        (380, 140, "groupnet-run", "shell"),
        (540, 150, "PackedPredictor", "Python, torch"),
    ):
        canvas.arrow((x + width / 2, 145), (x + width / 2, 165))
        canvas.box(x, 165, width, 40, "bits", name)
        canvas.text(x + width / 2, 222, where, "dim")
    canvas.arrow((300, 78), (300, 92), (110, 92), (110, 165))
    canvas.text(200, 107, "export_onnx.py", "code")
    canvas.box(50, 165, 120, 40, "float", "ONNX file")
    canvas.text(110, 222, "simulation in floats", "dim")
    return canvas
