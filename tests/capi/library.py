"""include/groupnet.h in Python, by ctypes."""

import ctypes
from ctypes import (
    POINTER,
    Structure,
    byref,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_void_p,
)

import numpy as np


class Error(Structure):
    _fields_ = (("message", c_char * 512),)


class Output(Structure):
    _fields_ = (("name", c_char_p), ("shape", c_int64 * 4), ("values", POINTER(c_float)))


class Object(Structure):
    _fields_ = (("box", c_float * 4), ("score", c_float), ("label", c_int32))


class Segment(Structure):
    _fields_ = (("is_thing", c_int32), ("label", c_int32), ("score", c_float), ("area", c_int64))


OWN_SCORE_THRESHOLDS = -1.0  # GROUPNET_OWN_SCORE_THRESHOLDS

FUNCTIONS = {
    "open": (c_void_p, [c_char_p, POINTER(Error)]),
    "open_bytes": (c_void_p, [c_char_p, ctypes.c_size_t, POINTER(Error)]),
    "open_with_bases": (c_void_p, [c_char_p, c_int, POINTER(Error)]),
    "open_bytes_with_bases": (
        c_void_p,
        [c_char_p, ctypes.c_size_t, c_int, POINTER(Error)],
    ),
    "num_bases": (c_int, [c_void_p]),
    "close": (None, [c_void_p]),
    "task": (c_char_p, [c_void_p]),
    "info": (c_char_p, [c_void_p]),
    "instruction_set": (c_char_p, [c_void_p]),
    "input_channels": (c_int, [c_void_p]),
    "num_classes": (c_int, [c_void_p]),
    "class_name": (c_char_p, [c_void_p, c_int]),
    "num_outputs": (c_int, [c_void_p]),
    "output_name": (c_char_p, [c_void_p, c_int]),
    "run": (c_void_p, [c_void_p, c_void_p, c_int64, c_int64, c_int, POINTER(Error)]),
    "segment": (
        c_int,
        [c_void_p, c_void_p, c_int64, c_int64, c_int, c_void_p, POINTER(Error)],
    ),
    "check_detect": (c_int, [c_void_p, POINTER(Error)]),
    "detect": (
        c_void_p,
        [c_void_p, c_void_p, c_int64, c_int64, c_double, c_int, POINTER(Error)],
    ),
    "num_objects": (c_int64, [c_void_p]),
    "get_object": (POINTER(Object), [c_void_p, c_int64]),
    "has_masks": (c_int, [c_void_p]),
    "get_mask": (c_int, [c_void_p, c_int64, c_void_p, POINTER(Error)]),
    "free_objects": (None, [c_void_p]),
    "num_stuff_classes": (c_int, [c_void_p]),
    "stuff_class_name": (c_char_p, [c_void_p, c_int]),
    "check_panoptic": (c_int, [c_void_p, POINTER(Error)]),
    "panoptic": (
        c_void_p,
        [c_void_p, c_void_p, c_int64, c_int64, c_double, c_int, c_void_p, POINTER(Error)],
    ),
    "num_segments": (c_int64, [c_void_p]),
    "get_segment": (POINTER(Segment), [c_void_p, c_int64]),
    "free_segments": (None, [c_void_p]),
    "run_prepared": (
        c_void_p,
        [c_void_p, c_void_p, c_int64, c_int64, c_int64, c_int, POINTER(Error)],
    ),
    "prepare": (
        c_int,
        [c_void_p, c_void_p, c_int64, c_int64, c_int64 * 2, c_void_p, POINTER(Error)],
    ),
    "free": (None, [c_void_p]),
    "get_output": (POINTER(Output), [c_void_p, c_int]),
    "find_output": (POINTER(Output), [c_void_p, c_char_p]),
    "softmax": (None, [c_void_p, c_int64, c_void_p]),
    "top": (c_int64, [c_void_p, c_int64, c_int64, c_void_p]),
    "labels": (None, [POINTER(Output), c_void_p]),
    "api_version": (c_int, []),
}


class LibraryError(Exception):
    """What the library says."""


class Library:
    """Its functions without their prefix, and a few that take arrays."""

    def __init__(self, path):
        library = ctypes.CDLL(str(path))
        for name, (result, arguments) in FUNCTIONS.items():
            function = getattr(library, f"groupnet_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def model(self, path, *, bases=None):
        error, name = Error(), str(path).encode()
        if bases is None:
            return _checked(self.open(name, byref(error)), error)
        return _checked(self.open_with_bases(name, bases, byref(error)), error)

    def outputs(self, model, images, *, threads=1, prepared=False):
        """Arrays by name: of one RGB image (H, W, 3), or of prepared ones (N, H, W, C)."""
        error = Error()
        run = self.run_prepared if prepared else self.run
        sizes = images.shape[:3] if prepared else images.shape[:2]
        images = np.ascontiguousarray(images)
        result = _checked(run(model, images.ctypes.data, *sizes, threads, byref(error)), error)
        outputs = {}
        for number in range(self.num_outputs(model)):
            output = self.get_output(result, number).contents
            assert output.name == self.output_name(model, number)
            values = np.ctypeslib.as_array(output.values, tuple(output.shape)).copy()
            outputs[output.name.decode()] = values
        self.free(result)
        return outputs

    def segmented(self, model, image, *, threads=1):
        """The label map of one RGB image (H, W, 3)."""
        error, labels = Error(), np.full(image.shape[:2], -1, np.int32)
        arguments = [model, image.ctypes.data, *image.shape[:2], threads, labels.ctypes.data]
        if self.segment(*arguments, byref(error)):
            raise LibraryError(error.message.decode())
        return labels

    def detected(self, model, image, *, score_threshold=0.0, threads=1):
        """Boxes (R, 4), scores, classes and masks (R, H, W) of the objects in one RGB image (H, W,
        3); without masks, these are None."""
        error = Error()
        arguments = [model, image.ctypes.data, *image.shape[:2], score_threshold, threads]
        found = _checked(self.detect(*arguments, byref(error)), error)
        number = self.num_objects(found)
        assert not self.get_object(found, -1)
        assert not self.get_object(found, number)
        objects = [self.get_object(found, i).contents for i in range(number)]
        boxes = np.array([list(each.box) for each in objects], np.float32).reshape(-1, 4)
        scores = np.array([each.score for each in objects], np.float32)
        labels = np.array([each.label for each in objects], np.int64)
        masks = self._masks(found, number, image.shape[:2]) if self.has_masks(found) else None
        self.free_objects(found)
        return boxes, scores, labels, masks

    def segments(self, model, image, *, score_threshold=0.5, threads=1):
        """The segment map of one RGB image (H, W, 3), and its segments: whether they are objects,
        label, score and area."""
        error, map_ = Error(), np.full(image.shape[:2], -1, np.int32)
        arguments = [model, image.ctypes.data, *image.shape[:2], score_threshold, threads]
        found = _checked(self.panoptic(*arguments, map_.ctypes.data, byref(error)), error)
        number = self.num_segments(found)
        assert not self.get_segment(found, 0)
        assert not self.get_segment(found, number + 1)
        segments = [self.get_segment(found, i + 1).contents for i in range(number)]
        listed = [(bool(s.is_thing), s.label, s.score, s.area) for s in segments]
        self.free_segments(found)
        return map_, listed

    def _masks(self, found, number, size):
        masks = np.full((number, *size), 7, np.uint8)
        for i, mask in enumerate(masks):
            assert self.get_mask(found, i, mask.ctypes.data, None) == 0
        assert masks.max(initial=0) <= 1
        return masks.astype(bool)

    def prepared(self, model, image):
        """(height, width, 3) bytes as the network takes them."""
        error, shape = Error(), (c_int64 * 2)()
        arguments = [model, image.ctypes.data, *image.shape[:2], shape]
        if self.prepare(*arguments, None, byref(error)):
            raise LibraryError(error.message.decode())
        prepared = np.zeros((*shape, 3), np.uint8)
        assert self.prepare(*arguments, prepared.ctypes.data, byref(error)) == 0
        return prepared


def _checked(pointer, error):
    if not pointer:
        raise LibraryError(error.message.decode())
    assert error.message == b""
    return pointer
