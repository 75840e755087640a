"""Structure of programs: shared buffers, residuals in place, thresholds on sums, joins."""

import pytest
import torch
from torch import nn

from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.exporting.packed.file_sizes import binary_weights, float32_bytes
from groupnet_det.exporting.packed.models.classifiers import export_classifier
from groupnet_det.exporting.verify.blocks import compare_blocks
from groupnet_det.exporting.verify.kept_maps import keep_places
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.packed.packed_file import PackedFile, write_packed
from groupnet_det.packed.steps.conv import MAX_TERMS, Conv
from groupnet_det.packed.steps.float_maps import Mean
from groupnet_det.packed.steps.input_steps import Stem
from groupnet_det.packed.steps.parts import Map
from groupnet_det.runtime.reference.interpreter import run_reference, trace_reference

from .networks import CLASS_NAMES, make_classifier, random_images

WITHOUT = {"num_bases": 1}


def export(*arguments, **options):
    model = make_classifier(*arguments, **options)
    return model, export_classifier(model, class_names=CLASS_NAMES)


def steps_by_name(packed):
    return {step.name: step for step in packed.program.steps}


def test_branches_run_together():
    """One step for each unit of a block, whatever K is; the mean and the classifier at the end."""
    _, packed = export(quantization={"num_bases": 3}, stages=1)
    names = [step.name for step in packed.program.steps]
    units = [f"res2.{block}.unit{unit}" for block in (0, 1) for unit in (1, 2)]
    assert names == ["stem", *units, "mean", "fc"]
    assert [type(step) for step in packed.program.steps] == [Stem, *[Conv] * 4, Mean, Conv]
    assert all(len(steps_by_name(packed)[name].branches) == 3 for name in units)


def test_joins_carry_the_gates_after():
    model, packed = export(stages=1)
    steps = steps_by_name(packed)
    assert steps["res2.0.unit1"].join is None
    join = steps["res2.0.unit2"].join
    share = torch.sigmoid(model.backbone.res2[1].connect.gate.detach())
    assert torch.equal(packed.tensors[join.gate], torch.cat([share, 1 - share]))
    assert join.merged is None  # nobody reads it
    assert len(join.branches) == 2
    last = steps["res2.1.unit2"].join
    assert last.gate is None
    assert last.merged.float_ is not None
    assert last.branches == (None, None)


def test_no_join_for_one_branch():
    _, packed = export(quantization=WITHOUT)
    assert all(step.join is None for step in packed.program.steps if isinstance(step, Conv))


@pytest.mark.parametrize("bases", [1, 2], ids=["K1", "K2"])
def test_residuals_stay_in_place(bases):
    """One float buffer for each chain of branches and size of the maps, none else but the last."""
    _, packed = export(quantization={"num_bases": bases}, stages=2)
    of_map = [b for b in packed.program.buffers if b.kind == "float" and b.channels == 8]
    # The K branches share the stem's output, so that they cannot write over it but with K = 1.
    assert len(of_map) == (1 if bases == 1 else 1 + bases)


def test_downsampling_shares_the_bits_of_the_first_unit():
    _, packed = export(quantization=WITHOUT, stages=2)
    (branch,) = steps_by_name(packed)["res3.0.unit1"].branches
    unit, downsample = branch.terms
    assert unit.input == downsample.input
    assert (unit.stride, downsample.stride, downsample.padding) == (2, 2, 0)
    assert branch.residual is None


def test_another_padding_or_threshold_is_another_buffer():
    _, packed = export(quantization={**WITHOUT, "activation": "rsign"}, stages=2)
    (branch,) = steps_by_name(packed)["res3.0.unit1"].branches
    unit, downsample = branch.terms
    assert unit.input != downsample.input


@pytest.mark.parametrize("method", ["bnn", "xnor_net"])
def test_signs_come_from_sums_where_nothing_is_added(method):
    _, packed = export(method, stages=1)
    (branch,) = steps_by_name(packed)["res2.0.unit1"].branches
    assert branch.terms[0].map == branch.final == Map()
    assert branch.sinks.float_ is None
    assert packed.info["blocks"]["res2.0"]["units"]["branches.0.unit2"]["sum"]


def test_padding_and_offset_of_zero_and_one():
    """Outside is 0, the bit 1; the offset of a sum of N is N plus the signs of the weights."""
    model, packed = export(quantization={**WITHOUT, "activation": "zero_one"}, stages=1)
    (branch,) = steps_by_name(packed)["res2.0.unit1"].branches
    (term,) = branch.terms
    assert packed.program.buffers[term.input].pad == 1
    weight = model.backbone.res2[0].branches[0].unit1.conv.weight
    signs = torch.where(weight < 0, -1, 1)
    assert torch.equal(packed.tensors[term.offset].long(), 8 * 9 + signs.sum(dim=(1, 2, 3)))


def unpacked(**options):
    _, packed = export(**options)
    return {entry["name"]: entry["reason"] for entry in packed.info["unpacked"]}


def test_what_stays_float_is_listed():
    assert set(unpacked(stages=2)) == {"backbone.stem.conv1", "fc"}
    listed = unpacked(stages=2, design={"downsample": "float"})
    assert listed["backbone.res3.0.downsample.conv"] == "full precision by the config"
    for bits in (1, 2, 3):
        listed = unpacked(method="dorefa", quantization={"bits": bits}, stages=2)
        assert set(listed) == {"backbone.stem.conv1", "fc"}
    listed = unpacked(quantization={"weight": "dorefa", "activation": "float"}, stages=1)
    reason = listed["backbone.res2.0.branches.0.unit1.conv"]
    assert reason == "weights of 2 and activations of 32 bits"


@pytest.mark.parametrize(("method", "bits", "planes"), [("dorefa", 2, 2), ("lsq", 2, 3)])
def test_weights_of_several_bits_are_stored_with_these(method, bits, planes):
    """A plane for each bit, and of LSQ a constant; a product with each of three thresholds."""
    model, packed = export(method=method, quantization={"bits": bits}, stages=1)
    (branch,) = steps_by_name(packed)["res2.0.unit1"].branches
    assert len(branch.terms) == planes * 3
    names = {term.weight for term in branch.terms}
    assert len(names) == planes
    weight = model.backbone.res2[0].branches[0].unit1.conv.weight
    assert sum(packed.tensors[name].numel() for name in names) * 8 == weight.numel() * planes
    assert branch.final.act == "relu"  # of the sum


def test_products_of_signs_that_find_no_room():
    options = {"method": "abc_net", "stages": 2}
    terms = {"weight_terms": 7, "activation_terms": 7}
    listed = unpacked(**options, quantization=terms)
    assert listed["backbone.res3.0.downsample.conv"].startswith("it has 49 products of signs")
    listed = unpacked(quantization={"activation": "abc"}, stages=1)
    assert "nonlinearity follows" in listed["backbone.res2.0.branches.1.unit2.conv"]
    listed = unpacked(method="dorefa", quantization={"bits": 4}, stages=2)
    reason = listed["backbone.res2.0.branches.0.unit1.conv"]
    assert reason == "floats are faster than its 60 products of signs"


def test_a_shortcut_in_full_precision_finds_room(tmp_path):
    """63 products, and then a float term for each of three bases."""
    bits = {"weight": "dorefa", "activation": "dorefa", "bits": 3, "num_bases": 3}
    design = {"group": "layer", "nonlinearity": "none", "downsample": "float"}
    _, packed = export(quantization=bits, design=design, stages=2)
    write_packed(tmp_path / "a.gnp", packed.program, packed.info, packed.tensors)
    step = steps_by_name(packed)["res3.0.unit1"]
    assert len(step.branches[0].terms) <= MAX_TERMS


def test_sizes_by_hand():
    model, packed = export(stages=1, width=0.25)
    weights = binary_weights(packed)
    # 16 channels fill two bytes; two blocks of two units, two branches.
    assert (weights.number, weights.num_bytes) == (8 * 16 * 16 * 9, 16 * 16 * 9)
    assert weights.bits_each == 1.0
    binary = [m for m in model.modules() if isinstance(m, QuantizedConv2d)]
    assert sum(m.weight.numel() for m in binary) == weights.number
    assert float32_bytes(nn.BatchNorm2d(3)) == 4 * 12


def test_keeping_floats_changes_nothing():
    _, packed = export(stages=2)
    images = random_images(1, 24, 24)
    kept = keep_places(packed).packed
    assert len(kept.program.buffers) > len(packed.program.buffers)
    expected = run_reference(packed, images)["logits"]
    assert torch.equal(run_reference(kept, images)["logits"], expected)


@pytest.mark.parametrize("method", ["group_net", "bnn"])
def test_a_wrong_weight_is_found(method):
    """The comparison is not a formality: it names the unit after the one that was changed."""
    model, packed = export(method, quantization=WITHOUT, stages=2)
    (branch,) = steps_by_name(packed)["res3.0.unit1"].branches
    tensors = dict(packed.tensors)
    tensors[branch.terms[0].weight] = tensors[branch.terms[0].weight] ^ 1
    wrong = PackedFile(packed.program, packed.info, tensors)
    parts = compare_blocks(model, wrong, random_images(1, 32, 32), trace_reference)
    assert {part.name for part in parts if not part.agrees} == {"res3.0.branches.0.unit2"}


def test_files_without_places_are_refused():
    _, packed = export(stages=1)
    with pytest.raises(PackedFileError, match="does not say where its blocks are"):
        keep_places(PackedFile(packed.program, {}, packed.tensors))


@pytest.mark.parametrize("method", ["group_net", "xnor_net"])
def test_frozen_norms_are_folded_too(method):
    model = make_classifier(method, stages=2)
    model.backbone.freeze(2)
    assert not isinstance(model.backbone.stem.bn1, nn.BatchNorm2d)
    packed = export_classifier(model, class_names=CLASS_NAMES)
    parts = compare_blocks(model, packed, random_images(1, 32, 32), trace_reference)
    assert [part for part in parts if not part.agrees] == []


def test_the_model_stays_as_it_is():
    model = make_classifier(stages=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    export_classifier(model, class_names=CLASS_NAMES)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_same_model_gives_the_same_bytes(tmp_path):
    model = make_classifier(stages=1)
    for name in ("a", "b"):
        packed = export_classifier(model, class_names=CLASS_NAMES)
        write_packed(tmp_path / name, packed.program, packed.info, packed.tensors)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


REFUSED = {
    "tanh": ({"quantization": {"activation": "tanh"}}, "export the network of the second stage"),
    "float_norm_first": (
        {"quantization": {"activation": "float"}, "design": {"order": "norm_conv_act"}},
        "choose a MODEL.GROUPNET.ORDER that starts with 'conv'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_program_can_compute_is_refused(name):
    options, message = REFUSED[name]
    model = make_classifier(**options, stages=1)
    with pytest.raises(ConfigError, match=message):
        export_classifier(model, class_names=CLASS_NAMES)


def test_a_training_that_is_not_done_is_refused():
    model = make_classifier(stages=1)
    conv = model.backbone.res2[0].branches[0].unit1.conv
    conv.weight_quantizer.binary = False
    with pytest.raises(ConfigError, match=r"res2.0.branches.0.unit1.conv .*GRADUAL_BINARIZATION"):
        export_classifier(model, class_names=CLASS_NAMES)
    conv.weight_quantizer.binary = True
    model.backbone.res2[0].branches[0].unit1.norm[0].weight.data[0] = torch.nan
    with pytest.raises(ConfigError, match="has diverged"):
        export_classifier(model, class_names=CLASS_NAMES)


def test_other_models_are_refused():
    with pytest.raises(ConfigError, match="gives a Linear; only an ImageClassifier"):
        export_classifier(nn.Linear(2, 2), class_names=["a", "b"])
    model = make_classifier(stages=1)
    with pytest.raises(ConfigError, match="2 class names for 5 classes"):
        export_classifier(model, class_names=["a", "b"])
    model.backbone = nn.Identity()
    with pytest.raises(ConfigError, match="gives a Identity, which cannot be exported"):
        export_classifier(model, class_names=CLASS_NAMES)
