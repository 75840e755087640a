"""Small data sets of each layout: coloured squares on noise, of 96 x 64 pixels."""

import json

import numpy as np
import yaml
from PIL import Image

HEIGHT, WIDTH = 64, 96
COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220)}
NAMES = list(COLOURS)


def squares(number, seed=0):
    """For each image: pixels (H, W, 3), and of two squares class, x, y and side."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        pixels = rng.integers(80, 150, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        found = []
        for label, left in enumerate((0, WIDTH // 2)):
            side = int(rng.integers(16, 40))
            x = left + int(rng.integers(0, WIDTH // 2 - side + 1))
            y = int(rng.integers(0, HEIGHT - side + 1))
            pixels[y : y + side, x : x + side] = COLOURS[NAMES[label]]
            found.append((label, x, y, side))
        yield pixels, found


def save(pixels, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_coco(root, number=6, *, name="instances.json", images="images", masks=False, seed=0):
    """Images and a COCO file; returns the file."""
    content = {
        "images": [],
        "annotations": [],
        "categories": [{"id": i, "name": n} for i, n in enumerate(NAMES, 1)],
    }
    for i, (pixels, found) in enumerate(squares(number, seed), 1):
        save(pixels, root / images / f"{seed}_{i}.jpg")
        size = {"width": WIDTH, "height": HEIGHT}
        content["images"].append({"id": i, "file_name": f"{seed}_{i}.jpg", **size})
        for label, x, y, side in found:
            annotation = {
                "id": len(content["annotations"]) + 1,
                "image_id": i,
                "category_id": label + 1,
                "bbox": [x, y, side, side],
                "area": side * side,
                "iscrowd": 0,
            }
            if masks:
                corners = [x, y, x + side, y, x + side, y + side, x, y + side]
                annotation["segmentation"] = [corners]
            content["annotations"].append(annotation)
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_voc(root, number=6, *, lists=()):
    """A VOC folder, with lists of all images under these names."""
    (root / "Annotations").mkdir(parents=True)
    stems = []
    for i, (pixels, found) in enumerate(squares(number)):
        stems.append(f"{i:03d}")
        save(pixels, root / "JPEGImages" / f"{stems[-1]}.jpg")
        objects = "".join(
            f"<object><name>{NAMES[label]}</name><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin>"
            f"<xmax>{x + side}</xmax><ymax>{y + side}</ymax></bndbox></object>"
            for label, x, y, side in found
        )
        text = f"<annotation>{objects}</annotation>"
        (root / "Annotations" / f"{stems[-1]}.xml").write_text(text)
    for name in lists:
        path = root / "ImageSets" / "Main" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(stems))
    return root


def write_yolo(root, number=6, *, splits=("train",)):
    """Images, labels and data.yaml; returns this."""
    for split in splits:
        for i, (pixels, found) in enumerate(squares(number, len(split))):
            save(pixels, root / "images" / split / f"{i}.jpg")
            lines = [
                f"{label} {(x + side / 2) / WIDTH} {(y + side / 2) / HEIGHT} "
                f"{side / WIDTH} {side / HEIGHT}"
                for label, x, y, side in found
            ]
            path = root / "labels" / split / f"{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines))
    path = root / "data.yaml"
    path.write_text(yaml.safe_dump({"names": NAMES, **{s: f"images/{s}" for s in splits}}))
    return path


def write_masks(root, number=6, *, images="images", masks="masks", suffix=".png", values=(0, 1, 2)):
    """Images and masks that hold these values for background, red and blue."""
    for i, (pixels, found) in enumerate(squares(number)):
        save(pixels, root / images / f"{i}.jpg")
        labels = np.full((HEIGHT, WIDTH), values[0], dtype=np.uint8)
        for label, x, y, side in found:
            labels[y : y + side, x : x + side] = values[label + 1]
        save(labels, root / masks / f"{i}{suffix}")
    return root


def write_classes(root, number=6):
    """A folder for each colour, with a square of it on each image."""
    for i, (pixels, found) in enumerate(squares(number)):
        for label, x, y, side in found:
            crop = pixels[y : y + side, x : x + side]
            around = np.pad(crop, ((8, 8), (8, 8), (0, 0)), constant_values=100)
            save(around, root / NAMES[label] / f"{i}.png")
    return root
