"""Options that work for any detector: mixed precision, test-time augmentation."""

import copy
import math

import pytest
import torch
from detectron2.modeling import GeneralizedRCNNWithTTA
from detectron2.utils.events import EventStorage

from groupnet_det.engine.amp import MixedPrecisionTrainer
from groupnet_det.evaluation.test_time_augmentation import DenseDetectorWithTTA, wrap_for_testing
from tests.modeling.detectors import (
    DETECTORS,
    detector_config,
    losses_of,
    make_batch,
    make_detector,
)

AUG = ["TEST.AUG.ENABLED", "True", "TEST.AUG.MIN_SIZES", "(64, 96)"]
SCORES = ["MODEL.RETINANET.SCORE_THRESH_TEST", "0.0", "MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.0"]
SCORES += ["MODEL.FCOS.SCORE_THRESH_TEST", "0.0"]
WRAPPERS = {"retinanet": DenseDetectorWithTTA, "fcos": DenseDetectorWithTTA}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", DETECTORS)
def test_mixed_precision_on_the_cpu(root, name, dtype):
    """The loss is about that of full precision, all losses of some steps are finite, and the
    parameters move and stay in float32."""
    model = make_detector(root, name).train()
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batch = make_batch()
    trainer = MixedPrecisionTrainer(model, [batch] * 3, optimizer, dtype=dtype)
    seen = []
    trainer._write_metrics = lambda losses, _: seen.append(
        {key: loss.item() for key, loss in losses.items()}
    )
    torch.manual_seed(1)  # of the proposals that are looked at
    exact = sum(loss.item() for loss in losses_of(copy.deepcopy(model), batch).values())
    torch.manual_seed(1)
    with EventStorage():  # Detectron2's losses write to it
        for _ in range(3):
            trainer.run_step()
    assert all(math.isfinite(value) for losses in seen for value in losses.values())
    assert sum(seen[0].values()) == pytest.approx(exact, rel=0.2)
    for key, parameter in model.named_parameters():
        assert parameter.dtype == torch.float32, key
        assert parameter.isfinite().all(), key
    # Levels without an object near have no gradient; and steps that overflow are left out.
    moved = [key for key, p in model.named_parameters() if not torch.equal(p, before[key])]
    overflowed = trainer.grad_scaler.get_scale() < 2**16
    assert len(moved) > 0.8 * len(before) or (dtype == "float16" and overflowed)


@pytest.mark.parametrize("name", [name for name in DETECTORS if name != "panoptic_fpn"])
def test_test_time_augmentation(root, name):
    cfg = detector_config(root, name, *SCORES, *AUG)
    model = make_detector(root, name, *SCORES).eval()
    wrapped = wrap_for_testing(cfg, model)
    assert isinstance(wrapped, WRAPPERS.get(name, GeneralizedRCNNWithTTA))
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    image = torch.randint(0, 256, (3, 80, 120), dtype=torch.uint8)
    with torch.no_grad():
        (output,) = wrapped([{"image": image, "height": 40, "width": 60}])
    found = output["instances"]
    # Resized and mirrored; an R-CNN sees several at once, and for the masks again.
    assert sum(shape[0] for shape in seen) == (8 if name == "mask_rcnn" else 4)
    assert max(shape[2] for shape in seen) == 96
    assert found.image_size == (40, 60)
    boxes = found.pred_boxes.tensor
    assert 0 < len(boxes) <= cfg.TEST.DETECTIONS_PER_IMAGE
    assert (boxes >= 0).all()
    assert (boxes[:, 2] <= 60).all()
    assert (boxes[:, 3] <= 40).all()
    if name == "mask_rcnn":
        assert found.pred_masks.shape == (len(found), 40, 60)
