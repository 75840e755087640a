"""Files whose ``info.postprocessing`` does not fit their program: refused before anything runs."""

import dataclasses

import pytest
import torch

from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.predictor import PackedPredictor
from tests.packed.edits import edited
from tests.packed.programs_of_parts import segmenter_example

from .small_detectors import POOLER, dense_detector, region_detector

BACKENDS = ["reference", *(["native"] if is_built() else [])]
IMAGE = torch.randint(0, 256, (3, 32, 40), generator=torch.Generator().manual_seed(0)).byte()
CELLS = ("anchors", "cells", "p1")
CELL = [-4.0, -4.0, 4.0, 4.0]
OF_REGIONS = ("proposals",)
HUGE = 10**19


def opened(packed, folder, backend="reference", **options):
    write_packed(folder / "a.gnp", packed.program, packed.info, packed.tensors)
    return PackedPredictor(folder / "a.gnp", backend=backend, score_threshold=None, **options)


def with_postprocessing(packed, path, value):
    info = edited(packed.info, ("postprocessing", *path), value)
    return dataclasses.replace(packed, info=info)


def with_program(packed, **changes):
    return dataclasses.replace(packed, program=dataclasses.replace(packed.program, **changes))


def with_buffer(packed, part, output, channels):
    """The output of a part becomes another buffer of it."""
    program = packed.program.parts[part]
    number = next(i for i, b in enumerate(program.buffers) if b.channels == channels)
    changed = dataclasses.replace(program, outputs={**program.outputs, output: number})
    return with_program(packed, parts={**packed.program.parts, part: changed})


def refused(packed, folder, message):
    with pytest.raises(PackedFileError, match=rf"a\.gnp: .*{message}") as error:
        opened(packed, folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("make", [dense_detector, region_detector])
def test_the_files_themselves_are_right(make, backend, tmp_path):
    predictor = opened(make(), tmp_path, backend)
    found = predictor(IMAGE)
    assert predictor.class_names == ("cat", "dog")
    assert len(found) == 5
    assert set(found.classes.tolist()) <= {0, 1}
    assert (found.masks is None) == (make is dense_detector)


def test_another_mask_threshold_than_that_of_the_file(tmp_path):
    areas = {
        threshold: int(
            opened(region_detector(), tmp_path, mask_threshold=threshold)(IMAGE).masks.sum()
        )
        for threshold in (0.0, 0.4, 0.5, 0.6, None)
    }
    assert areas[0.0] > areas[0.4] > areas[0.5] > areas[0.6]
    assert areas[None] == areas[0.5]
    with pytest.raises(ConfigError, match="mask_threshold is 2; valid: probabilities, 0 to 1"):
        opened(region_detector(), tmp_path, mask_threshold=2)
    with pytest.raises(ConfigError, match="mask_threshold is for networks with masks"):
        opened(dense_detector(), tmp_path, mask_threshold=0.5)


ANCHOR_EDITS = [
    (("levels",), [], "levels is empty"),
    (("levels",), ["p1", "p3"], "a level of postprocessing is 'p3'; valid: 'p1', 'p2'"),
    (CELLS, [], "cells has a level without anchors"),
    (CELLS, [CELL], "deltas.p1' has 8 channels; its postprocessing takes 4|'objectness.p1'"),
    (CELLS, [CELL] * 3, "deltas.p1' has 8 channels; its postprocessing takes 12|'objectness.p1'"),
    (CELLS, [[1.0, 2.0]], "cells are not of four numbers each"),
    (("anchors", "strides", "p1"), 0, "a stride of postprocessing.anchors is 0; valid: 1 to 4096"),
    (("anchors", "strides", "p1"), HUGE, "a stride of postprocessing.anchors is"),
    (("anchors", "strides"), {"p1": 2}, "strides are not those of its cells"),
    (("box_coding", "clamp"), 1e300, "box_coding.clamp is 1e.300, beyond float32"),
    (("box_coding", "weights"), [1.0, 1.0, 1.0, 0.0], "weights are .*; valid: four, none of them"),
]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        *ANCHOR_EDITS,
        (("topk",), -3, "postprocessing.topk is -3; valid: 0 to"),
        (("score",), "cosine", "postprocessing.score is 'cosine'; valid: 'sigmoid'"),
    ],
)
def test_dense_postprocessing(tmp_path, path, value, message):
    refused(with_postprocessing(dense_detector(), path, value), tmp_path, message)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        *((("proposals", *path), value, message) for path, value, message in ANCHOR_EDITS),
        (("proposals", "pre_nms_topk"), -1, "pre_nms_topk is -1; valid: 0 to"),
        (("proposals", "post_nms_topk"), -1, "post_nms_topk is -1; valid: 0 to"),
        (("proposals", "min_box_size"), -1.0, "min_box_size is -1.0"),
        (("stages",), [], "stages is empty"),
        (("stages", 1, "part"), "box", "the part of a stage is 'box'; valid: 'box_0', 'box_1'"),
        (("stages", 1, "class_agnostic"), True, "'box_1' gives deltas of the shape .64, 1, 1, 8."),
        (("stages", 0, "class_agnostic"), False, "'box_0' gives deltas of the shape .64, 1, 1, 4."),
        (("stages", 0, "part"), "mask", "it has no output 'scores', only .'masks'."),
        (("mask", "part"), "box_0", "it has no output 'masks', only .'scores', 'deltas'."),
        (("mask", "class_agnostic"), True, "output 'masks' has 2 channels; its postproc.* takes 1"),
        (("pooler", "levels"), ["p1", "p3"], "it has no output 'p3'"),
        (("pooler", "levels"), ["p1", "objectness.p2"], "'objectness.p2' has 2 channels; .* 8"),
        (("pooler", "strides"), [2], "strides are not those of its levels"),
        (("pooler", "strides"), [4, 2], r"strides are \[4, 2\]; valid: each is twice the one"),
        (("pooler",), {**POOLER, "levels": [], "strides": []}, "strides are not those of its"),
        (("pooler", "resolution"), [4], "resolution is not a pair"),
        (("pooler", "resolution"), [4, 0], "of postprocessing.pooler.strides or resolution is 0"),
        (("pooler", "resolution"), [3, 4], "part 'box_0' does not run on 64 regions of .* .3, 4."),
        (("pooler", "resolution"), [5, 5], "part 'box_0' gives scores of the shape .64, 2, 2, 3."),
        (("pooler", "sampling_ratio"), -1, "sampling_ratio is -1; valid: 0 to 4096"),
        (("pooler", "canonical_box_size"), 0, "canonical_box_size is 0; valid: 1 to"),
        (("pooler", "canonical_level"), HUGE, "canonical_level is 1.*; valid: 0 to 64"),
        (("mask", "pooler", "resolution"), [0, 4], "strides or resolution is 0"),
        (("mask", "pooler", "levels"), ["p1", "p3"], "it has no output 'p3'"),
    ],
)
def test_region_postprocessing(tmp_path, path, value, message):
    refused(with_postprocessing(region_detector(), path, value), tmp_path, message)


@pytest.mark.parametrize(
    ("output", "instead", "message"),
    [
        ("logits.p1", None, "it has no output 'logits.p1'"),
        ("centerness.p2", None, "it has no output 'centerness.p2'"),
        (
            "centerness.p2",
            "logits.p2",
            "'centerness.p2' has 4 channels; its postprocessing takes 2",
        ),
        ("logits.p1", "centerness.p1", r"logits are of \[1.0, 2.0\] classes for each anchor"),
    ],
)
def test_maps_of_a_dense_detector(tmp_path, output, instead, message):
    packed = dense_detector()
    outputs = dict(packed.program.outputs)
    number = outputs.pop(output)
    if instead:
        outputs[output] = outputs[instead]
    assert number != outputs.get(output)
    refused(with_program(packed, outputs=outputs), tmp_path, message)


def test_stages_of_different_classes(tmp_path):
    packed = with_buffer(region_detector(), "box_1", "scores", channels=8)
    refused(packed, tmp_path, r"its stages tell \[2, 7\] classes apart; valid: one number")


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (dense_detector, ("centerness.p1", "centerness.p2")),
        (region_detector, ("anchor_deltas.p1", "anchor_deltas.p2")),
    ],
)
def test_maps_of_different_sizes(tmp_path, make, names):
    """What depends on the image is refused with it, by the same error."""
    packed = make()
    outputs = dict(packed.program.outputs)
    outputs[names[0]] = outputs[names[1]]
    predictor = opened(with_program(packed, outputs=outputs), tmp_path)
    with pytest.raises(PackedFileError, match=r"outputs have different sizes: .*\(16, 20\)"):
        predictor(IMAGE)


@pytest.mark.parametrize(
    "postprocessing",
    [
        {"kind": "segmentation", "inference": "whole"},
        {"kind": "segmentation", "inference": "slide", "window": [9, 9], "stride": [7, 7]},
    ],
    ids=["whole", "slide"],
)
def test_logits_smaller_than_the_image(tmp_path, postprocessing):
    packed = segmenter_example()
    (last,) = [s for s in packed.program.steps if getattr(s, "like", 0) is None]
    info = {
        **packed.info,
        "task": "semantic_segmentation",
        "class_names": [],
        "preprocessing": dense_detector().info["preprocessing"],
        "postprocessing": postprocessing,
    }
    packed = with_program(packed, outputs={"logits": last.input})
    predictor = opened(dataclasses.replace(packed, info=info), tmp_path)
    with pytest.raises(PackedFileError, match="the logits are smaller than the image"):
        predictor(IMAGE)
