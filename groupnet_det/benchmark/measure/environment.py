"""Environment of a measurement: machine, versions, date."""

import datetime
import importlib
import os
from collections.abc import Mapping

import torch

from groupnet_det.machine import processor
from groupnet_det.version import __version__

PACKAGES = ("torchvision", "onnxruntime", "openvino")


def gather_environment(more: Mapping[str, object]) -> dict[str, str]:
    """Processor, instruction sets, load, versions and date, and `more`."""
    environment: dict[str, object] = {
        "device": processor(),
        "torch_isa": torch.backends.cpu.get_cpu_capability(),
        "load_before": f"{os.getloadavg()[0]:.2f}",
        "groupnet_det": __version__,
        "torch": torch.__version__,
        **{name: installed_version(name) for name in PACKAGES},
        "date": datetime.date.today().isoformat(),
    }
    return {name: str(value) for name, value in {**environment, **more}.items()}


def installed_version(package: str) -> str:
    """``not installed`` where it is missing."""
    try:
        return str(importlib.import_module(package).__version__)
    except ImportError:
        return "not installed"
