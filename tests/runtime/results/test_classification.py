import pytest
import torch

from groupnet_det.errors import ConfigError

from .examples import THINGS, classification


def test_it_is_a_sequence_in_the_order_of_the_classes():
    found = classification()
    assert len(found) == 3
    assert tuple(each.class_name for each in found) == THINGS
    assert [each.label for each in found] == [0, 1, 2]
    torch.testing.assert_close(
        torch.tensor([each.probability for each in found]), torch.softmax(found.logits, 0)
    )
    assert found[1] == found["dog"] == found[-2]
    assert [each.class_name for each in found[found.probabilities > 0.15]] == ["dog", "fox"]
    assert found[:1] == (found["cat"],)


def test_unknown_classes_are_named():
    with pytest.raises(ConfigError, match="the class is 'cow'; valid: 'cat', 'dog', 'fox'"):
        classification()["cow"]


def test_repr():
    assert repr(classification()) == "Classification(dog 70.0%, fox 20.0%, cat 10.0%; 3 classes)"


def test_conversions():
    found = classification()
    best = found.to_dict()["classes"]
    assert [each["class"] for each in best] == ["dog", "fox", "cat"]
    assert best[0]["label"] == 1
    assert found.to_detectron2() is found.logits
    with pytest.raises(ConfigError, match="COCO has no results for classes of images"):
        found.to_coco()
