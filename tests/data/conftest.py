import json

import pytest
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets

from .coco_sets import HEIGHT, WIDTH, annotation


@pytest.fixture
def coco(tmp_path):
    """Two images, of which the first has an object of each class; to be spoiled by a test."""
    for stem in "ab":
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / f"{stem}.jpg")
    content = {
        "images": [
            {"id": n, "file_name": f"{stem}.jpg", "width": WIDTH, "height": HEIGHT}
            for n, stem in enumerate("ab", start=1)
        ],
        "annotations": [annotation(1), annotation(2, category_id=2)],
        "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "plate"}],
    }

    def config(*options, train=True):
        path = tmp_path / "ann.json"
        path.write_text(json.dumps(content))
        entry = {
            "NAME": "mine",
            "FORMAT": "coco",
            "ANNOTATIONS": f"{path}",
            "IMAGES": f"{tmp_path}",
        }
        split = "TRAIN" if train else "TEST"
        words = ["DATASETS.CUSTOM", str([entry]), f"DATASETS.{split}", "['mine']"]
        words += ["MODEL.ROI_HEADS.NUM_CLASSES", "2", "DATALOADER.NUM_WORKERS", "0"]
        words += ["SOLVER.IMS_PER_BATCH", "1"]
        cfg = load_config("", [*words, *options])
        register_datasets(cfg)
        check_datasets(cfg, ["mine"])
        return cfg

    config.content = content
    config.annotations = content["annotations"]
    config.folder = tmp_path
    return config
