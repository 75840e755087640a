"""Metadata that travels with the weights: classes, training data and versions."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, Metadata, MetadataCatalog

from groupnet_det.data.catalog import class_names_of, stuff_names_of
from groupnet_det.data.checks.fingerprint import fingerprint
from groupnet_det.errors import CheckpointError
from groupnet_det.version import __version__

logger = logging.getLogger(__name__)

STUFF = "kinds of stuff"

# Members of a data set's metadata that drawing predictions needs.
METADATA_KEYS = ("thing_classes", "thing_colors", "stuff_classes", "stuff_colors", "classes")

# The members of a checkpoint that `checkpoint_metadata` returns.
PROVENANCE = ("class_names", "metadata", "fingerprints", "config", "groupnet_det_version")
# Names in 0.1.0 -> current names.
OLD_NAMES = {"looks": "metadata"}


def checkpoint_metadata(cfg: CfgNode) -> dict[str, Any]:
    """The plain values that a training stores with the weights.

    Returns:
        ``class_names``, in the order of the network's outputs; ``metadata``, the data set's of
        `METADATA_KEYS`; ``fingerprints`` of the training data sets by name; ``config``, all of it
        as YAML; ``groupnet_det_version``.
    """
    first = cfg.DATASETS.TRAIN[0]
    names = _known_class_names(first)
    metadata = MetadataCatalog.get(first).as_dict()
    return {
        "class_names": names,
        "metadata": {key: _plain(metadata[key]) for key in METADATA_KEYS if metadata.get(key)},
        "fingerprints": {name: fingerprint(name) for name in cfg.DATASETS.TRAIN},
        "config": cfg.dump(),
        "groupnet_det_version": __version__,
    }


def with_present_names(content: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the members of a checkpoint in `OLD_NAMES`."""
    return {OLD_NAMES.get(key, key): value for key, value in content.items()}


def _known_class_names(name: str) -> list[str]:
    """The classes of a registered data set; it is loaded if they are unknown. Empty if it has
    none."""
    names = class_names_of(name)
    if names is None:
        DatasetCatalog.get(name)  # stores them
        names = class_names_of(name)
    return list(names or [])


def expected_names(name: str) -> dict[str, list[str]]:
    """Names of a registered data set by type, which `check_class_names` compares with those of a
    checkpoint."""
    return {"classes": _known_class_names(name), STUFF: list(stuff_names_of(name) or [])}


def check_class_names(
    path: str, stored: Mapping[str, Any], expected: Mapping[str, Mapping[str, Sequence[str]]]
) -> None:
    """Refuse weights of other classes, whose scores would be meaningless.

    Args:
        path: Path for the message.
        stored: Contents of the checkpoint; one without class names passes.
        expected: `expected_names` by data set.

    Raises:
        CheckpointError: The classes differ; the message has both lists.
    """
    metadata = stored.get("metadata") or {}
    found = {"classes": stored.get("class_names"), STUFF: metadata.get("stuff_classes")}
    for dataset, lists in expected.items():
        for kind, wanted in lists.items():
            names = list(found[kind] or [])
            if names and wanted and names != list(wanted):
                raise CheckpointError(
                    f"{path} was trained for other {kind} than data set {dataset!r} has. "
                    f"Its {len(names)} {kind}: {', '.join(names)}. "
                    f"The data set's {len(wanted)}: {', '.join(wanted)}. Use weights of these "
                    f"{kind}, or fix the names or their order in the data set"
                )


def warn_of_other_data(path: str, stored: Mapping[str, Any], now: Mapping[str, str]) -> None:
    """Warn if a resumed training has other data than before.

    Args:
        path, stored: See `check_class_names`.
        now: Fingerprints of the training data by name.
    """
    before = stored.get("fingerprints")
    if before and sorted(before.values()) != sorted(now.values()):
        logger.warning(
            f"the training data differ from those of {path}: "
            f"{_listed(before)} then, {_listed(now)} now"
        )


def warn_of_training_data(path: str, stored: Mapping[str, Any], names: Iterable[str]) -> None:
    """Warn if a network is tested on its training data.

    Args:
        path, stored: See `check_class_names`.
        names: Data sets of the test.
    """
    seen = set((stored.get("fingerprints") or {}).values())
    for name in names:
        if seen and fingerprint(name) in seen:
            logger.warning(f"{path} was trained on data set {name!r}; its scores will be too good")


def stored_metadata(stored: Mapping[str, Any], cfg: CfgNode) -> Metadata:
    """Class names and colours from a checkpoint or, if it has none, from the data sets of the
    config."""
    values = dict(stored.get("metadata") or {})
    for name in (*cfg.DATASETS.TRAIN, *cfg.DATASETS.TEST) if not values else ():
        known = MetadataCatalog.get(name).as_dict()
        values |= {key: known[key] for key in METADATA_KEYS if key in known}
    metadata = Metadata()
    metadata.set(**values)
    return metadata


def _listed(fingerprints: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({value[:8]})" for name, value in fingerprints.items())


def _plain(values: Iterable[Any]) -> list[Any]:
    """Convert tuples of colours to lists, which all readers of checkpoints accept."""
    return [list(value) if isinstance(value, (tuple, list)) else value for value in values]
