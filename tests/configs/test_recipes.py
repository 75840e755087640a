"""Configs that are listed in ``_BASE_`` after another one."""

import pytest
import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config import load_config, parse_method
from groupnet_det.exporting.onnx.graph_export import export_onnx
from groupnet_det.exporting.onnx.onnx_verification import verify_onnx
from groupnet_det.exporting.packed.models.classifiers import export_classifier
from groupnet_det.exporting.verify.blocks import compare_blocks
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.extension import is_built, open_network
from groupnet_det.runtime.reference.interpreter import run_reference, trace_reference
from tests.exporting.networks import random_images, settle
from tests.exporting.onnx_graphs import need_onnx


@pytest.fixture
def load(root, tmp_path):
    """The config of a narrow classifier with a recipe behind it."""

    def load_after(recipe, *options):
        base = root / "configs/Base"
        path = tmp_path / "own.yaml"
        path.write_text(f"_BASE_: [{base}/classifier_groupnet_r18.yaml, {base}/recipes/{recipe}]\n")
        narrow = ["MODEL.DEVICE", "cpu", "MODEL.GROUPNET.WIDTH", "0.125"]
        classes = ["MODEL.CLASSIFIER.NUM_CLASSES", "5"]
        return load_config(str(path), [*narrow, *classes, *options])

    return load_after


def test_group_net_v2_is_group_net_but_for_two_keys(load, root):
    paper = load_config(str(root / "configs/Base/classifier_groupnet_r18.yaml"))
    before, after = (parse_method(cfg, "BACKBONE") for cfg in (paper, load("GroupNet-V2.yaml")))
    assert (after.quantization.gradient, after.design.downsample) == ("hardtanh", "float")
    assert (before.quantization.gradient, before.design.downsample) == ("polynomial", "binary")


@pytest.mark.parametrize("num_bases", [1, 2])
def test_group_net_v2_packs_and_exports(load, tmp_path, num_bases):
    cfg = load("GroupNet-V2.yaml", "MODEL.GROUPNET.NUM_BASES", str(num_bases))
    model = build_model(cfg).eval()
    settle(model)
    packed = export_classifier(model, class_names=list("abcde"))
    images = random_images(2, 64, 96)
    parts = compare_blocks(model, packed, images, trace_reference)
    assert [part for part in parts if not part.agrees] == []
    if is_built():
        write_packed(tmp_path / "v2.gnp", packed.program, packed.info, packed.tensors)
        logits = open_network(tmp_path / "v2.gnp").run(images)["logits"]
        assert torch.equal(logits, run_reference(packed, images)["logits"])
    need_onnx()
    verify_onnx(model, export_onnx(model))
