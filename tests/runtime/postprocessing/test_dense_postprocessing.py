"""Boxes of dense detectors against Detectron2's inference on the same maps."""

import dataclasses

import pytest
import torch
from detectron2.structures import ImageList
from torchvision.ops import batched_nms, nms

from groupnet_det.errors import ConfigError
from groupnet_det.modeling.heads.class_agnostic_nms import KEY
from groupnet_det.runtime.backends.networks import BACKENDS, NativeNetwork, ReferenceNetwork
from groupnet_det.runtime.postprocessing.boxes import Anchors, BoxCoding
from groupnet_det.runtime.postprocessing.dense_postprocessing import (
    DensePostprocessing,
    lowest_logit,
)
from tests.packed.programs import simple_example
from tests.runtime.detectron2_models import build_detector, random_maps
from tests.runtime.engine import needs_engine, write

LEVELS = ("p3", "p4")
NMS = ["in each class", "across classes"]
SIZES = ((8, 10), (4, 5))
NETWORK = ReferenceNetwork("", simple_example())


def postprocessing(model, **options):
    generator = model.anchor_generator
    cells = {
        level: tuple(map(tuple, cell.tolist()))
        for level, cell in zip(LEVELS, generator.cell_anchors, strict=True)
    }
    anchors = Anchors(cells=cells, strides={"p3": 8, "p4": 16}, offset=generator.offset)
    return DensePostprocessing(
        levels=LEVELS,
        anchors=anchors,
        score_threshold=model.test_score_thresh,
        topk=model.test_topk_candidates,
        nms_threshold=model.test_nms_thresh,
        max_detections=model.max_detections_per_image,
        class_agnostic_nms=model.class_agnostic_nms,
        **options,
    )


def as_maps(kind, tensors):
    """(1, C, H, W) of each level -> (1, H, W, C) by name."""
    return {
        f"{kind}.{level}": x.permute(0, 2, 3, 1).contiguous()
        for level, x in zip(LEVELS, tensors, strict=True)
    }


@pytest.mark.parametrize("across", [False, True], ids=NMS)
def test_retinanet_as_detectron2(across):
    model = build_detector("retinanet", KEY, str(across), topk=40, detections=30)
    number, classes = 2, 3
    logits = random_maps(SIZES, number * classes, seed=1)
    deltas = random_maps(SIZES, number * 4, seed=2)
    images = ImageList(torch.zeros(1, 3, 64, 80), [(64, 80)])
    features = [torch.zeros(1, 1, *size) for size in SIZES]
    with torch.no_grad():
        (expected,) = model.forward_inference(images, features, [logits, deltas])
    transform = model.box2box_transform
    coding = BoxCoding(kind="size", weights=transform.weights, clamp=transform.scale_clamp)
    options = postprocessing(model, kind="retinanet", score="sigmoid", box_coding=coding)
    maps = {**as_maps("logits", logits), **as_maps("deltas", deltas)}
    boxes, scores, labels = options(maps, NETWORK)
    assert len(scores) > 25
    torch.testing.assert_close(boxes, expected.pred_boxes.tensor)
    torch.testing.assert_close(scores, expected.scores)
    assert torch.equal(labels, expected.pred_classes)


@pytest.mark.parametrize("across", [False, True], ids=NMS)
def test_fcos_as_detectron2(across):
    model = build_detector("fcos", KEY, str(across), topk=40, detections=30)
    logits = random_maps(SIZES, 3, seed=1)
    deltas = random_maps(SIZES, 4, seed=2)
    centerness = random_maps(SIZES, 1, seed=3)
    images = ImageList(torch.zeros(1, 3, 64, 80), [(64, 80)])
    features = [torch.zeros(1, 1, *size) for size in SIZES]
    with torch.no_grad():
        copies = [[x.clone() for x in maps] for maps in (logits, deltas, centerness)]
        (expected,) = model.forward_inference(images, features, copies)  # changes its arguments
    coding = BoxCoding(kind="distances")
    options = postprocessing(model, kind="fcos", score="sigmoid_centerness", box_coding=coding)
    maps = {
        **as_maps("logits", logits),
        **as_maps("deltas", deltas),
        **as_maps("centerness", centerness),
    }
    boxes, scores, labels = options(maps, NETWORK)
    assert len(scores) > 5
    torch.testing.assert_close(boxes, expected.pred_boxes.tensor)
    torch.testing.assert_close(scores, expected.scores)
    assert torch.equal(labels, expected.pred_classes)


@pytest.mark.parametrize("backend", ["reference", pytest.param("native", marks=needs_engine)])
@pytest.mark.parametrize("seed", range(3))
def test_all_candidates_suppressed_by_torchvision(seed, backend, tmp_path):
    """One class wins where boxes of several overlap; within each class, as `batched_nms`."""
    packed = simple_example()
    network = BACKENDS[backend](write(tmp_path / "model.gnp", packed), packed)
    model = build_detector("retinanet", topk=600, detections=-1)
    coding = BoxCoding(kind="size", weights=(4.0,) * 4, clamp=1.0)
    options = postprocessing(model, kind="retinanet", score="sigmoid", box_coding=coding)
    maps = {
        **as_maps("logits", random_maps(SIZES, 6, seed=seed)),
        **as_maps("deltas", random_maps(SIZES, 8, seed=seed + 9)),
    }
    every = dataclasses.replace(options, nms_threshold=2.0)(maps, network)
    assert len(every[0]) > 300
    expected = {False: batched_nms(*every, 0.5), True: nms(*every[:2], 0.5)}
    assert len(expected[True]) < len(expected[False])
    for across, kept in expected.items():
        chosen = dataclasses.replace(options, nms_threshold=0.5, class_agnostic_nms=across)
        for found, each in zip(chosen(maps, network), every, strict=True):
            assert torch.equal(found, each[kept])


def test_an_empty_image_has_no_boxes():
    model = build_detector("retinanet", topk=40, detections=30)
    coding = BoxCoding(kind="size", weights=(1.0,) * 4, clamp=1.0)
    options = postprocessing(model, kind="retinanet", score="sigmoid", box_coding=coding)
    logits = [torch.full((1, 6, *size), -9.0) for size in SIZES]
    deltas = random_maps(SIZES, 8, seed=2)
    maps = {**as_maps("logits", logits), **as_maps("deltas", deltas)}
    boxes, scores, _ = options(maps, NETWORK)
    assert boxes.shape == (0, 4)
    assert len(scores) == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_where_numbers_overflow_there_is_no_object(bad):
    """And the others are suppressed as without it."""
    coding = BoxCoding(kind="distances")
    cells = {"p3": ((-8.0, -8.0, 8.0, 8.0),)}
    options = DensePostprocessing(
        kind="retinanet",
        levels=("p3",),
        anchors=Anchors(cells=cells, strides={"p3": 1}, offset=0.0),
        box_coding=coding,
        score="sigmoid",
        score_threshold=0.5,
        topk=100,
        nms_threshold=0.5,
        max_detections=-1,
    )
    maps = {
        "logits.p3": torch.tensor([[[[3.0], [2.0], [1.0]]]]),
        "deltas.p3": torch.ones(1, 1, 3, 4),
    }
    boxes, _, _ = options(maps, NETWORK)
    maps["deltas.p3"][0, 0, 2, 1] = bad
    found, scores, labels = options(maps, NETWORK)
    assert len(boxes) == len(scores) == len(labels) == 1
    assert torch.equal(found, boxes)


def test_unknown_score():
    model = build_detector("retinanet", topk=40, detections=30)
    with pytest.raises(ConfigError, match=r"postprocessing\.score is 'cosine'; valid: 'sigmoid'"):
        postprocessing(model, kind="fcos", score="cosine", box_coding=BoxCoding(kind="distances"))


@pytest.mark.parametrize("threshold", [-0.5, 0.0, 0.001, 0.05, 0.5, 0.999, 1.0, 1e300])
@pytest.mark.parametrize("factors", [1, 2])
def test_no_score_above_the_threshold_is_passed_over(threshold, factors):
    """Each logit with the best of all second factors, as far as float32 reaches."""
    logits = torch.linspace(-30, 30, 400_001)
    scores = logits.sigmoid() if factors == 1 else (logits.sigmoid() * 1.0).sqrt()
    assert (logits > lowest_logit(threshold, factors))[scores > threshold].all()


COUNTS = [0, 1, 31, 32, 33, 32_767, 32_768, 32_769, 70_001]


@needs_engine
@pytest.mark.parametrize("count", COUNTS)
def test_the_engine_finds_the_same_numbers(count, tmp_path):
    packed = simple_example()
    network = NativeNetwork(write(tmp_path / "model.gnp", packed), packed)
    generator = torch.Generator().manual_seed(count)
    before = torch.get_num_threads()
    for number, bound in enumerate((-float("inf"), -1.0, 0.1, 2.5, 9.0, float("inf"))):
        values = torch.randn(count, generator=generator)
        values[torch.rand(count, generator=generator) < 0.1] = torch.tensor(bound)
        values[torch.rand(count, generator=generator) < 0.1] = float("nan")
        torch.set_num_threads(1 + number % 3)
        for given in (values, values[1::3]):
            found, expected = (
                network.above_threshold(given, bound),
                NETWORK.above_threshold(given, bound),
            )
            assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    torch.set_num_threads(before)


@needs_engine
@pytest.mark.parametrize("seed", range(3))
def test_the_engine_gives_the_same_boxes(seed, tmp_path):
    """Bit by bit; logits in steps of a half, so that many scores are equal."""
    packed = simple_example()
    network = NativeNetwork(write(tmp_path / "model.gnp", packed), packed)
    model = build_detector("retinanet", topk=40, detections=30)
    coding = BoxCoding(kind="size", weights=(1.0,) * 4, clamp=1.0)
    options = postprocessing(model, kind="retinanet", score="sigmoid", box_coding=coding)
    logits = [(2 * x).round() / 2 for x in random_maps(SIZES, 6, seed=seed)]
    maps = {**as_maps("logits", logits), **as_maps("deltas", random_maps(SIZES, 8, seed=9))}
    found, expected = options(maps, network), options(maps, NETWORK)
    assert len(found[0]) > 5
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
