"""tools/export_onnx.py as a user runs it."""

import json
import sys

import numpy as np
import pytest
import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.commands.deployment import export_onnx
from groupnet_det.config import load_config
from tests.exporting.onnx_graphs import need_onnx

CONFIG = "configs/quick/classifier_groupnet_mnist5k.yaml"
DETECTOR = "configs/quick/retinanet_groupnet_photo_digits.yaml"
SMALL = ["MODEL.GROUPNET.WIDTH", "0.125", "MODEL.DEVICE", "cpu"]
SHORT = ["MODEL.GROUPNET.OUT_FEATURES", ["res2"]]


@pytest.fixture(scope="module")
def checkpoint(root, tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("trained")
    model = build_model(load_config(str(root / CONFIG), [*SMALL, *SHORT]))
    Checkpointer(model, str(folder), extra={"class_names": list("0123456789")}).save("model_final")
    return folder / "model_final.pth"


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    """Run the tool in this process; the path of its output."""

    def run(*options, config=CONFIG):
        output = tmp_path / "new" / "x.onnx"
        command = ["--config-file", root / config, "--output", output, *SMALL]
        command += [*(SHORT if config == CONFIG else []), *options]
        export_onnx.main([*map(str, command)])
        return output

    return run


def test_export(run, checkpoint, capsys):
    need_onnx()
    import onnxruntime

    output = run("MODEL.WEIGHTS", checkpoint)
    printed = capsys.readouterr().out
    for text in ("2x136x168", "1x201x125", "logits", "quantized values inside", "opset 18"):
        assert text in printed
    session = onnxruntime.InferenceSession(output, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["class_names"]) == list("0123456789")
    assert json.loads(about["resize"]) == {"shortest_side": 32, "centre_crop": 32}
    assert json.loads(about["source"])["checkpoint"] == "model_final.pth"
    (logits,) = session.run(["logits"], {"image": np.zeros((2, 3, 32, 32), np.float32)})
    assert logits.shape == (2, 10)


def test_the_example_of_the_docs(run, checkpoint, root, tmp_path, monkeypatch, capsys):
    """The lines of Python in docs/use/onnx.md, as they stand there."""
    need_onnx()
    from PIL import Image

    output = run("MODEL.WEIGHTS", checkpoint)
    monkeypatch.chdir(output.parent)
    output.rename("digits.onnx")
    Image.new("RGB", (40, 32)).save("digit.png")
    _, _, rest = (root / "docs/use/onnx.md").read_text().partition("```python\n")
    code, _, _ = rest.partition("```")
    capsys.readouterr()
    exec(compile(code, "docs/use/onnx.md", "exec"), {})
    assert capsys.readouterr().out.strip() in list("0123456789")


MISTAKES = {
    "no weights": (CONFIG, [], False, "MODEL.WEIGHTS is empty"),
    "absent": (CONFIG, ["MODEL.WEIGHTS", "absent.pth"], False, "absent.pth does not exist"),
    "other task": (DETECTOR, [], True, "model_final.pth"),
    "format": (CONFIG, ["INPUT.FORMAT", "L"], True, "INPUT.FORMAT is 'L'; valid: 'RGB', 'BGR'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_end_in_one_line(run, checkpoint, tmp_path, datasets_env, name):
    need_onnx()
    config, options, has_weights, message = MISTAKES[name]
    weights = ["MODEL.WEIGHTS", checkpoint] if has_weights else []
    with pytest.raises(SystemExit) as end:
        run(*weights, *options, config=config)
    assert end.value.code.startswith("error: ")
    assert message in end.value.code
    assert "\n" not in end.value.code
    assert not (tmp_path / "new").exists()


def test_without_the_extra_the_fix_is_reported(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # as if it were not installed
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SystemExit, match=r"error: onnx.* pip install 'groupnet-det\[onnx\]'"):
        run()


def test_nothing_is_written_where_the_answers_differ(run, checkpoint, tmp_path, monkeypatch):
    need_onnx()
    make = export_onnx.export_trained_onnx

    def spoiled(*arguments):
        exported = make(*arguments)
        for node in exported.proto.graph.node:
            node.op_type = "Less" if node.op_type == "GreaterOrEqual" else node.op_type
        return exported

    monkeypatch.setattr(export_onnx, "export_trained_onnx", spoiled)
    with pytest.raises(SystemExit, match=r"error: .* are wrong in ONNX Runtime"):
        run("MODEL.WEIGHTS", checkpoint)
    assert not (tmp_path / "new").exists()
