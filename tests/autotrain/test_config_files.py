"""Choices written and read back are the same."""

import yaml

from groupnet_det.autotrain.choices.choice import Choice, format_choices, options_of
from groupnet_det.autotrain.config_files import write_choices
from groupnet_det.config import load_config
from groupnet_det.files.paths import project_root

BASE = str(project_root() / "configs/Base/retinanet_groupnet_r18_fpn.yaml")
ENTRY = {
    "NAME": "mine: 'a'",
    "FORMAT": "voc",
    "ROOT": "/ä b",
    "SPLIT": "no",
    "CLASSES": ["yes", "02"],
}
CHOICES = [
    Choice("DATASETS.CUSTOM", [ENTRY], "the data"),
    Choice("SOLVER.BASE_LR", 1e-5, "a small one"),
    Choice("MODEL.GROUPNET.WIDTH", 0.5, "narrow"),
    Choice("MODEL.ANCHOR_GENERATOR.SIZES", [[12, 14.5], [20, 30]], "k-means"),
    Choice("INPUT.RANDOM_FLIP", "none", "characters"),
    Choice("SOLVER.BASE_LR", 2e-5, "given"),
]


def test_a_written_file_is_the_config_of_its_choices(tmp_path):
    path = tmp_path / "choices.yaml"
    write_choices(path, CHOICES, base=BASE, what="cells")
    assert load_config(str(path)) == load_config(BASE, options_of(CHOICES))
    cfg = load_config(str(path))
    assert cfg.DATASETS.CUSTOM == [ENTRY]
    assert cfg.SOLVER.BASE_LR == 2e-5
    text = path.read_text()
    assert text.startswith("# Chosen for cells.")
    assert "# k-means\n    SIZES: [[12, 14.5], [20, 30]]\n" in text
    assert yaml.safe_load(text)["SOLVER"] == {"BASE_LR": 2e-5}


def test_a_stage_before_is_a_few_keys_of_another(tmp_path):
    write_choices(tmp_path / "choices.yaml", CHOICES, base=BASE, what="cells")
    tanh = [Choice("MODEL.GROUPNET.ACTIVATION", "tanh", ""), Choice("DATASETS.TEST", [], "")]
    write_choices(tmp_path / "first.yaml", tanh, base="choices.yaml", what="the stage before")
    cfg = load_config(str(tmp_path / "first.yaml"))
    assert (cfg.MODEL.GROUPNET.ACTIVATION, cfg.MODEL.GROUPNET.WIDTH) == ("tanh", 0.5)


def test_the_table_has_each_key_once():
    lines = format_choices(CHOICES).splitlines()
    assert [line.split()[0] for line in lines[2:]] == [
        *("SOLVER.BASE_LR", "MODEL.GROUPNET.WIDTH", "MODEL.ANCHOR_GENERATOR.SIZES"),
        "INPUT.RANDOM_FLIP",
    ]
    assert "given" in lines[2]
