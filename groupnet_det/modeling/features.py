"""The maps of a backbone or pyramid that a config asks for by name."""

from collections.abc import Mapping, Sequence

from detectron2.layers import ShapeSpec

from groupnet_det.errors import ConfigError

BACKBONE = "MODEL.GROUPNET.OUT_FEATURES"
PYRAMID = "MODEL.FPN.IN_FEATURES and MODEL.GROUPNET.FPN.TOP_BLOCK"


def find_features(
    shapes: Mapping[str, ShapeSpec], names: Sequence[str], key: str, *, made_by: str = BACKBONE
) -> list[ShapeSpec]:
    """The shapes of the maps `names`, which the config `key` asks for.

    Args:
        made_by: The keys that say which maps there are: `BACKBONE` or `PYRAMID`.

    Raises:
        ConfigError: One is not there, or none is asked for; the message lists what there is.
    """
    missing = [name for name in names if name not in shapes]
    if missing or not names:
        raise ConfigError(
            f"{key} names {missing or 'nothing'}; choose from {list(shapes)} ({made_by} make these)"
        )
    return [shapes[name] for name in names]
