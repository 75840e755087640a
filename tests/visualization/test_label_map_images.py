import numpy as np
import pytest
from detectron2.data import DatasetCatalog
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import DataError
from groupnet_det.visualization.label_map_images import draw_labels, draw_legend, render_label_maps

COLOURS = np.array([[0, 0, 0], [200, 0, 0], [0, 100, 0]], dtype=np.uint8)


def test_colours_lie_over_the_image_and_black_leaves_it():
    pixels = np.full((9, 9, 3), [130, 100, 70], dtype=np.uint8)
    labels = np.zeros((9, 9), dtype=np.uint8)
    labels[3:6], labels[6:] = 1, 255
    drawn = draw_labels(pixels, labels, COLOURS)
    # 0.4 of the image's grey and 0.6 of the colour; a line of 0.35 of that between regions.
    expected = {0: [130, 100, 70], 4: [160, 40, 40], 8: [193, 193, 193]}
    assert {row: drawn[row, 4].tolist() for row in expected} == expected
    assert drawn[2, 4].tolist() == [45, 35, 24]
    assert drawn[5, 4].tolist() == [56, 14, 14]


def test_legend_names_and_shows_every_class():
    legend = draw_legend(["background", "cat", "dog"], COLOURS, width=150, ignored=True)
    assert legend.width == 150
    shown = {tuple(c) for c in np.asarray(legend).reshape(-1, 3).tolist()}
    assert {(200, 0, 0), (0, 100, 0), (255, 255, 255)} <= shown
    wide = draw_legend(["background", "cat", "dog"], COLOURS, width=900, ignored=False)
    assert wide.height < legend.height


@pytest.fixture
def data(mask_folders):
    cfg = load_config("", ["DATASETS.CUSTOM", str([mask_folders()]), "DATASETS.TEST", "['mine']"])
    register_datasets(cfg)
    return DatasetCatalog.get("mine")


def test_sheet(data, tmp_path):
    (tmp_path / "maps").mkdir()
    for record, name in zip(data, "abcdef", strict=True):
        labels = np.minimum(np.asarray(Image.open(record["sem_seg_file_name"])), 2)
        Image.fromarray(labels).save(tmp_path / f"maps/{name}.png")
    render_label_maps("mine", tmp_path / "maps", tmp_path / "new/sheet.png", num_images=3)
    sheet = Image.open(tmp_path / "new/sheet.png")
    # Three panels of 280 x 40 / 30 pixels each, two such rows beside each other.
    assert sheet.width == 2 * (3 * 373 + 12)
    assert sheet.height > 2 * (280 + 26)


def test_predictions_that_are_missing_or_do_not_fit(data, tmp_path):
    with pytest.raises(DataError, match="maps does not exist; evaluation writes it"):
        render_label_maps("mine", tmp_path / "maps", tmp_path / "sheet.png")
    (tmp_path / "maps").mkdir()
    with pytest.raises(DataError, match=r"maps/a\.png cannot be read"):
        render_label_maps("mine", tmp_path / "maps", tmp_path / "sheet.png")
    Image.new("L", (30, 40)).save(tmp_path / "maps/a.png")
    with pytest.raises(DataError, match=r"maps/a\.png is not of the size of image .*a\.jpg"):
        render_label_maps("mine", tmp_path / "maps", tmp_path / "sheet.png")
