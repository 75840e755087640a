"""Boxes and masks of R-CNNs against Detectron2's inference, with the same maps and heads."""

import dataclasses

import pytest
import torch
from detectron2.modeling.postprocessing import detector_postprocess
from detectron2.structures import ImageList

from groupnet_det.errors import ConfigError, PackedFileError
from groupnet_det.modeling.heads.class_agnostic_nms import KEY
from groupnet_det.packed.program_json import read_value
from groupnet_det.runtime.backends.networks import BACKENDS, ReferenceNetwork
from groupnet_det.runtime.postprocessing.boxes import Anchors, BoxCoding
from groupnet_det.runtime.postprocessing.rcnn import (
    CHUNK,
    CascadeStage,
    MaskStage,
    RegionPostprocessing,
    run_in_chunks,
)
from groupnet_det.runtime.postprocessing.roi_pooling import Pooler
from groupnet_det.runtime.postprocessing.rpn import Proposals
from tests.runtime.detectron2_models import build_detector, random_maps
from tests.runtime.engine import needs_engine, write
from tests.runtime.small_detectors import region_detector

LEVELS = ("p2", "p3", "p4")
SIZES = ((24, 32), (12, 16), (6, 8))
IMAGE = (90, 121)  # of a canvas of 96 x 128


def coding_of(transform):
    return BoxCoding(kind="size", weights=transform.weights, clamp=transform.scale_clamp)


def pooler_of(pooler):
    align = pooler.level_poolers[0]
    return Pooler(
        levels=LEVELS,
        strides=(4, 8, 16),
        resolution=tuple(align.output_size),
        sampling_ratio=align.sampling_ratio,
        type="ROIAlignV2",
        canonical_box_size=pooler.canonical_box_size,
        canonical_level=pooler.canonical_level,
    )


def proposals_of(rpn):
    generator = rpn.anchor_generator
    cells = {
        level: tuple(map(tuple, cell.tolist()))
        for level, cell in zip(LEVELS, generator.cell_anchors, strict=True)
    }
    return Proposals(
        levels=LEVELS,
        anchors=Anchors(cells=cells, strides={"p2": 4, "p3": 8, "p4": 16}, offset=generator.offset),
        box_coding=coding_of(rpn.box2box_transform),
        pre_nms_topk=rpn.pre_nms_topk[False],
        nms_threshold=rpn.nms_thresh,
        post_nms_topk=rpn.post_nms_topk[False],
        min_box_size=float(rpn.min_box_size),
    )


def as_maps(kind, tensors):
    return {
        f"{kind}.{level}" if kind else level: x.permute(0, 2, 3, 1).contiguous()
        for level, x in zip(LEVELS, tensors, strict=True)
    }


@pytest.fixture
def maps():
    """Of the pyramid and of the RPN, as Detectron2 and as the runtime takes them."""
    features = random_maps(SIZES, 16, seed=1)
    objectness = random_maps(SIZES, 2, seed=2)
    deltas = [0.3 * x for x in random_maps(SIZES, 8, seed=3)]
    named = {
        **as_maps("", features),
        **as_maps("objectness", objectness),
        **as_maps("anchor_deltas", deltas),
    }
    return features, objectness, deltas, named


class Heads(ReferenceNetwork):
    """Parts by the model's own heads."""

    def __init__(self, model):
        self.heads = model.roi_heads

    def run_part(self, name, regions):
        heads = self.heads
        x = regions.permute(0, 3, 1, 2)
        if name == "mask":
            return {"masks": heads.mask_head.layers(x).permute(0, 2, 3, 1)}
        cascade = isinstance(heads.box_head, torch.nn.ModuleList)
        stage = int(name[-1]) if cascade else None
        head = heads.box_head if stage is None else heads.box_head[stage]
        predictor = heads.box_predictor if stage is None else heads.box_predictor[stage]
        scores, deltas = predictor(head(x))
        return {"scores": scores[:, None, None], "deltas": deltas[:, None, None]}


def propose(model, maps):
    """Detectron2's proposals from the same maps."""
    features, objectness, deltas, _ = maps
    rpn = model.proposal_generator
    anchors = rpn.anchor_generator(features)
    logits = [x.permute(0, 2, 3, 1).flatten(1) for x in objectness]
    flat = [x.reshape(1, 2, 4, *x.shape[2:]).permute(0, 3, 4, 1, 2).flatten(1, 3) for x in deltas]
    images = ImageList(torch.zeros(1, 3, 96, 128), [IMAGE])
    return images, rpn.predict_proposals(anchors, logits, flat, images.image_sizes)


def widen(model):
    """Weights with which untrained heads have something to say."""
    torch.manual_seed(0)
    for name, parameter in model.roi_heads.named_parameters():
        if "predictor" in name:
            torch.nn.init.normal_(parameter, std=0.2)


def stages_of(model):
    predictors = model.roi_heads.box_predictor
    if isinstance(predictors, torch.nn.ModuleList):
        return tuple(
            CascadeStage(
                part=f"box_{i}", box_coding=coding_of(p.box2box_transform), class_agnostic=True
            )
            for i, p in enumerate(predictors)
        )
    coding = coding_of(predictors.box2box_transform)
    return (CascadeStage(part="box", box_coding=coding, class_agnostic=False),)


def mask_of(model):
    if not model.roi_heads.mask_on:
        return None
    pooler = pooler_of(model.roi_heads.mask_pooler)
    return MaskStage(part="mask", pooler=pooler, class_agnostic=False, threshold=0.5)


@pytest.mark.parametrize("across", [False, True], ids=["in each class", "across classes"])
@pytest.mark.parametrize("name", ["faster_rcnn", "cascade_rcnn", "mask_rcnn"])
@torch.no_grad()
def test_as_detectron2(name, across, maps):
    model = build_detector(name, KEY, str(across), detections=25)
    widen(model)
    images, proposals = propose(model, maps)
    named = maps[3]
    network = Heads(model)
    found = proposals_of(model.proposal_generator)(named, IMAGE, network)
    torch.testing.assert_close(found, proposals[0].proposal_boxes.tensor)
    assert len(found) == 30

    features = dict(zip(LEVELS, maps[0], strict=True))
    (expected,), _ = model.roi_heads(images, features, proposals)
    options = RegionPostprocessing(
        kind="rcnn",
        proposals=proposals_of(model.proposal_generator),
        pooler=pooler_of(model.roi_heads.box_pooler),
        stages=stages_of(model),
        score="softmax",
        score_threshold=0.2,
        nms_threshold=0.5,
        max_detections=25,
        mask=mask_of(model),
        class_agnostic_nms=across,
    )
    boxes, scores, classes = options(named, IMAGE, network)
    assert 5 < len(scores) <= 25
    torch.testing.assert_close(boxes, expected.pred_boxes.tensor, atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(scores, expected.scores)
    assert torch.equal(classes, expected.pred_classes)

    masks = options.masks(named, boxes, classes, network)
    assert (masks is None) == (name != "mask_rcnn")
    if masks is not None:
        torch.testing.assert_close(masks, expected.pred_masks[:, 0], atol=1e-5, rtol=1e-5)
    assert len(detector_postprocess(expected, *IMAGE)) == len(scores)


class Overflowing:
    """A network whose first stage gives no numbers for the first regions."""

    def __init__(self, network, number):
        self.network, self.number = network, number

    def __getattr__(self, name):
        return getattr(self.network, name)

    def run_part(self, name, regions):
        outputs = self.network.run_part(name, regions)
        if name == "box_0":
            outputs["deltas"][: self.number] = float("nan")
        return outputs


@pytest.mark.parametrize("backend", ["reference", pytest.param("native", marks=needs_engine)])
@pytest.mark.parametrize("number", [0, 1, 20])
def test_regions_that_overflow_between_stages(tmp_path, backend, number):
    """As if they had not been proposed."""
    packed = region_detector()
    network = BACKENDS[backend](write(tmp_path / "a.gnp", packed), packed)
    info = packed.info["postprocessing"]
    options = read_value(RegionPostprocessing, info, "postprocessing")
    generator = torch.Generator().manual_seed(0)
    maps = network(torch.randint(0, 256, (1, 32, 40, 3), generator=generator).byte())
    corners = 16 * torch.rand((20, 2), generator=generator)
    boxes = torch.cat([corners, corners + 4 + 12 * torch.rand((20, 2), generator=generator)], dim=1)

    def found(boxes, network):
        given = dataclasses.replace(options, proposals=lambda *_: boxes)
        return given(maps, (32, 40), network)

    expected = found(boxes[number:], network)
    assert (len(expected[0]) > 0) == (number < 20)
    got = found(boxes, Overflowing(network, number))
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


def test_order_of_places():
    # The canonical size of 32 pixels is of level 1: boxes of 16 and of 40 pixels.
    pooler = Pooler(
        levels=("p2", "p3"),
        strides=(4, 8),
        resolution=(7, 7),
        sampling_ratio=0,
        type="ROIAlignV2",
        canonical_box_size=32,
        canonical_level=3,
    )
    centres = [(90, 10, 40), (90, 70, 16), (10, 70, 16), (90, 63, 16), (10, 10, 16), (10, 10, 40)]
    boxes = torch.tensor([[x - s / 2, y - s / 2, x + s / 2, y + s / 2] for x, y, s in centres])
    assert pooler.order_of_places(boxes).tolist() == [4, 3, 1, 2, 5, 0]


@pytest.mark.parametrize("number", [0, 1, CHUNK, 2 * CHUNK + 3])
def test_chunks_have_one_size(number):
    sizes = []

    class Network:
        def run_part(self, name, regions):
            sizes.append(len(regions))
            return {name: 2 * regions}

    class Pool:
        def assign(self, boxes):
            return torch.arange(len(boxes))

        def __call__(self, network, maps, boxes, level_of):
            return boxes[:, None, None] + maps["p2"] + level_of[:, None, None, None]

    boxes = torch.rand(number, 4)
    found = list(run_in_chunks(Network(), "box", Pool(), {"p2": torch.ones(1)}, boxes))
    expected = 2 * (boxes[:, None, None] + 1 + torch.arange(number)[:, None, None, None])
    assert torch.equal(torch.cat([outputs["box"] for outputs in found]), expected)
    assert sizes == [CHUNK] * len(found) == [CHUNK] * max(1, -(-number // CHUNK))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strides": (4,)}, "strides are not those of its levels"),
        ({"resolution": (7,)}, "resolution is not a pair"),
    ],
    ids=["strides", "resolution"],
)
def test_poolers_that_cannot_work(changes, message):
    options = {
        "levels": ("p2", "p3"),
        "strides": (4, 8),
        "resolution": (7, 7),
        "sampling_ratio": 0,
        "type": "ROIAlignV2",
        "canonical_box_size": 224,
        "canonical_level": 4,
    }
    with pytest.raises(PackedFileError, match=message):
        Pooler(**{**options, **changes})
    with pytest.raises(ConfigError, match=r"pooler\.type is 'Crop'; valid: 'ROIAlignV2'"):
        Pooler(**{**options, "type": "Crop"})
