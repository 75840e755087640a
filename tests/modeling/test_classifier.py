import pytest
import torch
import torch.nn.functional as F
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.analysis.precision_map import layer_precisions
from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError

SMALL = [
    *("MODEL.DEVICE", "cpu", "MODEL.GROUPNET.WIDTH", "0.125", "MODEL.GROUPNET.NUM_BASES", "2"),
    *("MODEL.CLASSIFIER.NUM_CLASSES", "5"),
]


def make_classifier(root, *options):
    path = root / "configs/Base/classifier_groupnet_r18.yaml"
    return build_model(load_config(str(path), [*SMALL, *options]))


def make_batch(number=3, size=(64, 96)):
    return [
        {"image": torch.randint(0, 256, (3, *size), dtype=torch.uint8), "label": index}
        for index in range(number)
    ]


@pytest.mark.parametrize("method", ["group_net", "float", "bireal_net"])
def test_training_gives_a_loss_and_evaluation_logits(root, method):
    model = make_classifier(root, "MODEL.GROUPNET.METHOD", method).train()
    losses = model(make_batch())
    losses["loss_cls"].backward()
    assert set(losses) == {"loss_cls"}
    assert model.fc.weight.grad.abs().sum() > 0
    outputs = model.eval()(make_batch(2))
    assert [output["logits"].shape for output in outputs] == [(5,), (5,)]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_by_hand(root, smoothing):
    """Mean of ``-sum_c q_c log p_c`` with ``q = (1 - s) one_hot + s / C``."""
    model = make_classifier(root, "MODEL.CLASSIFIER.LABEL_SMOOTHING", str(smoothing)).train()
    batch = make_batch()
    mean, std = (
        torch.tensor(v).view(3, 1, 1) for v in ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    )
    images = torch.stack([(item["image"] - mean) / std for item in batch])
    logits = model.fc(model.backbone(images)["res5"].mean(dim=(2, 3)))
    target = (1 - smoothing) * torch.eye(5)[:3] + smoothing / 5
    expected = -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(model(batch)["loss_cls"], expected)


def test_only_backbone_layers_are_binary(root):
    bits = {layer.name: layer.weight_bits for layer in layer_precisions(make_classifier(root))}
    assert bits["fc"] == bits["backbone.stem.conv1"] == 32
    assert {value for name, value in bits.items() if ".res" in name} == {1}


def test_detectron2s_own_backbone_is_classified_too(root):
    model = make_classifier(
        *(root, "MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.RESNETS.DEPTH", "18"),
        *("MODEL.RESNETS.RES2_OUT_CHANNELS", "64", "MODEL.RESNETS.OUT_FEATURES", "['res5']"),
    ).eval()
    assert model(make_batch(1))[0]["logits"].shape == (5,)


def test_one_class_is_refused(root):
    with pytest.raises(ConfigError, match=r"CLASSIFIER.NUM_CLASSES is 1"):
        make_classifier(root, "MODEL.CLASSIFIER.NUM_CLASSES", "1")


def test_softmax_of_equal_images_is_equal(root):
    model = make_classifier(root).eval()
    first, second = model(make_batch(1) * 2)
    torch.testing.assert_close(F.softmax(first["logits"], 0), F.softmax(second["logits"], 0))
