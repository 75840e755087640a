"""Class-agnostic suppression and thresholds by class: trained networks and their packed files."""

import pytest
import torch
from detectron2.data import Metadata

from groupnet_det.errors import ConfigError
from groupnet_det.inference.trained_results import combination_of, result_of
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.predictor import PackedPredictor
from tests.exporting.models import export, make_model, packed_stem
from tests.exporting.networks import random_images
from tests.modeling.detectors import DETECTORS, detector_config
from tests.modeling.test_class_agnostic_nms import ON, built
from tests.runtime.small_detectors import dense_detector

NAMES = ["0", "1", "2"]
SIZE = (64, 96)
INFO = {"preprocessing": dense_detector().info["preprocessing"]}
MEMBERS = ("class_agnostic_nms", "class_score_thresholds")


def trained_result(root, kind, model, packed, images):
    """What Detectron2's model finds, on the packed network's stem."""
    handle = model.backbone.bottom_up.stem.register_forward_hook(
        lambda *_: packed_stem(packed, images)
    )
    try:
        item = {"image": images[0].permute(2, 0, 1), "height": SIZE[0], "width": SIZE[1]}
        (outputs,) = model([item])
    finally:
        handle.remove()
    metadata = Metadata(thing_classes=NAMES, stuff_classes=["things", "grass"])
    return result_of(outputs, metadata, combination_of(detector_config(root, kind)))


def opened(packed, folder, **options):
    write_packed(folder / "a.gnp", packed.program, packed.info, packed.tensors)
    return PackedPredictor(folder / "a.gnp", backend="reference", **options)


def objects(result):
    return getattr(result, "detections", result)


def assert_same(one, two):
    one, two = objects(one), objects(two)
    assert len(one) == len(two) > 3
    assert torch.equal(one.classes, two.classes)
    torch.testing.assert_close(one.scores, two.scores, atol=1e-3, rtol=0)
    torch.testing.assert_close(one.boxes, two.boxes, atol=0.1, rtol=0)


@pytest.mark.parametrize("kind", DETECTORS)
@torch.no_grad()
def test_trained_and_packed_networks_find_the_same(root, kind, tmp_path):
    model = built(root, kind, *ON)
    packed = export(model, info=INFO)
    assert packed.info["postprocessing"]["class_agnostic_nms"] is True
    images = random_images(1, *SIZE)
    trained = trained_result(root, kind, model, packed, images)
    predictor = opened(packed, tmp_path, score_threshold=None)
    assert_same(trained, predictor.predict_pixels(images, SIZE))
    within = opened(packed, tmp_path, score_threshold=None, class_agnostic_nms=False)
    assert len(objects(within.predict_pixels(images, SIZE))) > len(objects(trained))

    scores = objects(trained).scores
    given = {"0": float(scores.quantile(0.5)), "2": float(scores.quantile(0.75)), "1": 0.0}
    given = {name: max(0.0, score - 1e-3) for name, score in given.items()}
    some = trained.above(given)
    assert len(objects(some)) < len(scores)
    kept = export(model, info=INFO, score_threshold=given)
    image = images[0].permute(2, 0, 1)
    assert_same(some, opened(kept, tmp_path)(image))
    assert_same(some, opened(packed, tmp_path, score_threshold=given)(image))


def test_files_say_what_is_used_alone(root):
    model = make_model(root, "fcos")
    plain = export(model)
    assert not set(MEMBERS) & set(plain.info["postprocessing"])
    assert export(model, score_threshold={}).info == plain.info
    by_class = export(model, score_threshold={"2": 1, "0": 0.25}).info["postprocessing"]
    assert by_class["class_score_thresholds"] == {"0": 0.25, "2": 1.0}
    of_all = export(model, score_threshold=0.25).info["postprocessing"]
    assert of_all["class_score_thresholds"] == dict.fromkeys(NAMES, 0.25)
    rest = {key: value for key, value in of_all.items() if key not in MEMBERS}
    assert rest == plain.info["postprocessing"]


@pytest.mark.parametrize(
    ("kind", "threshold", "message"),
    [
        ("fcos", {"3": 0.5}, "of the class '3'; valid: '0', '1', '2'$"),
        ("fcos", {"2": 1.5}, "of '2' is 1.5; valid: 0 to 1"),
        ("fcos", "0.5", "of objects is of the type str; valid: 0 to 1"),
        ("fcn16s", {"2": 0.5}, "'2', but the network finds no objects; leave it out"),
        ("fcn16s", 0.5, "the score threshold is for networks that find objects; leave it out"),
    ],
)
def test_thresholds_that_no_file_can_have(root, kind, threshold, message):
    model = make_model(root, kind)
    with pytest.raises(ConfigError, match=message):
        export(model, score_threshold=threshold)
