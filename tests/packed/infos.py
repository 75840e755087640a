"""The ``info`` of packed files, all of its members, and what may be put in their places."""

from groupnet_det.packed.packed_file import write_packed
from tests.runtime.small_detectors import dense_detector, region_detector

from .edits import MISSING
from .mutations import places
from .programs import simple_example

ABOUT = {
    "stuff_class_names": ["things", "grass"],
    "source": {"checkpoint": "model.pth", "checkpoint_sha256": "0"},
    "architecture": {"backbone": "x", "parts": {"a": "b"}},
    "network_keys": {"MODEL.MASK_ON": True},
    "predictors": "float",
    "int8_convs": {"res3.0.downsample.conv": {"scale": 20.5, "zero": 3}},
    "postprocessing": {
        "class_agnostic_nms": True,
        "class_score_thresholds": {"cat": 0.5, "dog": 1},
    },
    "unpacked": [{"name": "fc", "reason": "always"}],
    "blocks": {
        "res2.0": {
            "first_step": 0,
            "last_step": 1,
            "inputs": [{"step": 0, "at": "stem", "index": 0, "sum": False}],
            "units": {"a": {"step": 0, "at": "branch", "index": 0, "sum": True}},
            "merged": None,
        }
    },
    "sizes": {"float32_twin": 1000, "float32_simulation": 2000},
    "versions": {"torch": "2"},
}
VALUES = {
    "null": None,
    "true": True,
    "zero": 0,
    "negative": -1,
    "huge": 10**19,
    "half": 0.5,
    "huge real": 1e300,
    "nan": "NaN",
    "text": "text",
    "long text": "x" * 100_000,
    "lines": "two\nlines\x1b[31m",
    "list": [],
    "lists": [[["a"]]],
    "object": {},
    "objects": {"a": {"b": 1}},
    "missing": MISSING,
}


def classifier():
    packed = simple_example(channels=3)
    preprocessing = {"kind": "classification", "resize": 32, "crop": 32, "format": "RGB"}
    info = {**packed.info, "task": "classification", "preprocessing": preprocessing}
    return packed.program, {**info, "class_names": []}, packed.tensors


def of(detector):
    return lambda: (detector.program, detector.info, detector.tensors)


FILES = {
    "classification": classifier,
    "detection": of(dense_detector()),
    "instance_segmentation": of(region_detector()),
}


def content_of(task, path):
    """Bytes of a file of this task that says all that a file can say, and its info."""
    program, info, tensors = FILES[task]()
    info = {**info, **(ABOUT if task == "classification" else {})}
    write_packed(path, program, info, tensors)
    return path.read_bytes(), info


def firsts(info):
    """Paths to all members, of lists to the first."""
    return [p for p in places(info) if not any(isinstance(key, int) and key for key in p)]
