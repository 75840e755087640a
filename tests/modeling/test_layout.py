import pytest

from groupnet_det.errors import ConfigError
from groupnet_det.modeling.backbones.resnet_layout import block_places


def test_dilations_replace_those_of_the_output_stride():
    def dilations(**options):
        places = block_places(18, output_stride=8, num_stages=4, **options)
        return [(place.entry_dilation, place.dilation) for place in places]

    assert dilations() == [(1, 1)] * 4 + [(1, 2), (2, 2), (2, 4), (4, 4)]
    replaced = [(1, 1)] * 4 + [(6, 6)] * 2 + [(10, 10)] * 2
    assert dilations(dilations=[1, 1, 6, 10]) == replaced


@pytest.mark.parametrize("dilations", [[1, 1, 2], [1, 1, 2, 0]], ids=["three", "zero"])
def test_bad_dilations(dilations):
    with pytest.raises(ConfigError, match=r"DILATIONS is .* four numbers above 0"):
        list(block_places(18, output_stride=8, dilations=dilations, num_stages=4))
