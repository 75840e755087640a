"""A data set in Cityscapes' layout: real photographs that installed packages ship, with polygons
that were made up."""

import json
from pathlib import Path

import numpy as np
import pytest
from detectron2.data.datasets.builtin_meta import CITYSCAPES_CATEGORIES
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 96, 48
CITIES = {"train": {"aachen": ["astronaut", "chelsea"]}, "val": {"ulm": ["coffee", "rocket"]}}
# Cityscapes' labels that no class has, and which scores leave out: name -> id.
UNSCORED = {"ego vehicle": 1, "parking": 9}


def make_cityscapes(root: Path) -> None:
    """Write ``leftImg8bit`` and ``gtFine`` below `root`, without labelTrainIds.

    All 19 classes are in each split, and labels that are not scored; each polygon is a rectangle
    of its own, so that masks can be told without drawing polygons.
    """
    photos = pytest.importorskip("skimage.data")
    rng = np.random.default_rng(0)
    for split, cities in CITIES.items():
        for city, names in cities.items():
            for number, name in enumerate(names):
                stem = f"{city}_{number:06d}_000019"
                image = Image.fromarray(getattr(photos, name)()).convert("RGB")
                folder = root / "leftImg8bit" / split / city
                folder.mkdir(parents=True, exist_ok=True)
                image.resize((WIDTH, HEIGHT)).save(folder / f"{stem}_leftImg8bit.png")
                _write_truth(root / "gtFine" / split / city, stem, rng)


def _write_truth(folder: Path, stem: str, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ids = {c["name"]: c["id"] for c in CITYSCAPES_CATEGORIES} | UNSCORED
    things = {c["name"] for c in CITYSCAPES_CATEGORIES if c["isthing"]}
    names = [*ids, *rng.choice(list(ids), 3)]  # 24 cells of 12 x 16 pixels
    rng.shuffle(names)
    objects = []
    labels = Image.new("L", (WIDTH, HEIGHT), 0)
    instances = Image.new("I;16", (WIDTH, HEIGHT), 0)
    for cell, name in enumerate(names):
        left, top = cell % 8 * 12, cell // 8 * 16
        right, bottom = left + int(rng.integers(6, 12)), top + int(rng.integers(8, 16))
        box = (left, top, right, bottom)
        polygon = [[left, top], [right, top], [right, bottom], [left, bottom]]
        objects.append({"label": str(name), "polygon": polygon})
        ImageDraw.Draw(labels).rectangle(box, fill=ids[name])
        instance = ids[name] * 1000 + cell if name in things else ids[name]
        pixels = np.asarray(instances).copy()
        pixels[top : bottom + 1, left : right + 1] = instance
        instances = Image.fromarray(pixels)
    labels.save(folder / f"{stem}_gtFine_labelIds.png")
    instances.save(folder / f"{stem}_gtFine_instanceIds.png")
    content = {"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": objects}
    (folder / f"{stem}_gtFine_polygons.json").write_text(json.dumps(content))


def write_train_ids(root: Path) -> None:
    """labelTrainIds from labelIds by Detectron2's table, as an independent way."""
    table = np.full(256, 255, dtype=np.uint8)
    for category in CITYSCAPES_CATEGORIES:
        table[category["id"]] = category["trainId"]
    for path in root.glob("gtFine/*/*/*_labelIds.png"):
        target = path.with_name(path.name.replace("labelIds", "labelTrainIds"))
        Image.fromarray(table[np.asarray(Image.open(path))]).save(target)


def register_cityscapes(root: Path) -> list[str]:
    """Register the tree's splits under names of their own, as Detectron2 registers Cityscapes."""
    from detectron2.data import MetadataCatalog
    from detectron2.data.datasets.cityscapes import load_cityscapes_semantic

    from groupnet_det.data.catalog import register

    builtin = MetadataCatalog.get("cityscapes_fine_sem_seg_val")
    names = []
    for split in CITIES:
        folders = [str(root / kind / split) for kind in ("leftImg8bit", "gtFine")]
        names.append(f"tiny_cityscapes_{split}")
        register(
            names[-1],
            lambda folders=folders: load_cityscapes_semantic(*folders),
            image_dir=folders[0],
            gt_dir=folders[1],
            evaluator_type=builtin.evaluator_type,
            ignore_label=builtin.ignore_label,
            stuff_classes=builtin.stuff_classes,
        )
    return names
