"""Values of a config for exported files, with types."""

from groupnet_det.config import load_config
from groupnet_det.exporting.export_settings import ExportSettings

# Those that are called with a config, which build its network, load its images and make the values.
ENTRIES = {
    "export_settings",
    "trained",
    "checkpoint_export",
    "calibration_images",
    "trained_graph",
}


def test_values_are_those_of_the_keys():
    options = [
        *("INPUT.FORMAT", "RGB", "INPUT.MIN_SIZE_TEST", "96", "INPUT.MAX_SIZE_TEST", "160"),
        *("INPUT.CLASSIFICATION.TEST_RESIZE", "40", "INPUT.CLASSIFICATION.TEST_CROP", "32"),
        *("INPUT.SEMANTIC.TEST_SHORT_SIDE", "50", "TEST.SEMANTIC.INFERENCE", "slide"),
        *("TEST.SEMANTIC.WINDOW", "[30, 31]", "TEST.SEMANTIC.STRIDE", "[20, 21]"),
        *("DATASETS.TEST", "['first', 'second']", "MODEL.WEIGHTS", "a.pth"),
        *("MODEL.GROUPNET.NUM_BASES", "3", "TEST.AUG.ENABLED", "True"),
    ]
    info = ExportSettings.from_config(load_config("", options))
    assert (info.image_format, info.weights, info.dataset) == ("RGB", "a.pth", "first")
    assert (info.detector_sides, info.classifier_sides) == ((96, 160), (40, 32))
    assert (info.segmenter_side, info.is_augmented) == (50, True)
    assert (info.inference, info.window, info.stride) == ("slide", (30, 31), (20, 21))
    assert info.architecture["num_bases"] == info.network_keys["MODEL.GROUPNET.NUM_BASES"] == 3


def test_configs_differ_in_their_digest():
    one, same, other = (
        ExportSettings.from_config(load_config("", ["SEED", seed])) for seed in ("1", "1", "2")
    )
    assert one.config_sha256 == same.config_sha256 != other.config_sha256


def test_no_data_set_is_an_empty_name():
    assert ExportSettings.from_config(load_config("", ["DATASETS.TEST", "()"])).dataset == ""


def test_nothing_below_the_entries_reads_a_config(root):
    package = root / "groupnet_det/exporting"
    readers = {path.stem for path in package.rglob("*.py") if "CfgNode" in path.read_text()}
    assert readers == ENTRIES
