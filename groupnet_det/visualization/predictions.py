"""Ground truth and predictions side by side, from saved results."""

import colorsys
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detectron2.data import DatasetCatalog, Metadata, MetadataCatalog
from detectron2.structures import Boxes, BoxMode, Instances
from detectron2.utils.visualizer import Visualizer
from PIL import Image, ImageDraw, ImageFont
from torchvision.ops import nms

from groupnet_det.errors import DataError

PANEL_HEIGHT = 360  # pixels, of each rendered image
TITLE_HEIGHT = 26
SAME_OBJECT = 0.6  # IoU of two predictions that are drawn as one


def load_results(path: Path) -> dict[Any, list[dict[str, Any]]]:
    """COCO results by image id.

    Raises:
        DataError: The file is absent or no list of COCO results.
    """
    if not path.is_file():
        raise DataError(f"results file {path} does not exist; evaluation writes it")
    try:
        results = json.loads(path.read_text())
        by_image: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for result in results:
            by_image[result["image_id"]].append(result)
    except (json.JSONDecodeError, TypeError, KeyError) as error:
        raise DataError(f"{path} is no list of COCO results: {error!r}") from error
    return by_image


def results_to_instances(
    results: list[dict[str, Any]],
    size: tuple[int, int],
    class_of_id: dict[int, int],
    threshold: float,
) -> Instances:
    """Detectron2 instances of the results that score at least `threshold`.

    Of boxes that overlap by more than `SAME_OBJECT`, whatever their classes, only the best one:
    labels drawn over each other cannot be read.

    Args:
        results: COCO results of one image.
        size: (height, width) of the image.
        class_of_id: Contiguous class of each category id.
    """
    kept = [result for result in results if result["score"] >= threshold]
    boxes = BoxMode.convert(
        torch.tensor([result["bbox"] for result in kept], dtype=torch.float64).reshape(-1, 4),
        BoxMode.XYWH_ABS,
        BoxMode.XYXY_ABS,
    )
    scores = torch.tensor([result["score"] for result in kept], dtype=torch.float64)
    classes = torch.tensor([class_of_id[result["category_id"]] for result in kept]).long()
    instances = Instances(size, pred_boxes=Boxes(boxes), scores=scores, pred_classes=classes)
    return instances[nms(instances.pred_boxes.tensor.float(), scores.float(), SAME_OBJECT)]


def truth_to_instances(record: dict[str, Any], size: tuple[int, int]) -> Instances:
    """Detectron2 instances of a data set record's annotations, without scores."""
    annotations = record.get("annotations", [])
    boxes = [BoxMode.convert(a["bbox"], a["bbox_mode"], BoxMode.XYXY_ABS) for a in annotations]
    return Instances(
        size,
        pred_boxes=Boxes(torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)),
        pred_classes=torch.tensor([a["category_id"] for a in annotations]).long(),
    )


def draw_instances(pixels: np.ndarray, instances: Instances, metadata: Metadata) -> np.ndarray:
    """Boxes with class names, and scores where there are any; a class always has one colour."""
    names = metadata.thing_classes
    labels = [names[index] for index in instances.pred_classes.tolist()]
    if instances.has("scores"):
        scores = instances.scores.tolist()
        labels = [f"{label} {100 * s:.0f}%" for label, s in zip(labels, scores, strict=True)]
    colours = [
        colorsys.hsv_to_rgb(index / len(names), 1.0, 1.0)
        for index in instances.pred_classes.tolist()
    ]
    canvas = Visualizer(pixels, metadata, scale=PANEL_HEIGHT / pixels.shape[0])
    drawn = canvas.overlay_instances(
        boxes=instances.pred_boxes, labels=labels, assigned_colors=colours
    )
    return drawn.get_image()


def draw_pair(
    record: dict[str, Any], found: Instances, metadata: Metadata, *, title: str = "prediction"
) -> Image.Image:
    """Ground truth at the left, predictions at the right under `title`."""
    pixels = np.asarray(Image.open(record["file_name"]).convert("RGB"))
    truth = truth_to_instances(record, found.image_size)
    return titled_row(
        [
            ("ground truth", draw_instances(pixels, truth, metadata)),
            (title, draw_instances(pixels, found, metadata)),
        ]
    )


def render_results(
    dataset_name: str,
    results_file: Path,
    output: Path,
    *,
    num_images: int = 6,
    threshold: float = 0.5,
    columns: int = 2,
) -> None:
    """Draw a sheet of evenly chosen images of a registered data set into the PNG `output`.

    Raises:
        DataError: The results are absent or broken.
    """
    metadata = MetadataCatalog.get(dataset_name)
    records = DatasetCatalog.get(dataset_name)
    results = load_results(results_file)
    id_map = metadata.get("thing_dataset_id_to_contiguous_id")
    class_of_id = id_map or {i: i for i in range(len(metadata.thing_classes))}
    chosen = np.linspace(0, len(records) - 1, min(num_images, len(records))).astype(int)
    pairs = []
    for record in (records[index] for index in chosen):
        with Image.open(record["file_name"]) as image:
            size = image.height, image.width
        found = results_to_instances(
            results.get(record["image_id"], []), size, class_of_id, threshold
        )
        title = f"prediction, scores from {threshold:.2f}"
        pairs.append(draw_pair(record, found, metadata, title=title))
    make_sheet(pairs, columns).save(output)


def titled_row(panels: list[tuple[str, np.ndarray]]) -> Image.Image:
    """RGB pictures (H, W, 3) beside each other, each under its title."""
    width = sum(pixels.shape[1] for _, pixels in panels)
    height = max(pixels.shape[0] for _, pixels in panels)
    row = Image.new("RGB", (width, height + TITLE_HEIGHT), "white")
    draw = ImageDraw.Draw(row)
    left = 0
    for title, pixels in panels:
        draw.text((left + 6, 4), title, fill="black", font=ImageFont.load_default(size=16))
        row.paste(Image.fromarray(pixels.astype(np.uint8)), (left, TITLE_HEIGHT))
        left += pixels.shape[1]
    return row


def make_sheet(rows: list[Image.Image], columns: int) -> Image.Image:
    """Pictures in so many columns, or fewer where there are fewer pictures."""
    width = max(row.width for row in rows) + 12
    height = max(row.height for row in rows) + 12
    columns = min(columns, len(rows))
    num_lines = -(-len(rows) // columns)
    sheet = Image.new("RGB", (columns * width, num_lines * height), "white")
    for index, row in enumerate(rows):
        sheet.paste(row, (index % columns * width + 6, index // columns * height + 6))
    return sheet
