"""Group-Net binary neural networks for detection, segmentation and classification.

Importing this package is cheap: torch and Detectron2 are imported when a name that needs them is
asked for, and what needs no Detectron2 (quantizers, layers, `GroupNetResNet`) imports without it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers and editors see
    from .layers import Quantization
    from .modeling.backbones.groupnet_resnet import GroupNetResNet
    from .plugin import add_groupnet_config
    from .quick_start import export, predict, train
    from .runtime.predictor import PackedPredictor

__version__ = "0.1.0"

_PUBLIC = {
    "Quantization": "groupnet_det.layers",
    "PackedPredictor": "groupnet_det.runtime.predictor",
    "GroupNetResNet": "groupnet_det.modeling.backbones.groupnet_resnet",
    "add_groupnet_config": "groupnet_det.plugin",
    "train": "groupnet_det.quick_start",
    "predict": "groupnet_det.quick_start",
    "export": "groupnet_det.quick_start",
}
__all__ = [
    "GroupNetResNet",
    "PackedPredictor",
    "Quantization",
    "__version__",
    "add_groupnet_config",
    "export",
    "predict",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
