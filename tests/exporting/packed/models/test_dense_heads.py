"""Heads of dense detectors that can be exported."""

from functools import partial

import pytest
import torch

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.models.dense_heads import export_dense_head
from groupnet_det.modeling.heads.fcos_head import GroupNetFCOSHead
from groupnet_det.modeling.heads.retinanet_head import GroupNetRetinaNetHead
from groupnet_det.modeling.heads.rpn_head import GroupNetRPNHead
from tests.modeling.detectors import make_detector


def head_of(model):
    return model.proposal_generator.rpn_head if hasattr(model, "roi_heads") else model.head


@pytest.mark.parametrize("detector", ["retinanet", "fcos", "faster_rcnn"])
def test_a_head_states_its_predictors_in_the_order_of_its_outputs(root, detector):
    model = make_detector(root, detector).eval()
    head = head_of(model)
    stated = [module for tower in head.predictors.values() for module in tower]
    called = []
    for name in stated:
        hook = partial(lambda name, *_: called.append(name), name)
        head.get_submodule(name).register_forward_hook(hook)
    levels = getattr(model, "head_in_features", None) or model.proposal_generator.in_features
    outputs = head([torch.zeros(1, model.backbone.out_channels, 4, 4)] * len(levels))
    assert list(dict.fromkeys(called)) == stated
    assert len(outputs) == len(stated)


@pytest.mark.parametrize("kind", [GroupNetFCOSHead, GroupNetRetinaNetHead, GroupNetRPNHead])
def test_a_head_with_another_forward_pass_is_refused(kind):
    class Other(kind):
        def __init__(self):
            pass

    with pytest.raises(ConfigError, match=f"KEY gives a Other, .*valid: .*{kind.__name__}"):
        export_dense_head(None, None, Other(), {}, "KEY")
