"""COCO's box and mask metrics from a made-up tree in COCO's own format: polygons, run lengths,
crowds and ids with gaps."""

import json
import shutil

import numpy as np
import pycocotools.mask as mask_util
import pytest
import torch
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.structures import Boxes, BoxMode, Instances
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.data.loading.loaders import build_test_loader
from groupnet_det.evaluation.evaluators import build_evaluator
from groupnet_det.evaluation.saved.coco_scores import score_coco_results
from tests.autotrain import tiny_data
from tests.autotrain.tiny_data import write_yolo

HEIGHT, WIDTH = 60, 80
IDS = [7, 90]  # of the categories


def rectangle(x, y, width, height):
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order="F")
    mask[y : y + height, x : x + width] = 1
    return mask


def runs_of(mask):
    """Uncompressed run lengths, as COCO has them for crowds."""
    flat = mask.flatten(order="F")
    borders = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], borders, [flat.size]])).tolist()
    return {"size": [HEIGHT, WIDTH], "counts": runs if flat[0] == 0 else [0, *runs]}


@pytest.fixture
def tree(tmp_path):
    """Two images with a cat each, the second with a crowd of dogs and one dog too."""
    boxes = [(1, 0, (10, 10, 30, 20)), (2, 0, (5, 30, 20, 20)), (2, 1, (50, 10, 10, 40))]
    annotations = []
    for number, (image_id, label, (x, y, width, height)) in enumerate(boxes, start=1):
        polygon = [x, y, x + width, y, x + width, y + height, x, y + height]
        annotations.append(
            {
                "id": number,
                "image_id": image_id,
                "category_id": IDS[label],
                "bbox": [x, y, width, height],
                "area": width * height,
                "iscrowd": 0,
                "segmentation": [polygon],
            }
        )
    crowd = rectangle(30, 0, 15, 60)
    annotations.append(
        {
            **{"id": 4, "image_id": 2, "category_id": IDS[1], "bbox": [30, 0, 15, 60]},
            **{"area": 900, "iscrowd": 1, "segmentation": runs_of(crowd)},
        }
    )
    (tmp_path / "images").mkdir()
    images = []
    for image_id in (1, 2):
        name = f"{image_id:012}.jpg"
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "images" / name)
        images.append({"id": image_id, "file_name": name, "width": WIDTH, "height": HEIGHT})
    categories = [{"id": i, "name": n} for i, n in zip(IDS, ("cat", "dog"), strict=True)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "instances_val2017.json").write_text(json.dumps(content))
    return tmp_path


FOUND = {1: [(0, (10, 10, 30, 20))], 2: [(0, (5, 30, 20, 20)), (1, (50, 10, 10, 40))]}


def evaluate(tree, found, output):
    entry = {"NAME": "made_up", "FORMAT": "coco", "IMAGES": str(tree / "images")}
    entry["ANNOTATIONS"] = str(tree / "instances_val2017.json")
    options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TEST", "['made_up']"]
    options += ["MODEL.MASK_ON", "True", "INPUT.MASK_FORMAT", "bitmask", "OUTPUT_DIR", str(output)]
    options += ["MODEL.ROI_HEADS.NUM_CLASSES", "2", "DATALOADER.NUM_WORKERS", "0"]
    cfg = load_config("", options)
    register_datasets(cfg)
    check_datasets(cfg, ["made_up"])
    evaluator = build_evaluator(cfg, "made_up")
    evaluator.reset()
    for inputs in build_test_loader(cfg, "made_up"):
        own = found.get(inputs[0]["image_id"], [])
        boxes = torch.tensor([box for _, box in own], dtype=torch.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        masks = [torch.tensor(rectangle(*box), dtype=torch.bool) for _, box in own]
        instances = Instances(
            (HEIGHT, WIDTH),
            pred_boxes=Boxes(boxes),
            scores=torch.linspace(0.9, 0.8, len(own)),
            pred_classes=torch.tensor([label for label, _ in own], dtype=torch.long),
            pred_masks=torch.stack(masks) if masks else torch.zeros(0, HEIGHT, WIDTH).bool(),
        )
        evaluator.process(inputs, [{"instances": instances}])
    return evaluator.evaluate()


def with_change(image_id, position, item):
    changed = {key: list(value) for key, value in FOUND.items()}
    changed[image_id][position : position + 1] = item
    return changed


@pytest.mark.parametrize(
    ("found", "ap50", "ap75"),
    [
        (FOUND, 100, 100),
        # A dog within the crowd is neither right nor wrong.
        (with_change(2, 2, [(1, (30, 20, 15, 20))]), 100, 100),
        # Half of the second cat is IoU 0.5: right at that threshold alone. Then of two cats one
        # is found first, with precision 1 to recall 0.5, at 51 of COCO's 101 points of recall.
        (with_change(2, 0, [(0, (5, 30, 20, 10))]), 100, (100 * 51 / 101 + 100) / 2),
        # The dog is missing.
        (with_change(2, 1, []), 50, 50),
    ],
    ids=["all", "crowd", "half", "missing"],
)
def test_boxes_and_masks_by_hand(tree, tmp_path, found, ap50, ap75):
    scores = evaluate(tree, found, tmp_path / "out")
    results = tmp_path / "out/inference/coco_instances_results.json"
    assert {r["category_id"] for r in json.loads(results.read_text())} <= set(IDS)
    for iou_type in ("bbox", "segm"):
        assert scores[iou_type]["AP50"] == pytest.approx(ap50)
        assert scores[iou_type]["AP75"] == pytest.approx(ap75)
        saved = score_coco_results(tree / "instances_val2017.json", results, iou_type)
        assert saved.summary["AP"] == pytest.approx(scores[iou_type]["AP"])
        assert list(saved.per_class) == ["cat", "dog"]


def test_nothing_found(tree, tmp_path):
    scores = evaluate(tree, {}, tmp_path / "out")
    assert np.isnan(scores["bbox"]["AP"])  # as Detectron2 has it
    results = tmp_path / "out/inference/coco_instances_results.json"
    assert score_coco_results(tree / "instances_val2017.json", results).summary["AP"] == 0


def test_crowds_are_run_lengths(tree):
    content = json.loads((tree / "instances_val2017.json").read_text())
    runs = content["annotations"][-1]["segmentation"]
    encoded = mask_util.frPyObjects(runs, HEIGHT, WIDTH)
    assert np.array_equal(mask_util.decode(encoded), rectangle(30, 0, 15, 60))


def test_the_folder_of_an_evaluation_may_go_before_the_next(tmp_path):
    """As those of ``groupnet-det verify``, which evaluates two networks in temporary folders."""
    write_yolo(tmp_path / "data", 2)
    entry = {"NAME": "squares", "FORMAT": "yolo", "DATA": str(tmp_path / "data/data.yaml")}
    options = ["DATASETS.CUSTOM", str([entry | {"SPLIT": "train"}])]
    options += ["DATASETS.TEST", "['squares']", "DATALOADER.NUM_WORKERS", "0"]
    for output in (tmp_path / "first", tmp_path / "second"):
        cfg = load_config("", [*options, "OUTPUT_DIR", str(output)])
        register_datasets(cfg)
        evaluator = build_evaluator(cfg, "squares")
        evaluator.reset()
        for inputs in build_test_loader(cfg, "squares"):
            evaluator.process(inputs, [{"instances": found_again(inputs[0])}])
        assert evaluator.evaluate()["bbox"]["AP"] == pytest.approx(100)
        assert "json_file" not in MetadataCatalog.get("squares").as_dict()
        shutil.rmtree(output)


def found_again(record):
    """The ground truth of a record as a prediction."""
    annotations = {each["file_name"]: each for each in DatasetCatalog.get("squares")}
    own = annotations[record["file_name"]]["annotations"]
    boxes = [BoxMode.convert(a["bbox"], a["bbox_mode"], BoxMode.XYXY_ABS) for a in own]
    return Instances(
        (tiny_data.HEIGHT, tiny_data.WIDTH),
        pred_boxes=Boxes(torch.tensor(boxes, dtype=torch.float32)),
        scores=torch.full((len(own),), 0.9),
        pred_classes=torch.tensor([a["category_id"] for a in own]),
    )
