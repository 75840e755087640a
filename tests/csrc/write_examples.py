#!/usr/bin/env python3
"""Write the example programs of the tests with what the reference in PyTorch gives for them.

  python tests/csrc/write_examples.py FOLDER

For each: NAME.gnp; NAME.expected, little endian: four int32 N, H, W, C and the image's bytes, then
for each buffer that is written int32 step, buffer, 1 for bits and bytes or 4 for floats, and number
of values, and the values. For each part of it: NAME.PART.part, the same with float32 maps. For each
number of bases that it can run: NAME.NUMBER.bases, as NAME.expected.

In FOLDER/tasks: TASK.gnp, a narrow network of each task as it is exported, with all that the
C interface needs for objects and label maps of images. In FOLDER/strips: programs whose steps may
run in strips.
"""

import struct
import sys
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from groupnet_det.exporting.packed.builder.tensor_store import TensorStore
from groupnet_det.exporting.packed.checkpoint_export import join_bases
from groupnet_det.exporting.packed.models.classifiers import export_classifier
from groupnet_det.packed.packed_file import PackedFile, write_packed
from groupnet_det.runtime.reference.interpreter import Trace, trace_reference, trace_reference_part
from tests.exporting.models import export, make_model
from tests.exporting.networks import CLASS_NAMES, make_classifier
from tests.packed.programs import example_maps, example_packed_files
from tests.packed.programs_of_strips import strip_examples

ROOT = Path(__file__).resolve().parent.parent.parent
# Classifiers are made in another way.
TASKS = ("retinanet", "fcos", "faster_rcnn", "mask_rcnn", "panoptic_fpn", "fcn8s", "deeplabv3")
SLIMMABLE = "slimmable"
ONE_BASE = ("MODEL.GROUPNET.NUM_BASES", "1")
# Random networks are sure of nothing.
ALL_OBJECTS = (
    *("MODEL.RETINANET.SCORE_THRESH_TEST", "0.0", "MODEL.FCOS.SCORE_THRESH_TEST", "0.0"),
    *("MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.0"),
)
CROPPED = {"kind": "classification", "resize": 40, "crop": 32, "format": "RGB"}
WHOLE = {"kind": "shortest_edge", "min_size": 0, "max_size": 0, "format": "BGR"}
SEGMENTERS = {
    "fcn8s": {"inference": "whole"},
    "deeplabv3": {"inference": "slide", "window": [48, 48], "stride": [32, 32]},
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    for name, packed in example_packed_files():
        stem = "".join(c if c.isalnum() else "_" for c in name)
        write_packed(folder / f"{stem}.gnp", packed.program, packed.info, packed.tensors)
        shape = (2, 19, 23, packed.program.input_channels)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        write_expected(folder / f"{stem}.expected", images, trace_reference(packed, images))
        for number in packed.program.choices():
            trace = trace_reference(packed.with_bases(number), images)
            write_expected(folder / f"{stem}.{number}.bases", images, trace)
        for part in packed.program.parts:
            maps = example_maps(packed, part)
            trace = trace_reference_part(packed, part, maps)
            write_expected(folder / f"{stem}.{part}.part", maps, trace)
    write_tasks(folder / "tasks")
    (folder / "strips").mkdir(exist_ok=True)
    for name, packed in strip_examples():
        path = folder / "strips" / f"{name}.gnp"
        write_packed(path, packed.program, packed.info, packed.tensors)


def write_tasks(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for task in ("classifier", SLIMMABLE, *TASKS):
        torch.manual_seed(0)
        packed = make_task(task)
        write_packed(folder / f"{task}.gnp", packed.program, packed.info, packed.tensors)


def make_task(task: str) -> PackedFile:
    info = {"preprocessing": CROPPED if task in ("classifier", SLIMMABLE) else WHOLE}
    if task == SLIMMABLE:
        return slimmable_classifier(info)
    if task == "classifier":
        model = make_classifier(quantization={"num_bases": 1})
        return export_classifier(model, class_names=CLASS_NAMES, info=info)
    if task in SEGMENTERS:
        info["postprocessing"] = SEGMENTERS[task]
    return export(make_model(ROOT, task, *ONE_BASE, *ALL_OBJECTS), info=info)


def slimmable_classifier(info: dict[str, Any]) -> PackedFile:
    """Classifiers of one and two bases in one file, as if they were of one network."""
    store = TensorStore()
    files = {}
    for number in (1, 2):
        torch.manual_seed(0)
        model = make_classifier(quantization={"num_bases": number})
        files[number] = export_classifier(model, class_names=CLASS_NAMES, info=info, store=store)
    return join_bases(files)


def write_expected(path: Path, given: torch.Tensor, trace: Trace) -> None:
    """What is computed for images, or for the maps of a part."""
    with path.open("wb") as file:
        file.write(struct.pack("<4i", *given.shape) + given.numpy().tobytes())
        for step, buffer, content in zip(*trace, strict=True):
            file.write(struct.pack("<4i", step, buffer, content.element_size(), content.numel()))
            file.write(content.contiguous().numpy().tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
