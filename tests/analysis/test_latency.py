"""Times of steps, and the layers that they are of."""

import pytest

from groupnet_det.analysis.config_networks import count_layers, pack, shapes_of
from groupnet_det.analysis.forward import region_parts
from groupnet_det.analysis.latency import StepTime, backbone_path, time_steps, with_latency
from groupnet_det.analysis.layer_costs import OTHERS, LayerCost, total
from groupnet_det.runtime.backends.extension import is_built
from tests.modeling.detectors import detector_config
from tests.modeling.segmentors import small_config

needs_engine = pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
NO_BACKBONE_TIME = (".downsample", OTHERS)


def step(name, milliseconds, part=""):
    return StepTime(name=name, op="conv", milliseconds=milliseconds, part=part)


def test_steps_find_their_layers():
    names = ["net.stem.conv1", "net.res2.0.unit1", "head.tower.1", "head.tower.10", "head.score"]
    rows = [LayerCost(name=name, kind="conv 3x3") for name in names] + [LayerCost(name=OTHERS)]
    steps = [
        step("stem", 1.0),
        step("res2.0.unit1", 2.0),
        step("head.tower.1.p3", 4.0),
        step("head.tower.1.p4", 8.0),
        step("head.tower.10", 16.0),
        step("mean", 32.0),
        step("regions", 64.0, "box"),
    ]
    joined = with_latency(rows, steps, "net")
    assert [row.milliseconds for row in joined] == [1.0, 2.0, 12.0, 16.0, None, None, 32.0, 64.0]
    assert [(row.name, row.kind) for row in joined[-2:]] == [
        ("mean", "step conv"),
        ("box.regions", "step conv"),
    ]
    assert total(joined).milliseconds == 127.0


@needs_engine
@pytest.mark.parametrize("name", ["retinanet", "cascade_rcnn", "mask_rcnn", "deeplabv3plus"])
def test_every_layer_of_a_packed_network_gets_a_time(root, tmp_path, name):
    is_segmenter = name.startswith("deeplab")
    cfg = small_config(name) if is_segmenter else detector_config(root, name)
    size, path = (64, 96), tmp_path / "network.gnp"
    packed, model = pack(cfg, path), shapes_of(cfg)
    parts = region_parts(model)
    assert set(parts) == set(packed.program.parts)
    steps = time_steps(path, packed, size=size, parts=parts, runs=2)
    joined = with_latency(count_layers(cfg, size), steps, backbone_path(model))
    without = [row.name for row in joined if row.milliseconds is None]
    assert all(name.endswith(NO_BACKBONE_TIME) for name in without), without
    whole = sum(each.milliseconds for each in steps)
    assert total(joined).milliseconds == pytest.approx(whole)
    assert whole > 0
