"""Networks. Importing this module registers our parts with Detectron2: the one place that does."""

from .backbones.detectron2_backbones import GroupNetBackbone
from .heads.retinanet_head import GroupNetRetinaNetHead
from .meta_arch.retinanet import GroupNetRetinaNet
from .necks.binary_fpn import BinaryFPN

__all__ = ["BinaryFPN", "GroupNetBackbone", "GroupNetRetinaNet", "GroupNetRetinaNetHead"]
