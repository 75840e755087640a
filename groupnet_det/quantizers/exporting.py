"""Knows whether torch records operations for a file.

Files of TorchScript, ONNX and ``torch.export`` know plain operations alone. Gradients of our own
(`torch.autograd.Function`) and oneDNN's convolution have no place in them, so the forward pass is
then computed without: the same values, for inference.
"""

import torch

_is_torch_export = getattr(torch.compiler, "is_exporting", lambda: False)  # from torch 2.7 on


def is_exporting() -> bool:
    """Whether ``torch.jit.trace``, ``torch.export`` or ``torch.onnx.export`` is recording."""
    return torch.jit.is_tracing() or _is_torch_export() or torch.onnx.is_in_onnx_export()
