"""The bytes that are counted against those of real files."""

import pytest

from groupnet_det.analysis.config_networks import count_layers, pack
from groupnet_det.analysis.layer_costs import total
from groupnet_det.config import load_config

# A file has a header, integers of 16 bits in its stem, and BN folded to two numbers a channel.
TOLERANCE = 0.02


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ("ImageNet/groupnet_r18_k4", ["MODEL.GROUPNET.NUM_BASES", 1]),
        ("ImageNet/groupnet_r18_k4", ["MODEL.GROUPNET.NUM_BASES", 3]),
        ("quick/mask_rcnn_groupnet_photo_digits", []),
        ("VOC-Segmentation/fcn8s_groupnet_r18_bpac", ["MODEL.GROUPNET.NUM_BASES", 2]),
    ],
    ids=["classifier, K=1", "classifier, K=3", "mask_rcnn", "fcn8s"],
)
def test_bytes_are_those_of_an_exported_file(root, tmp_path, config, options):
    cfg = load_config(str(root / f"configs/{config}.yaml"), options)
    counted = total(count_layers(cfg)).packed_bits / 8
    path = tmp_path / "network.gnp"
    pack(cfg, path)
    assert counted == pytest.approx(path.stat().st_size, rel=TOLERANCE)
