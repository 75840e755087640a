"""Entry point for Detectron2 projects that use our parts."""

from detectron2.config import CfgNode

import groupnet_det.modeling.register  # noqa: F401 (makes our parts known to Detectron2)

from .config import add_config_keys


def add_groupnet_config(cfg: CfgNode) -> None:
    """Add our keys to `cfg`, and make our parts known to Detectron2's registries.

    Call it between ``get_cfg()`` and ``merge_from_file``, before or after the functions of other
    projects: what they defined stays, and our models have defaults for those of our keys that they
    removed. To set such keys, call it last. Calling it again changes nothing else.
    """
    add_config_keys(cfg)
