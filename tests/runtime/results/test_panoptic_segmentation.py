import numpy as np
import pycocotools.mask as mask_util
import torch

from .examples import panoptic


def test_it_is_a_sequence_of_segments():
    found = panoptic()
    assert len(found) == 4
    assert [each.class_name for each in found] == found.names == ["cat", "dog", "grass", "sky"]
    assert [each.is_thing for each in found] == [True, True, False, False]
    assert found[2].score is None
    assert found[-1].label == 2
    assert found.areas.tolist() == [int(each.mask.sum()) for each in found]
    for each in found:
        assert torch.equal(each.mask, found.segment_map == each.id)


def test_some_of_them():
    found = panoptic()
    things = found[:2]
    assert things.names == ["cat", "dog"]
    assert set(things.segment_map.unique().tolist()) == {0, 1, 2}
    assert torch.equal(things[1].mask, found[1].mask)
    large = found[found.areas > 500]
    assert large.names == ["dog", "grass"]
    assert [each.id for each in large] == [2, 3]
    assert len(found[[]]) == 0
    assert not found[[]].segment_map.any()


def test_repr():
    assert repr(panoptic()) == (
        "PanopticSegmentation(2 objects: 1 × cat, 1 × dog, grass, sky; image of 60 x 40 pixels)"
    )


def test_coco_results_decode_to_the_segments():
    found = panoptic()
    again = np.zeros(found.segment_map.shape, dtype=np.int32)
    for result, segment in zip(found.to_coco(5), found, strict=True):
        again[mask_util.decode(result["segmentation"]).astype(bool)] = segment.id
        assert result["isthing"] == segment.is_thing == ("score" in result)
    assert np.array_equal(again, found.segment_map.numpy())


def test_segments_of_detectron2():
    segment_map, infos = panoptic().to_detectron2()
    assert segment_map.dtype == torch.int32
    assert [info["id"] for info in infos] == [1, 2, 3, 4]
