"""Ground truth and predictions side by side, from saved results."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detectron2.data import DatasetCatalog, Metadata, MetadataCatalog
from detectron2.structures import Boxes, BoxMode, Instances
from PIL import Image, ImageDraw, ImageFont
from torchvision.ops import nms

from groupnet_det.data.checks.coco_json import is_box
from groupnet_det.data.checks.coco_values import is_finite_number, is_id, quoted
from groupnet_det.data.checks.compressed_masks import run_length_problem
from groupnet_det.data.text_files import read_json
from groupnet_det.errors import DataError
from groupnet_det.images.decoding import read_rgb
from groupnet_det.packed.score_thresholds import SCORE_THRESHOLD

from .instances import draw_instances

PANEL_HEIGHT = 360  # pixels, of each rendered image
TITLE_HEIGHT = 26
TITLE_SIZE, LEAST_SIZE = 16, 8  # pixels, of letters
# What each result is drawn by -> whether a value can be it.
RESULT_MEMBERS = {
    "image_id": is_id,
    "category_id": is_id,
    "bbox": is_box,
    "score": is_finite_number,
}
SAME_OBJECT = 0.6  # IoU of two predictions that are drawn as one


def load_results(path: Path) -> dict[Any, list[dict[str, Any]]]:
    """COCO results by image id.

    Raises:
        DataError: The file is missing or no list of COCO results.
    """
    if not path.is_file():
        raise DataError(f"results file {path} does not exist; evaluation writes it")
    results = read_json(path, "results file", "write it again: evaluation does")
    if not isinstance(results, list):
        raise DataError(f"{path} is not a list of COCO results, but a {type(results).__name__}")
    by_image: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for number, result in enumerate(results):
        _check_result(path, number, result)
        by_image[result["image_id"]].append(result)
    return by_image


def _check_result(path: Path, number: int, result: Any) -> None:
    for key, fits in RESULT_MEMBERS.items():
        if not isinstance(result, dict) or not fits(result.get(key)):
            found = result.get(key) if isinstance(result, dict) else result
            raise DataError(
                f"{path} is not a list of COCO results: result {number} has {key} {quoted(found)}"
            )


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

    Raises:
        DataError: A result is of a category that is not among these, or its mask is for another
            image.
    """
    kept = [result for result in results if result["score"] >= threshold]
    boxes = _boxes([result["bbox"] for result in kept], BoxMode.XYWH_ABS)
    scores = torch.tensor([result["score"] for result in kept])
    kept = [kept[index] for index in nms(boxes.float(), scores, SAME_OBJECT).tolist()]
    instances = _instances(
        size,
        boxes=_boxes([result["bbox"] for result in kept], BoxMode.XYWH_ABS),
        classes=[_class_of(result, class_of_id) for result in kept],
        masks=[result.get("segmentation") for result in kept],
    )
    instances.scores = torch.tensor([result["score"] for result in kept], dtype=torch.float64)
    return instances


def gt_to_instances(record: dict[str, Any], size: tuple[int, int]) -> Instances:
    """Detectron2 instances of a data set record's annotations, without scores.

    Raises:
        DataError: A mask is for another image.
    """
    annotations = record.get("annotations", [])
    boxes = [BoxMode.convert(a["bbox"], a["bbox_mode"], BoxMode.XYXY_ABS) for a in annotations]
    try:
        return _instances(
            size,
            boxes=_boxes(boxes, BoxMode.XYXY_ABS),
            classes=[a["category_id"] for a in annotations],
            masks=[a.get("segmentation") for a in annotations],
        )
    except DataError as error:
        raise DataError(f"{record['file_name']}: {error}") from error


def _instances(
    size: tuple[int, int], *, boxes: torch.Tensor, classes: list[int], masks: list[Any]
) -> Instances:
    instances = Instances(size, pred_boxes=Boxes(boxes), pred_classes=torch.tensor(classes).long())
    for mask in masks:
        problem = run_length_problem(mask, size) if isinstance(mask, dict) else None
        if problem:
            raise DataError(f"a mask {problem}")
    if masks and all(masks):
        instances.pred_masks = masks
    return instances


def _boxes(boxes: list[list[float]], mode: BoxMode) -> torch.Tensor:
    """Boxes x0, y0, x1, y1 (N, 4)."""
    tensor = torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)
    return BoxMode.convert(tensor, mode, BoxMode.XYXY_ABS)


def _class_of(result: dict[str, Any], class_of_id: dict[int, int]) -> int:
    category = result["category_id"]
    if category not in class_of_id:
        raise DataError(
            f"a result is of category {category}, but the data set has {sorted(class_of_id)[:12]}; "
            "do the two belong together?"
        )
    return class_of_id[category]


def draw_pair(
    record: dict[str, Any],
    results: list[dict[str, Any]],
    metadata: Metadata,
    *,
    results_file: Path,
    threshold: float,
    height: int | None = None,
) -> Image.Image:
    """Ground truth at the left, and at the right the results that score at least `threshold`.

    Args:
        record: Record of the data set.
        results: COCO results of this image.
        metadata: Metadata of the data set.
        results_file: Where these come from, for messages.
        height: In pixels, of both; by default that of the image, and at least `PANEL_HEIGHT`, for
            labels to be read.

    Raises:
        DataError: The image cannot be read, or a result is of an unknown category.
    """
    pixels = read_rgb(record["file_name"])
    size = pixels.shape[0], pixels.shape[1]
    height = height or max(size[0], PANEL_HEIGHT)
    id_map = metadata.get("thing_dataset_id_to_contiguous_id")
    class_of_id = id_map or {i: i for i in range(len(metadata.thing_classes))}
    gt = gt_to_instances(record, size)
    try:
        found = results_to_instances(results, size, class_of_id, threshold)
    except DataError as error:
        raise DataError(
            f"{results_file}: of image {record['image_id']}, {record['file_name']}, {error}"
        ) from error
    panels = {"ground truth": gt, f"prediction, scores from {threshold:.2f}": found}
    return titled_row(
        [
            (title, draw_instances(pixels, instances, metadata, height=height))
            for title, instances in panels.items()
        ]
    )


def render_results(
    dataset_name: str,
    results_file: Path,
    output: Path,
    *,
    num_images: int = 6,
    threshold: float = SCORE_THRESHOLD,
    columns: int = 2,
) -> None:
    """Draw a sheet of evenly chosen images of a registered data set into the PNG `output`.

    Raises:
        DataError: The results are missing or broken.
    """
    metadata = MetadataCatalog.get(dataset_name)
    records = DatasetCatalog.get(dataset_name)
    results = load_results(results_file)
    chosen = np.linspace(0, len(records) - 1, min(num_images, len(records))).astype(int)
    pairs = [
        draw_pair(
            record,
            results.get(record["image_id"], []),
            metadata,
            results_file=results_file,
            threshold=threshold,
            height=PANEL_HEIGHT,
        )
        for record in (records[index] for index in chosen)
    ]
    make_sheet(pairs, columns).save(output)


def titled_row(panels: list[tuple[str, np.ndarray]]) -> Image.Image:
    """RGB images (H, W, 3) beside each other, each under its title."""
    width = sum(pixels.shape[1] for _, pixels in panels)
    height = max(pixels.shape[0] for _, pixels in panels)
    row = Image.new("RGB", (width, height + TITLE_HEIGHT), "white")
    draw = ImageDraw.Draw(row)
    left = 0
    for title, pixels in panels:
        draw.text((left + 6, 4), title, fill="black", font=_font(title, pixels.shape[1] - 12))
        row.paste(Image.fromarray(pixels.astype(np.uint8)), (left, TITLE_HEIGHT))
        left += pixels.shape[1]
    return row


def _font(text: str, width: int) -> Any:
    """A font in which the text is at most so many pixels wide, if it can be read then."""
    font = ImageFont.load_default(size=TITLE_SIZE)
    size = TITLE_SIZE * width / font.getlength(text)
    return font if size >= TITLE_SIZE else ImageFont.load_default(size=max(size, LEAST_SIZE))


def make_sheet(rows: list[Image.Image], columns: int) -> Image.Image:
    """Images in this many columns, or in fewer if there are fewer images."""
    width = max(row.width for row in rows) + 12
    height = max(row.height for row in rows) + 12
    columns = min(columns, len(rows))
    num_lines = -(-len(rows) // columns)
    sheet = Image.new("RGB", (columns * width, num_lines * height), "white")
    for index, row in enumerate(rows):
        sheet.paste(row, (index % columns * width + 6, index // columns * height + 6))
    return sheet
