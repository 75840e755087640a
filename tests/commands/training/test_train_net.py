"""Requests to evaluate that tools/train_net.py refuses."""

import pytest
import torch
from detectron2.engine import default_argument_parser

from groupnet_det.commands.training.train_net import train_or_evaluate
from groupnet_det.errors import CheckpointError

DIGITS = ", ".join("0123456789")
CLASSES = {
    "retinanet_groupnet_photo_digits": f"10: {DIGITS}",
    "mask_rcnn_groupnet_photo_digits": f"10: {DIGITS}",
    "panoptic_fpn_groupnet_photo_digits": f"10: {DIGITS}",
    "deeplab_groupnet_photo_digits": f"11: background, {DIGITS}",
    "semseg_groupnet_photo_digits": f"11: background, {DIGITS}",
    "classifier_groupnet_mnist5k": f"10: {DIGITS}",
}


@pytest.fixture
def main():
    return train_or_evaluate


@pytest.mark.parametrize("config", CLASSES)
def test_weights_of_other_classes_are_refused_with_both_lists(
    main, root, datasets_env, tmp_path, config
):
    weights = tmp_path / "other.pth"
    torch.save({"model": {}, "class_names": ["cat", "dog"]}, weights)
    words = ["--config-file", str(root / f"configs/quick/{config}.yaml"), "--num-gpus", "0"]
    options = ["MODEL.WEIGHTS", str(weights), "OUTPUT_DIR", str(tmp_path / "out")]
    arguments = default_argument_parser().parse_args([*words, "--eval-only", *options])
    with pytest.raises(CheckpointError) as caught:
        main(arguments)
    assert "Its 2 classes: cat, dog." in str(caught.value)
    assert f"The data set's {CLASSES[config]}. Use weights" in str(caught.value)
