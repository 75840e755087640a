"""Group-Net binary neural networks for detection, segmentation and classification.

Importing this package is cheap: torch and Detectron2 are imported when a name that needs them is
asked for, and what needs no Detectron2 (quantizers, layers, `GroupNetResNet`) imports without it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:  # what type checkers and editors see
    from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet
    from groupnet_det.runtime.predictor import PackedPredictor

    from .api import export, predict, train
    from .detectron2_plugin import add_groupnet_config
    from .layers import Quantization

_PUBLIC = {
    "Quantization": "groupnet_det.layers",
    "PackedPredictor": "groupnet_det.runtime.predictor",
    "GroupNetResNet": "groupnet_det.modeling.backbones.groupnet_resnet",
    "add_groupnet_config": "groupnet_det.detectron2_plugin",
    "train": "groupnet_det.api",
    "predict": "groupnet_det.api",
    "export": "groupnet_det.api",
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
