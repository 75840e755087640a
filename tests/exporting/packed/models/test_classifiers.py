"""Every network of the family, exported, against the training model."""

import pytest
import torch

from groupnet_det.exporting.packed.models.classifiers import export_classifier
from groupnet_det.exporting.verify.blocks import compare_blocks
from groupnet_det.exporting.verify.kept_maps import keep_places
from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.runtime.backends.extension import is_built, open_network
from groupnet_det.runtime.reference.interpreter import run_reference, trace_reference
from tests.exporting.networks import CLASS_NAMES, logits_of, make_classifier, random_images

SINGLE = {"group": "block", "gates": False}
# Arguments of make_classifier.
VARIANTS = {
    "gates": {"stages": 4},
    "K1": {"quantization": {"num_bases": 1}},
    "K8": {"quantization": {"num_bases": 8}, "stages": 2},
    "no_gates": {"design": {"gates": False}},
    "scales": {"design": {"merge": "learned_scales"}},
    "scales_K1": {"design": {"merge": "learned_scales"}, "quantization": {"num_bases": 1}},
    "scales_no_gates": {"design": {"merge": "learned_scales", "gates": False}},
    "aliased": {"design": {"merge": "aliased_mean"}, "quantization": {"num_bases": 3}},
    "layers": {"design": {"group": "layer"}, "quantization": {"num_bases": 3}},
    "layers_scales": {"design": {"group": "layer", "merge": "learned_scales"}},
    "stages": {"design": {"group": "stage"}},
    "stages_scales": {"design": {"group": "stage", "merge": "learned_scales"}},
    "network": {"design": {"group": "network"}},
    "reactnet": {"design": {"nonlinearity": "rprelu"}, "quantization": {"activation": "rsign"}},
    "zero_one": {"quantization": {"activation": "zero_one"}},
    "float_downsample": {"design": {"downsample": "float"}},
    "layers_float_downsample": {"design": {"downsample": "float", "group": "layer"}},
    "norm_first": {"design": {"order": "norm_conv_act"}},
    "norm_first_rprelu": {"design": {"order": "norm_conv_act", "nonlinearity": "rprelu"}},
    "norm_twice": {"design": {"order": "norm_conv_act_norm"}},
    "norm_twice_layers_reactnet": {
        "design": {"order": "norm_conv_act_norm", "group": "layer", "nonlinearity": "rprelu"},
        "quantization": {"activation": "rsign", "weight_scale": "channel"},
    },
    "stage_bases": {"design": {"stage_bases": (1, 2, 3, 1), "downsample": "float"}},
    "norm_second": {"design": {"order": "conv_norm_act", "nonlinearity": "rprelu"}},
    "block_shortcut": {"design": {"shortcut": "block"}},
    "block_shortcut_final": {
        "design": {"shortcut": "block", "order": "conv_norm_act", "nonlinearity": "rprelu"}
    },
    "layers_block_shortcut": {"design": {"shortcut": "block", "group": "layer"}},
    "zero_one_block_shortcut": {
        "design": {"shortcut": "block"},
        "quantization": {"activation": "zero_one"},
    },
    "channel_scale": {"quantization": {"weight_scale": "channel"}},
    "34": {"depth": 34},
    "50": {"depth": 50, "width": 0.0625},
    "50_block_shortcut": {
        **{"depth": 50, "width": 0.0625, "stages": 2},
        "design": {"shortcut": "block"},
    },
    "50_network": {
        **{"depth": 50, "width": 0.0625, "stages": 2},
        "design": {"group": "network"},
    },
    "width": {"width": 0.17},
    "output_stride_8": {"output_stride": 8, "stages": 4},
    "output_stride_16": {"output_stride": 16, "stages": 4},
    "dilations": {"dilations": [1, 1, 6, 10], "stages": 4},
    "bpac": {"output_stride": 8, "dilations": [1, 1, [2, 3], [6, 7]], "stages": 4},
    "xnor_net": {"method": "xnor_net", "stages": 4},
    "xnor_net_50": {"method": "xnor_net", "depth": 50, "width": 0.0625, "stages": 2},
    "bireal_net": {"method": "bireal_net"},
    "bnn": {"method": "bnn"},
    "abc_net": {
        "method": "abc_net",
        "quantization": {"weight_terms": 3, "activation_terms": 2},
        "stages": 2,
    },
    "abc_float_downsample": {
        "method": "abc_net",
        "quantization": {"weight_terms": 7, "activation_terms": 7},
        "stages": 2,
    },
    "abc_relu": {"quantization": {"activation": "abc", "activation_terms": 3}, "stages": 2},
    "abc_norm_first": {
        "quantization": {"activation": "abc", "weight": "abc", "activation_terms": 3},
        "design": {"order": "norm_conv_act", "nonlinearity": "none"},
        "stages": 2,
    },
    "dorefa": {"method": "dorefa"},
    "dorefa_1": {"method": "dorefa", "quantization": {"bits": 1}},
    "dorefa_norm_first": {
        "quantization": {"activation": "dorefa", "weight": "dorefa", "bits": 3},
        "design": {"order": "norm_conv_act", "group": "layer"},
        "stages": 2,
    },
    "lsq": {"method": "lsq", "quantization": {"bits": 3}},
    "lsq_1": {"method": "lsq", "quantization": {"bits": 1}},
    "lq_net": {"method": "lq_net"},
    "lq_net_1": {"method": "lq_net", "quantization": {"bits": 1}},
    "float": {"method": "float", "stages": 2},
    "mixed": {"quantization": {"weight": "lsq"}, "stages": 2},
}


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def exported(request):
    torch.manual_seed(0)
    model = make_classifier(**VARIANTS[request.param])
    return model, export_classifier(model, class_names=CLASS_NAMES)


def test_parts_agree_on_identical_inputs(exported):
    model, packed = exported
    parts = compare_blocks(model, packed, random_images(2, 40, 56), trace_reference)
    assert [part for part in parts if not part.agrees] == []
    assert parts[0].name == "stem"
    assert parts[-1].name == "logits"


def test_body_on_the_stem_of_the_packed_network(exported):
    """The whole network after the stem; no number is so near 0 that float rounding turns it."""
    model, packed = exported
    images = random_images(2, 40, 56)
    kept = keep_places(packed)
    _, buffers, contents = trace_reference(kept.packed, images)
    _, buffer = kept.floats[0, "stem", 0]
    stem = contents[buffers.index(buffer)].permute(0, 3, 1, 2)
    handle = model.backbone.stem.register_forward_hook(lambda *_: stem)
    expected = logits_of(model, images)
    handle.remove()
    actual = run_reference(packed, images)["logits"].flatten(1)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def test_whole_network_on_images(exported):
    """The stem's weights of 16 bits move its output by some 1e-5, which may turn a sign near 0.

    The logits of that image then differ, in random narrow networks often. Where no sign turned,
    they are those of the training model; a wrong program would have no such image.
    """
    model, packed = exported
    images = random_images(8, 40, 56)
    expected = logits_of(model, images)
    actual = run_reference(packed, images)["logits"].flatten(1)
    difference = (actual - expected).abs().amax(dim=1)
    agreeing = int((difference <= 1e-4 * expected.abs().max()).sum())
    assert agreeing >= 2, difference


def test_written_and_read(exported, tmp_path):
    _, packed = exported
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)
    again = read_packed(tmp_path / "model.gnp")
    assert again.program == packed.program
    assert again.info == packed.info


@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
def test_engine_gives_the_same_bits(exported, tmp_path):
    packed = keep_places(exported[1]).packed
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)
    images = random_images(2, 40, 56)
    steps, buffers, contents = open_network(tmp_path / "model.gnp").trace(images)
    expected = trace_reference(packed, images)
    assert (list(steps), list(buffers)) == expected[:2]
    for actual, map_ in zip(contents, expected[2], strict=True):
        assert torch.equal(actual, map_)
