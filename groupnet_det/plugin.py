"""What a Detectron2 project calls to use our parts."""

from detectron2.config import CfgNode

import groupnet_det.modeling.register  # noqa: F401 (makes our parts known to Detectron2)
from groupnet_det.config import add_config_keys


def add_groupnet_config(cfg: CfgNode) -> None:
    """Add our keys to `cfg`, and make our parts known to Detectron2's registries.

    Call it between ``get_cfg()`` and ``merge_from_file``. Calling it twice changes nothing.
    """
    add_config_keys(cfg)
