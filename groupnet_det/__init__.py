"""Group-Net binary neural networks for detection, segmentation and classification.

Importing this package is cheap: torch and Detectron2 are imported when a name that needs them is
asked for, and what needs no Detectron2 (quantizers, layers, `GroupNetResNet`) imports without it.
"""

import importlib
from typing import Any

__version__ = "0.1.0.dev0"

_PUBLIC = {
    "Quantization": "groupnet_det.layers",
    "PackedPredictor": "groupnet_det.runtime.predictor",
    "GroupNetResNet": "groupnet_det.modeling.backbones.groupnet_resnet",
    "add_groupnet_config": "groupnet_det.plugin",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
