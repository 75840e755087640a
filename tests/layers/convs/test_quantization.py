import pytest

from groupnet_det.errors import ConfigError
from groupnet_det.layers import Quantization


@pytest.mark.parametrize("num_bases", [0, 9, -1])
def test_number_of_bases_out_of_range(num_bases):
    with pytest.raises(ConfigError, match=rf"NUM_BASES.*{num_bases}; valid: 1 to 8"):
        Quantization(num_bases=num_bases)


@pytest.mark.parametrize(
    ("key", "valid"),
    [
        ("activation", "'sign'"),
        ("weight", "'sign', 'float'"),
        ("weight_scale", "'layer', 'channel'"),
    ],
)
def test_unknown_names_name_the_key_and_the_valid_values(key, valid):
    with pytest.raises(ConfigError, match=rf"MODEL.GROUPNET.{key.upper()}.*'other'.*{valid}"):
        Quantization(**{key: "other"})
