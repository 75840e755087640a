"""Segmentation networks that start from the weights of others."""

import pytest
import torch
from detectron2.modeling import build_model

from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.config import load_config
from groupnet_det.errors import CheckpointError

from .segmentors import AUXILIARY, HEADS, SMALL, make_segmentor


@pytest.mark.parametrize("bpac", [True, False], ids=["bpac", "plain"])
@pytest.mark.parametrize("method", ["group_net", "float"])
def test_starts_from_a_classification_checkpoint(tmp_path, bpac, method):
    options = ["MODEL.GROUPNET.METHOD", method]
    cfg = load_config("", [])
    cfg.merge_from_list([*SMALL, *options, "MODEL.META_ARCHITECTURE", "ImageClassifier"])
    cfg.merge_from_list(["MODEL.GROUPNET.BPAC.ENABLED", False, "MODEL.GROUPNET.OUTPUT_STRIDE", 32])
    cfg.merge_from_list(["MODEL.GROUPNET.OUT_FEATURES", ["res5"]])
    classifier = build_model(cfg)
    for value in classifier.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
    Checkpointer(classifier, str(tmp_path)).save("model_final")
    path = str(tmp_path / "model_final.pth")

    model = make_segmentor("deeplabv3", *options, "MODEL.GROUPNET.BPAC.ENABLED", bpac)
    Checkpointer(model).load(path)
    loaded, saved = model.state_dict(), classifier.state_dict()
    backbone = [key for key in loaded if key.startswith("backbone.")]
    assert backbone == [key for key in saved if key.startswith("backbone.")]
    for key in backbone:
        assert torch.equal(loaded[key], saved[key]), key
    with pytest.raises(CheckpointError, match="sem_seg_head"):
        Checkpointer(model, strict=True).load(path)


@pytest.mark.parametrize("head", HEADS)
def test_other_classes_start_again(tmp_path, head):
    old = make_segmentor(head, "MODEL.SEM_SEG_HEAD.NUM_CLASSES", 7, *AUXILIARY)
    Checkpointer(old, str(tmp_path)).save("model_final")
    model = make_segmentor(head, *AUXILIARY)
    Checkpointer(model).load(str(tmp_path / "model_final.pth"))
    loaded = model.state_dict()
    for key, value in old.state_dict().items():
        if "predictor" not in key:
            assert torch.equal(loaded[key], value), key
