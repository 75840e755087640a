"""Knows whether torch records operations for a file.

Files of TorchScript, ONNX and ``torch.export`` know plain operations alone. Gradients of our own
(`torch.autograd.Function`) and oneDNN's convolution have no place in them, so the forward pass is
then computed without: the same values, for inference.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_is_torch_export = getattr(torch.compiler, "is_exporting", lambda: False)  # from torch 2.7 on
_is_recording: ContextVar[bool] = ContextVar("is_recording", default=False)


def is_exporting() -> bool:
    """Whether ``torch.jit.trace``, ``torch.export`` or ``torch.onnx.export`` is recording, or we
    are (`plain_operations`)."""
    return (
        _is_recording.get()
        or torch.jit.is_tracing()
        or _is_torch_export()
        or torch.onnx.is_in_onnx_export()
    )


@contextmanager
def plain_operations() -> Iterator[None]:
    """Compute as for a file."""
    token = _is_recording.set(True)
    try:
        yield
    finally:
        _is_recording.reset(token)
