"""Group-Net binary neural networks for detection, segmentation and classification.

Importing this package is cheap: torch and Detectron2 are imported by the parts that need them.
"""

__version__ = "0.1.0.dev0"
