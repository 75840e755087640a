"""Common values of SOLVER in all configs; no file repeats what its bases state."""

from collections import defaultdict

import pytest
import yaml

from groupnet_det.config import load_config
from groupnet_det.files.paths import config_names, project_root

CLIPPED = {"GroupNetRetinaNet", "GroupNetFCOS", "GeneralizedRCNN", "PanopticFPN"}
PARTS = {"ImageNet/Schedule-SGD", "ImageNet/Stage-Tanh"}  # listed after others


@pytest.mark.parametrize("name", sorted(set(config_names()) - PARTS))
def test_binary_networks_train_with_adam_and_detectors_clip_gradients(name):
    cfg = load_config(name)
    sgd = "float_r18" in name or (name.startswith("ImageNet/") and name.endswith("_tanh"))
    expected = ("SGD", 0.0001) if sgd else ("Adam", 0.0)
    found = (cfg.SOLVER.OPTIMIZER, cfg.SOLVER.WEIGHT_DECAY)
    assert found == expected
    clip = cfg.SOLVER.CLIP_GRADIENTS
    clips = cfg.MODEL.META_ARCHITECTURE in CLIPPED
    assert clips == clip.ENABLED
    if clip.ENABLED:
        assert (clip.CLIP_TYPE, clip.CLIP_VALUE, clip.NORM_TYPE) == ("norm", 5.0, 2.0)


def test_no_file_repeats_a_key_of_solver_that_its_bases_set():
    folder = project_root() / "configs"
    repeated = defaultdict(list)  # (file, key) -> whether its value was there before, for each use

    def merge(path, values):
        content = yaml.safe_load(path.read_text())
        bases = content.pop("_BASE_", [])
        for base in [bases] if isinstance(bases, str) else bases:
            merge((path.parent / base).resolve(), values)
        for key, value in leaves(content.get("SOLVER", {})):
            repeated[path.relative_to(folder).as_posix(), key].append(values.get(key) == value)
            values[key] = value

    for name in config_names():
        merge((folder / f"{name}.yaml").resolve(), {})
    assert len(repeated) > 100
    assert [where for where, uses in repeated.items() if all(uses)] == []


def leaves(node, prefix=""):
    for key, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
