"""Box and mask heads, exported as parts, against the training model on the same regions."""

import pytest
import torch

from groupnet_det.exporting.packed.models.roi_heads import pixels_first
from groupnet_det.modeling.heads.mask_head import channels_to_pixels
from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.runtime.backends.extension import is_built, open_network
from groupnet_det.runtime.reference.interpreter import run_reference_part

from .models import assert_raw_outputs_agree, export, make_model

G = "MODEL.GROUPNET."
K1, K4 = [f"{G}NUM_BASES", "1"], [f"{G}NUM_BASES", "4"]
TOWERS = [f"{G}HEAD.GROUP", "tower"]
NUM_CONV, NUM_FC = "MODEL.ROI_BOX_HEAD.NUM_CONV", "MODEL.ROI_BOX_HEAD.NUM_FC"
AGNOSTIC = ["MODEL.ROI_BOX_HEAD.CLS_AGNOSTIC_BBOX_REG", "True"]
VARIANTS = {
    "faster_rcnn": ("faster_rcnn",),
    "faster_rcnn_K1": ("faster_rcnn", *K1),
    "faster_rcnn_towers_K4": ("faster_rcnn", *TOWERS, *K4),
    "faster_rcnn_no_fc": ("faster_rcnn", NUM_FC, "0", NUM_CONV, "2"),
    "faster_rcnn_no_conv": ("faster_rcnn", NUM_CONV, "0"),
    "faster_rcnn_float": ("faster_rcnn", f"{G}PARTS.HEAD", "float"),
    "faster_rcnn_dorefa": ("faster_rcnn", f"{G}PARTS.HEAD", "dorefa"),
    "faster_rcnn_agnostic": ("faster_rcnn", *AGNOSTIC),
    "cascade_rcnn": ("cascade_rcnn",),
    "mask_rcnn": ("mask_rcnn",),
    "mask_rcnn_towers_K4": ("mask_rcnn", *TOWERS, *K4),
    "mask_rcnn_float": ("mask_rcnn", f"{G}PARTS.HEAD", "float"),
    "mask_rcnn_agnostic": ("mask_rcnn", "MODEL.ROI_MASK_HEAD.CLS_AGNOSTIC_MASK", "True"),
    "cascade_mask_rcnn": (
        *("mask_rcnn", "MODEL.ROI_HEADS.NAME", "CascadeROIHeads", *AGNOSTIC, *K1),
    ),
}


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def exported(request, root):
    torch.manual_seed(0)
    model = make_model(root, *VARIANTS[request.param])
    return model, export(model)


def expected_outputs(model, name, maps):
    """Of the training model, (R, C, H, W) by name."""
    heads = model.roi_heads
    if name == "mask":
        return {"masks": heads.mask_head.layers(maps)}
    stage = int(name.removeprefix("box_")) if name != "box" else None
    head = heads.box_head if stage is None else heads.box_head[stage]
    predictor = heads.box_predictor if stage is None else heads.box_predictor[stage]
    scores, deltas = predictor(head(maps))
    return {"scores": scores[..., None, None], "deltas": deltas[..., None, None]}


def sides(packed):
    """Of the regions, by part."""
    about = packed.info["postprocessing"]
    mask = [(about["mask"]["part"], about["mask"]["pooler"])] if about["mask"] else []
    boxes = [(stage["part"], about["pooler"]) for stage in about["stages"]]
    return {part: pooler["resolution"][0] for part, pooler in boxes + mask}


@torch.no_grad()
def test_parts(exported):
    model, packed = exported
    assert set(sides(packed)) == set(packed.program.parts)
    for name, side in sides(packed).items():
        maps = torch.randn(3, packed.program.parts[name].input_channels, side, side)
        expected = expected_outputs(model, name, maps)
        actual = run_reference_part(packed, name, maps.permute(0, 2, 3, 1).contiguous())
        assert set(actual) == set(expected)
        for output, x in expected.items():
            tolerance = 1e-4 * float(x.abs().max())
            torch.testing.assert_close(
                actual[output], x.permute(0, 2, 3, 1), rtol=0, atol=tolerance
            )


@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
def test_engine_gives_the_same_bits(exported, tmp_path):
    _, packed = exported
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)
    network = open_network(tmp_path / "model.gnp")
    for name, side in sides(packed).items():
        maps = torch.randn(2, side, side, packed.program.parts[name].input_channels)
        actual = network.part(name).run(maps)
        for output, map_ in run_reference_part(packed, name, maps).items():
            assert torch.equal(actual[output], map_), (name, output)


def test_main_program(exported):
    assert_raw_outputs_agree(*exported)


def test_written_and_read(exported, tmp_path):
    _, packed = exported
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)
    again = read_packed(tmp_path / "model.gnp")
    assert again.program == packed.program
    assert again.info == packed.info


def test_pixels_first_is_the_layout_of_the_mask_head():
    """Channel (2 i + j) C + c of the program is channel 4 c + 2 i + j of the head."""
    channels = torch.arange(12.0).view(1, 12, 1, 1)
    pixels = channels_to_pixels(channels)  # (1, 3, 2, 2)
    ordered = channels[:, pixels_first(12)].view(2, 2, 3)
    assert torch.equal(ordered, pixels[0].permute(1, 2, 0))
