"""Convolutions in full precision that are packed with 8 bits."""

import copy

import pytest
import torch

from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.exporting.packed.eight_bits.calibration import calibrate_convs
from groupnet_det.exporting.packed.eight_bits.float_layers import Int8Convs
from groupnet_det.exporting.packed.eight_bits.rounded_convs import with_rounded_convs
from groupnet_det.exporting.packed.models.classifiers import export_classifier
from groupnet_det.exporting.verify.blocks import compare_blocks
from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.runtime.backends.extension import is_built, open_network
from groupnet_det.runtime.reference.interpreter import run_reference, trace_reference
from tests.exporting.models import export, make_model, raw_outputs
from tests.exporting.networks import CLASS_NAMES, make_classifier, random_images

CLASSIFIERS = {
    "K=1": {"quantization": {"num_bases": 1}, "design": {"downsample": "float"}},
    "K=3, gates": {"quantization": {"num_bases": 3}, "design": {"downsample": "float"}},
    "ResNet-50": {"design": {"downsample": "float"}, "depth": 50},
    "full precision": {"method": "float"},
}


def batches(count=3, height=64, width=96):
    images = random_images(count, height, width).permute(0, 3, 1, 2)
    return [[{"image": image, "label": 0}] for image in images]


def names_of_byte_terms(packed):
    """Of the weights that are multiplied with bytes."""
    return {
        term.weight
        for step in packed.program.steps
        for branch in getattr(step, "branches", ())
        for term in branch.terms
        if packed.program.buffers[term.input].kind == "bytes"
    }


@pytest.fixture(scope="module", params=CLASSIFIERS)
def classifier(request):
    torch.manual_seed(0)
    model = make_classifier(**copy.deepcopy(CLASSIFIERS[request.param]))
    convs = Int8Convs(calibrate_convs(model, batches()))
    return model, export_classifier(model, class_names=CLASS_NAMES, float_convs=convs)


def test_blocks_are_those_of_rounded_convolutions(classifier):
    model, packed = classifier
    images = random_images(2, 64, 96)
    parts = compare_blocks(with_rounded_convs(model, packed.info), packed, images, trace_reference)
    assert [part for part in parts if not part.agrees] == []
    unrounded = compare_blocks(model, packed, images, trace_reference)
    assert [part for part in unrounded if not part.agrees]  # so the test can see 8 bits


def test_layers_with_8_bits_are_named(classifier):
    model, packed = classifier
    names = set(packed.info["int8_convs"])
    floats = {
        name
        for name, module in model.named_modules()
        if getattr(module, "is_float", False) and name.startswith("backbone.res")
    }
    assert names == floats
    reasons = {e["name"] for e in packed.info["unpacked"] if e["reason"].startswith("8 bits")}
    assert reasons == names
    weights = names_of_byte_terms(packed)
    assert weights
    assert all(packed.tensors[weight].dtype == torch.int8 for weight in weights)


def test_the_file_is_read_and_the_engine_gives_the_same_bits(classifier, tmp_path):
    _, packed = classifier
    path = tmp_path / "model.gnp"
    write_packed(path, packed.program, packed.info, packed.tensors)
    assert read_packed(path).info["int8_convs"] == packed.info["int8_convs"]
    if not is_built():
        pytest.skip("the compiled engine is not built")
    for size in ((64, 64), (37, 52)):
        images = random_images(1, *size)
        expected = run_reference(packed, images)["logits"]
        assert torch.equal(open_network(path).run(images)["logits"], expected)


def test_files_are_smaller(classifier):
    model, packed = classifier
    plain = export_classifier(model, class_names=CLASS_NAMES)
    assert "int8_convs" not in plain.info
    assert names_of_byte_terms(plain) == set()
    num_bytes = [
        sum(t.numel() * t.element_size() for t in file.tensors.values()) for file in (packed, plain)
    ]
    assert num_bytes[0] < num_bytes[1]


@pytest.mark.parametrize("kind", ["retinanet", "deeplabv3"])
def test_laterals_and_heads(root, kind):
    torch.manual_seed(0)
    keys = ("MODEL.GROUPNET.FPN.LATERALS", "float") if kind == "retinanet" else ()
    options = ("MODEL.GROUPNET.NUM_BASES", 2, "MODEL.GROUPNET.DOWNSAMPLE", "float", *keys)
    model = make_model(root, kind, *options)
    packed = export(model, float_convs=Int8Convs(calibrate_convs(model, batches())))
    names = set(packed.info["int8_convs"])
    assert any("downsample" in name for name in names)
    assert any("fpn_lateral" in name for name in names) == (kind == "retinanet")
    images = random_images(1, 64, 96)
    actual = run_reference(packed, images)
    expected = raw_outputs(with_rounded_convs(model, packed.info), packed, images)
    for name, values in expected.items():
        torch.testing.assert_close(
            actual[name], values, rtol=0, atol=1e-3 * float(values.abs().max())
        )


def test_a_layer_without_samples_is_refused():
    model = make_classifier(design={"downsample": "float"})
    with pytest.raises(ConfigError, match=r"sample images has come to backbone\.res3\.0\.down"):
        export_classifier(model, class_names=CLASS_NAMES, float_convs=Int8Convs({}))


def test_no_images():
    with pytest.raises(ConfigError, match="--float-convs int8 needs sample images"):
        calibrate_convs(make_classifier(), [])


def test_a_file_of_another_network():
    info = {"int8_convs": {"backbone.res9": {"scale": 1.0, "zero": 0}}}
    with pytest.raises(PackedFileError, match=r"int8_convs\.backbone\.res9 is not a layer"):
        with_rounded_convs(make_classifier(), info)
