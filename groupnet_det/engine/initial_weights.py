"""Initial weights of a new training, by ``MODEL.INIT``."""

from detectron2.config import CfgNode
from torch import nn

from groupnet_det.checkpoint.detector_start import initialize
from groupnet_det.config import own_node
from groupnet_det.config.load import expand_path
from groupnet_det.errors import ConfigError


def initialize_model(cfg: CfgNode, model: nn.Module) -> bool:
    """Load the files of ``MODEL.INIT``; False where none is named.

    Raises:
        ConfigError: ``MODEL.WEIGHTS`` is named too, or a key cannot work.
        CheckpointError: A file is missing, broken, or of another network.
    """
    options = own_node(cfg, "MODEL.INIT")
    if not (options.DETECTOR or options.BACKBONE):
        return False
    if cfg.MODEL.WEIGHTS:
        raise ConfigError(
            f"MODEL.WEIGHTS ({cfg.MODEL.WEIGHTS}) and MODEL.INIT are both set; empty one of them"
        )
    initialize(
        model,
        detector=expand_path(options.DETECTOR, "MODEL.INIT.DETECTOR"),
        backbone=expand_path(options.BACKBONE, "MODEL.INIT.BACKBONE"),
        noise=options.NOISE,
    )
    return True
