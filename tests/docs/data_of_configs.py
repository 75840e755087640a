"""The data that a config of the pages describes: random images where its entries say."""

import json
import os
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 120, 160
STEMS = ("a", "b", "c")
BOXES = ((8, 10, 48, 60), (70, 20, 150, 110))  # x0, y0, x1, y1

VOC_OBJECT = (
    "<object><name>{}</name><difficult>0</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin>"
    "<xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)


def write_data(entry, num_classes):
    """Write what an entry of DATASETS.CUSTOM names; variables are set, folders may be there."""
    paths = {key: Path(os.path.expandvars(str(value))) for key, value in entry.items()}
    WRITERS[entry["FORMAT"]](entry, paths, num_classes)


def write_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.stem)).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_image_folder(entry, paths, num_classes):
    for number in range(num_classes):
        write_image(paths["ROOT"] / f"class{number:02d}" / "a.jpg")


def write_coco(entry, paths, num_classes):
    images = [
        {"id": i, "file_name": f"{stem}.jpg", "height": HEIGHT, "width": WIDTH}
        for i, stem in enumerate(STEMS, 1)
    ]
    boxes = [(i, box) for i in range(1, len(STEMS) + 1) for box in BOXES]
    annotations = [
        {
            "id": number,
            "image_id": image,
            "category_id": 1 + number % num_classes,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "iscrowd": 0,
        }
        for number, (image, (x0, y0, x1, y1)) in enumerate(boxes, 1)
    ]
    categories = [{"id": i + 1, "name": f"class{i}"} for i in range(num_classes)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    write_text(paths["ANNOTATIONS"], json.dumps(content))
    for stem in STEMS:
        write_image(paths["IMAGES"] / f"{stem}.jpg")


def write_voc(entry, paths, num_classes):
    root, names = paths["ROOT"], entry["CLASSES"]
    for stem in STEMS:
        write_image(root / "JPEGImages" / f"{stem}.jpg")
        objects = "".join(
            VOC_OBJECT.format(names[i % len(names)], *box) for i, box in enumerate(BOXES)
        )
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
        text = f"<annotation><filename>{stem}.jpg</filename>{size}{objects}</annotation>"
        write_text(root / "Annotations" / f"{stem}.xml", text)
    write_text(root / "ImageSets/Main" / f"{entry['SPLIT']}.txt", "\n".join(STEMS))


def write_yolo(entry, paths, num_classes):
    split, root = entry["SPLIT"], paths["DATA"].parent
    lines = []
    for i, (x0, y0, x1, y1) in enumerate(BOXES):
        shares = ((x0 + x1) / 2 / WIDTH, (y0 + y1) / 2 / HEIGHT)
        lines.append(
            f"{i % num_classes} {shares[0]} {shares[1]} {(x1 - x0) / WIDTH} {(y1 - y0) / HEIGHT}"
        )
    for stem in STEMS:
        write_image(root / "images" / split / f"{stem}.jpg")
        write_text(root / "labels" / split / f"{stem}.txt", "\n".join(lines))
    names = [f"class{i}" for i in range(num_classes)]
    splits = "".join(f"{each}: images/{each}\n" for each in ("train", "val"))
    write_text(paths["DATA"], f"names: {names}\n{splits}")


def write_masks(entry, paths, num_classes):
    write_text(paths["LIST"], "\n".join(STEMS))
    labels = np.random.default_rng(0).integers(0, num_classes, (HEIGHT, WIDTH), np.uint8)
    for stem in STEMS:
        write_image(paths["IMAGES"] / f"{stem}.jpg")
        paths["MASKS"].mkdir(parents=True, exist_ok=True)
        Image.fromarray(labels).save(paths["MASKS"] / f"{stem}.png")


WRITERS = {
    "image_folder": write_image_folder,
    "coco": write_coco,
    "voc": write_voc,
    "yolo": write_yolo,
    "masks": write_masks,
}
