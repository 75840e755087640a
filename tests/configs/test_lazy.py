"""The parts as users of Detectron2's LazyConfig make them."""

import torch
from detectron2.config import LazyCall as L
from detectron2.config import LazyConfig, instantiate

from groupnet_det import GroupNetResNet
from groupnet_det.config import load_config
from groupnet_det.engine.trainer import Trainer
from groupnet_det.layers import Quantization
from groupnet_det.layers.methods import Method
from tests.modeling.detectors import losses_of, make_batch

NAME = "retinanet_groupnet_r18_k4"


def test_the_example_is_the_detector_of_the_yaml_file(root):
    cfg = LazyConfig.load(str(root / f"configs/LazyConfig/{NAME}.py"))
    model = instantiate(cfg.model)
    path = root / f"configs/COCO-Detection/{NAME}.yaml"
    other = Trainer.build_model(load_config(str(path), ["MODEL.DEVICE", "cpu"]))
    shapes = {key: value.shape for key, value in other.state_dict().items()}
    assert {key: value.shape for key, value in model.state_dict().items()} == shapes
    model.load_state_dict(other.state_dict())
    image = {"image": torch.randint(0, 256, (3, 64, 64)).float()}
    other.pixel_mean.copy_(model.pixel_mean)
    other.pixel_std.copy_(model.pixel_std)
    model.test_score_thresh = other.test_score_thresh = 0.0
    ours, theirs = (m.eval()([image])[0]["instances"] for m in (model, other))
    assert len(ours) > 0
    torch.testing.assert_close(ours.scores, theirs.scores)

    cfg.optimizer.params.model = model
    optimizer = instantiate(cfg.optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.0002
    sum(losses_of(model.train(), make_batch()).values()).backward()
    optimizer.step()
    assert cfg.train.max_iter == 90_000


def test_the_backbone_alone():
    quantization = L(Quantization)(num_bases=2)
    backbone = L(GroupNetResNet)(depth=18, width=0.125, method=L(Method)(quantization=quantization))
    features = instantiate(backbone)(torch.zeros(1, 3, 64, 64))
    assert [x.shape[1] for x in features.values()] == [8, 16, 32, 64]
