"""Detectors of a few steps, with random weights, as packed files."""

from typing import Any

import torch

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch
from groupnet_det.packed.steps.parts import Map, Sinks
from tests.packed.program_builder import ProgramBuilder

WIDTH, CLASSES, ANCHORS_AT = 8, 2, 2
ANCHORS = {
    "cells": {
        "p1": [[-4.0, -4.0, 4.0, 4.0], [-8.0, -4.0, 8.0, 4.0]],
        "p2": [[-8.0] * 2 + [8.0] * 2] * 2,
    },
    "strides": {"p1": 2, "p2": 4},
    "offset": 0.5,
}
SIZE_CODING = {"kind": "size", "weights": [10.0, 10.0, 5.0, 5.0], "clamp": 4.0}
DENSE = {
    "kind": "fcos",
    "levels": ["p1", "p2"],
    "anchors": ANCHORS,
    "box_coding": SIZE_CODING,
    "score": "sigmoid_centerness",
    "score_threshold": 0.05,
    "topk": 10,
    "nms_threshold": 0.5,
    "max_detections": 5,
}
POOLER = {
    "levels": ["p1", "p2"],
    "strides": [2, 4],
    "resolution": [4, 4],
    "sampling_ratio": 0,
    "type": "ROIAlignV2",
    "canonical_box_size": 8,
    "canonical_level": 1,
}
REGIONS = {
    "kind": "rcnn",
    "proposals": {
        "levels": ["p1", "p2"],
        "anchors": ANCHORS,
        "box_coding": SIZE_CODING,
        "pre_nms_topk": 20,
        "nms_threshold": 0.7,
        "post_nms_topk": 20,
        "min_box_size": 0.0,
    },
    "pooler": POOLER,
    "stages": [
        {"part": "box_0", "box_coding": SIZE_CODING, "class_agnostic": True},
        {"part": "box_1", "box_coding": SIZE_CODING, "class_agnostic": False},
    ],
    "score": "softmax",
    "score_threshold": 0.05,
    "nms_threshold": 0.5,
    "max_detections": 5,
    "mask": {"part": "mask", "pooler": POOLER, "class_agnostic": False, "threshold": 0.5},
}

COMBINATION = {
    "combination": {"overlap_threshold": 0.5, "stuff_area_limit": 50, "score_threshold": 0.3}
}


def add(b: ProgramBuilder, source: int, channels: int) -> int:
    """A convolution of values around -1 to 1; returns its buffer."""
    out, small = b.floats(channels), b.tensor(torch.full((channels,), 0.02))
    term = b.float_term(source, channels, map=Map(scale1=small))
    b.conv(Branch(terms=(term,), sinks=Sinks(float_=out)))
    return out


def start() -> tuple[ProgramBuilder, dict[str, int]]:
    """Two maps of `WIDTH` channels, by their levels."""
    b = ProgramBuilder()
    fine = b.floats(WIDTH)
    b.stem(WIDTH, Sinks(float_=fine), stride=2)
    return b, {"p1": fine, "p2": b.max_pool(fine, 2, 2, 0)}


def info_of(task: str, postprocessing: dict[str, Any]) -> dict[str, Any]:
    preprocessing = {"kind": "shortest_edge", "min_size": 0, "max_size": 0, "format": "RGB"}
    return {
        "task": task,
        "class_names": ["cat", "dog"],
        "preprocessing": preprocessing,
        "postprocessing": postprocessing,
    }


def dense_detector() -> PackedFile:
    b, maps = start()
    channels = {"logits": ANCHORS_AT * CLASSES, "deltas": 4 * ANCHORS_AT, "centerness": ANCHORS_AT}
    for level, source in maps.items():
        for kind, number in channels.items():
            b.outputs[f"{kind}.{level}"] = add(b, source, number)
    return b.build(info_of("detection", DENSE))


def region_detector() -> PackedFile:
    """A cascade of two stages, with masks."""
    b, maps = start()
    add_regions(b, maps)
    return b.build(info_of("instance_segmentation", REGIONS))


def panoptic_network() -> PackedFile:
    """The same with three labels."""
    b, maps = start()
    add_regions(b, maps)
    b.outputs["logits"] = b.resize(add(b, maps["p1"], 3), 2)
    info = info_of("panoptic_segmentation", {**REGIONS, "kind": "panoptic", **COMBINATION})
    return b.build({**info, "stuff_class_names": ["things", "sky", "grass"]})


def add_regions(b: ProgramBuilder, maps: dict[str, int]) -> None:
    """The outputs and parts of a cascade."""
    for level, source in maps.items():
        b.outputs[f"objectness.{level}"] = add(b, source, ANCHORS_AT)
        b.outputs[f"anchor_deltas.{level}"] = add(b, source, 4 * ANCHORS_AT)
        b.outputs[level] = source
    for name, boxes in (("box_0", 1), ("box_1", CLASSES)):
        part, source = start_part(b, name)
        pixel = part.max_pool(source, 4, 1, 0)  # of regions of 4 x 4
        part.outputs["scores"] = add(part, pixel, CLASSES + 1)
        part.outputs["deltas"] = add(part, pixel, 4 * boxes)
    part, source = start_part(b, "mask")
    part.outputs["masks"] = part.depth_to_space(add(part, source, 4 * CLASSES), 2)


def start_part(b: ProgramBuilder, name: str) -> tuple[ProgramBuilder, int]:
    part = b.part(name, WIDTH)
    source = part.floats(WIDTH)
    part.input(Sinks(float_=source))
    return part, source
