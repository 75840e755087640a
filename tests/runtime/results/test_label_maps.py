import numpy as np
import pycocotools.mask as mask_util
import pytest
import torch

from groupnet_det.errors import ConfigError

from .examples import label_map


def test_it_is_a_sequence_of_the_regions_the_largest_first():
    found = label_map()
    assert len(found) == 3
    assert [each.class_name for each in found] == list(found.shares()) == ["grass", "things", "sky"]
    assert found.areas.tolist() == [each.area for each in found] == [1200, 900, 300]
    assert [each.share for each in found] == pytest.approx([0.5, 0.375, 0.125])
    assert torch.equal(found[0].mask, found.labels == 1)
    assert found["sky"].area == 300
    assert [each.class_name for each in found[found.areas > 500]] == ["grass", "things"]
    assert sum(each.mask.int() for each in found).eq(1).all()


def test_a_class_that_is_not_there():
    found = label_map()
    found.labels[found.labels == 2] = 0
    assert len(found) == 2
    assert (found["sky"].area, found["sky"].share) == (0, 0.0)
    with pytest.raises(ConfigError, match="the class is 'sea'; valid: 'sky', 'grass', 'things'"):
        found["sea"]


def test_repr():
    assert repr(label_map()) == (
        "LabelMap(grass 50.0%, things 37.5%, sky 12.5%; image of 60 x 40 pixels)"
    )


def test_coco_results_decode_to_the_labels():
    found = label_map()
    again = np.full(found.labels.shape, -1)
    for result in found.to_coco("a.jpg"):
        assert result["image_id"] == "a.jpg"
        again[mask_util.decode(result["segmentation"]).astype(bool)] = result["category_id"]
    assert np.array_equal(again, found.labels.numpy())


def test_scores_of_detectron2():
    found = label_map()
    scores = found.to_detectron2()
    assert scores.shape == (3, 40, 60)
    assert torch.equal(scores.argmax(0), found.labels)
