import pytest
import torch
from detectron2.modeling import DatasetMapperTTA, GeneralizedRCNNWithTTA
from detectron2.structures import Boxes, Instances
from torch import nn
from torchvision.ops import batched_nms

from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import ConfigError
from groupnet_det.evaluation.test_time_augmentation import DenseDetectorWithTTA, wrap_for_testing
from groupnet_det.modeling.meta_arch.semantic_inference import MultiScaleFlip
from tests.engine.test_training import make_config as training_config
from tests.inference.models import make_config, make_model

AUG = ["TEST.AUG.ENABLED", "True", "TEST.AUG.MIN_SIZES", "(64, 96)"]


class FindBright(nn.Module):
    """As a dense detector: the one box around bright pixels, brought to the wanted size, and the
    width of what it has seen as its score."""

    test_nms_thresh = 0.5
    max_detections_per_image = 100

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, batched_inputs):
        (item,) = batched_inputs
        image = item["image"]
        self.seen.append(tuple(image.shape[1:]))
        rows, columns = torch.nonzero(image[0] > 128, as_tuple=True)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        height, width = image.shape[1:]
        scale = torch.tensor([item["width"] / width, item["height"] / height]).repeat(2)
        return [
            {
                "instances": Instances(
                    (item["height"], item["width"]),
                    pred_boxes=Boxes(torch.stack(box)[None] * scale),
                    scores=torch.tensor([width / 1000]),
                    pred_classes=torch.tensor([0]),
                )
            }
        ]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("wanted", [(40, 80), (120, 240)], ids=str)
def test_boxes_of_all_versions_meet_in_the_original_image(flip, wanted):
    image = torch.zeros(3, 40, 80, dtype=torch.uint8)
    image[:, 10:30, 60:76] = 255  # near the right border: a wrong mirror image would be apart
    model = FindBright()
    mapper = DatasetMapperTTA(min_sizes=[40, 80], max_size=1000, flip=flip)
    item = {"image": image, "height": wanted[0], "width": wanted[1]}
    (output,) = DenseDetectorWithTTA(model, mapper)([item])
    found = output["instances"]
    assert model.seen == [(40, 80)] * (1 + flip) + [(80, 160)] * (1 + flip)
    factor = wanted[0] / 40
    expected = torch.tensor([[60.0, 10.0, 76.0, 30.0]]) * factor
    assert found.pred_boxes.tensor.shape == (1, 4)  # NMS left one of all
    assert torch.allclose(found.pred_boxes.tensor, expected, atol=factor)
    assert found.scores.item() == pytest.approx(0.16)  # the best of them
    assert found.image_size == wanted


def test_one_version_that_changes_nothing_gives_what_nms_leaves_of_the_models_boxes():
    model = make_model("retinanet", "MODEL.RETINANET.SCORE_THRESH_TEST", "0.0").eval()
    item = {"image": torch.randint(0, 256, (3, 96, 128), dtype=torch.uint8)}
    mapper = DatasetMapperTTA(min_sizes=[96], max_size=1000, flip=False)
    with torch.no_grad():
        (plain,) = model([item])
        (wrapped,) = DenseDetectorWithTTA(model, mapper)([item])
    # The model's own NMS saw the boxes before they were clipped to the image.
    plain, wrapped = plain["instances"], wrapped["instances"]
    boxes = plain.pred_boxes.tensor
    kept = batched_nms(boxes, plain.scores, plain.pred_classes, model.test_nms_thresh)
    assert len(kept) > 10
    assert torch.equal(boxes[kept], wrapped.pred_boxes.tensor)
    assert torch.equal(plain.scores[kept], wrapped.scores)


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("retinanet", DenseDetectorWithTTA),
        ("mask_rcnn", GeneralizedRCNNWithTTA),
        ("semantic", MultiScaleFlip),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_which_models_are_wrapped_how(task, kind, training):
    model = make_model(task).train(training)
    assert wrap_for_testing(make_config(task), model) is model
    wrapped = wrap_for_testing(make_config(task, *AUG), model)
    assert isinstance(wrapped, kind)
    assert wrapped.training == model.training == training


def test_mask_rcnn_gives_masks():
    cfg = make_config("mask_rcnn", *AUG)
    model = wrap_for_testing(cfg, make_model("mask_rcnn").eval())
    image = torch.randint(0, 256, (3, 96, 128), dtype=torch.uint8)
    with torch.no_grad():
        (output,) = model([{"image": image, "height": 48, "width": 64}])
    assert output["instances"].pred_masks.shape[1:] == (48, 64)


@pytest.mark.parametrize("task", ["classifier", "panoptic"])
def test_what_has_none_is_refused(task):
    assert wrap_for_testing(make_config(task), make_model(task))
    with pytest.raises(ConfigError, match=r"has no test-time augmentation; supported: Ret"):
        wrap_for_testing(make_config(task, *AUG), make_model(task))


def test_refused_before_training(root, tmp_path, datasets_env):
    options = ["TEST.AUG.ENABLED", "True"]
    cfg = training_config(root, tmp_path, *options, config="classifier_groupnet_mnist5k")
    with pytest.raises(ConfigError, match="ImageClassifier has no test-time augmentation"):
        Trainer(cfg)


def test_evaluation_of_a_detector(root, tmp_path, datasets_env):
    options = ["MODEL.RETINANET.SCORE_THRESH_TEST", "0.0", *AUG]
    cfg = training_config(root, tmp_path, *options)
    scores = Trainer.test(cfg, Trainer.build_model(cfg))["bbox"]
    assert 0 <= scores["AP"] <= 100
