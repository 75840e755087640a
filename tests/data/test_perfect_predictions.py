"""The ground truth itself, as predictions of score 1, scores 100: over odd files of each format."""

import contextlib
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.structures import Boxes, BoxMode, Instances
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.evaluation.evaluators import build_evaluator
from groupnet_det.evaluation.saved.coco_scores import score_coco_results
from groupnet_det.evaluation.saved.label_map_folders import to_one_hot
from groupnet_det.images.label_images import read_mask
from tests.data.datasets.test_voc_layout import OBJECT

from .png_files import write_png

NAME = "generated_files"
SIZES = [(40, 30), (24, 32), (33, 17)]
NAMES = ["cat", "no", "02", "null", "b ", "für", "a,b"]
ODD = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=8,
    suppress_health_check=list(HealthCheck),
)
MANY = settings(ODD, max_examples=100)


def property_of(**strategies):
    """A property as a fast test, and with more examples as a slow one."""

    def decorate(holds):
        few, many = (depth(given(**strategies)(holds)) for depth in (ODD, MANY))
        slow = pytest.param(many, marks=pytest.mark.slow)

        @pytest.mark.parametrize("run", [few, slow], ids=["few", "many"])
        def check(run):
            run()

        return check

    return decorate


@st.composite
def boxes_in(draw, size):
    width, height = size
    x, y = draw(st.integers(0, width - 4)), draw(st.integers(0, height - 4))
    return x, y, draw(st.integers(3, width - x)), draw(st.integers(3, height - y))


def ids_of(number):
    """Distinct ids for so many things: from 0 or others, large, or texts."""
    numbers = st.lists(st.integers(-(2**40), 2**62), min_size=number, max_size=number, unique=True)
    return st.one_of(
        st.just(list(range(number))),
        numbers,
        numbers.map(lambda ids: [f"n{one}" for one in ids]),
    )


MISSING = object()
CROWDS = st.sampled_from([MISSING, None, 0, "0", False, 0.0])
AREAS = st.sampled_from([MISSING, None, "480", 12, 7.5])
SHAPES = st.sampled_from([MISSING, None, []])


@st.composite
def coco_contents(draw):
    number = draw(st.integers(1, 4))
    names = draw(st.permutations(NAMES))[:number]
    image_ids, category_ids = draw(ids_of(len(SIZES))), draw(ids_of(number))
    objects = draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, number - 1)), min_size=1, max_size=12)
    )
    annotation_ids = draw(ids_of(len(objects)))
    annotations = []
    for (image, category), number in zip(objects, annotation_ids, strict=True):
        item = {
            "id": number,
            "image_id": image_ids[image],
            "category_id": category_ids[category],
            "bbox": list(draw(boxes_in(SIZES[image]))),
            "iscrowd": draw(CROWDS),
            "area": draw(AREAS),
            "segmentation": draw(SHAPES),
        }
        annotations.append({key: value for key, value in item.items() if value is not MISSING})
    # Two equal boxes take each other's detection at random.
    assume(len({json.dumps([a["image_id"], a["bbox"]]) for a in annotations}) == len(annotations))
    return {
        "images": [
            {"id": one, "file_name": f"{n}.jpg", "width": width, "height": height}
            for n, (one, (width, height)) in enumerate(zip(image_ids, SIZES, strict=True))
        ],
        "annotations": annotations,
        "categories": [{"id": i, "name": n} for i, n in zip(category_ids, names, strict=True)],
        **draw(st.sampled_from([{}, {"info": {}}])),
    }


@contextlib.contextmanager
def folder_with_images(names):
    with tempfile.TemporaryDirectory() as folder:
        for name, size in zip(names, SIZES, strict=True):
            Image.new("RGB", size).save(Path(folder) / name)
        yield Path(folder)


def evaluate(entry, num_classes, folder, outputs_of, *options):
    """The evaluator's results of perfect predictions on a data set of one's own."""
    words = ["DATASETS.CUSTOM", str([{"NAME": NAME, **entry}]), "DATASETS.TEST", f"['{NAME}']"]
    words += ["OUTPUT_DIR", str(folder / "out"), "DATASETS.CHECK_BOX_KIND", "False", *options]
    cfg = load_config("", words)
    register_datasets(cfg)
    check_datasets(cfg, [NAME])
    evaluator = build_evaluator(cfg, NAME)
    evaluator.reset()
    for record in DatasetCatalog.get(NAME):
        evaluator.process([record], [outputs_of(record)])
    return evaluator.evaluate()


def perfect_boxes(record):
    instances = Instances((record["height"], record["width"]))
    found = record["annotations"]
    boxes = [BoxMode.convert(a["bbox"], a["bbox_mode"], BoxMode.XYXY_ABS) for a in found]
    instances.pred_boxes = Boxes(torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4))
    instances.pred_classes = torch.tensor([a["category_id"] for a in found], dtype=torch.int64)
    instances.scores = torch.ones(len(found))
    return {"instances": instances}


def all_hundred(scores):
    known = [score for score in scores if not math.isnan(score)]
    return bool(known) and known == pytest.approx([100] * len(known))


@property_of(content=coco_contents(), encoding=st.sampled_from(["utf-8", "utf-8-sig"]))
def test_coco(content, encoding):
    """By Detectron2's evaluator and by the scores of saved results, whose ids are the file's."""
    number = len(content["categories"])
    with folder_with_images(["0.jpg", "1.jpg", "2.jpg"]) as folder:
        path = folder / "odd.json"
        path.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
        entry = {"FORMAT": "coco", "ANNOTATIONS": str(path), "IMAGES": str(folder)}
        key = ("MODEL.ROI_HEADS.NUM_CLASSES", str(number))
        results = evaluate(entry, number, folder, perfect_boxes, *key)["bbox"]
        assert all_hundred([results["AP"], *(results[k] for k in results if k.startswith("AP-"))])
        saved = folder / "out/inference/coco_instances_results.json"
        assert {one["image_id"] for one in json.loads(saved.read_text())} == {
            one["image_id"] for one in content["annotations"]
        }
        scores = score_coco_results(path, saved)
        assert all_hundred([scores.summary["AP"], *(ap for ap, _ in scores.per_class.values())])
        assert list(map(str, MetadataCatalog.get(NAME).thing_classes)) == [
            one["name"] for one in sorted(content["categories"], key=lambda one: one["id"])
        ]


SIZE_TEXTS = st.sampled_from(["right", "none", "zero"])


@property_of(
    objects=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=8),
    metric=st.sampled_from(["coco", "voc07", "voc12"]),
    suffixes=st.tuples(*[st.sampled_from([".jpg", ".JPG", ".png", ".bmp"])] * 3),
    sizes=st.tuples(SIZE_TEXTS, SIZE_TEXTS, SIZE_TEXTS),
    mark=st.booleans(),
    data=st.data(),
)
def test_voc(objects, metric, suffixes, sizes, mark, data):
    classes = ["cat", "no", "02"]
    boxes = [data.draw(boxes_in(SIZES[image])) for image, _ in objects]
    assume(
        len({(image, box) for (image, _), box in zip(objects, boxes, strict=True)}) == len(boxes)
    )
    with folder_with_images(["0.png", "1.png", "2.png"]) as folder:
        for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (folder / name).mkdir(parents=True)
        for n, (size, suffix, told) in enumerate(zip(SIZES, suffixes, sizes, strict=True)):
            Image.new("RGB", size).save(folder / f"JPEGImages/{n}{suffix}")
            width, height = size if told == "right" else (0, 0)
            text = f"<size><width>{width}</width><height>{height}</height></size>"
            text = "" if told == "none" else text
            for (image, label), (x, y, w, h) in zip(objects, boxes, strict=True):
                if image == n:
                    box = (x + 1, y + 1, x + w, y + h)
                    text += OBJECT.format(name=classes[label], box=box, difficult=0)
            (folder / f"Annotations/{n}.xml").write_text(f"<annotation>{text}</annotation>")
        listing = "0\r\n1 \n\n2\n".encode("utf-8-sig" if mark else "utf-8")
        (folder / "ImageSets/Main/odd.txt").write_bytes(listing)
        entry = {"FORMAT": "voc", "ROOT": str(folder), "SPLIT": "odd", "METRIC": metric}
        entry["CLASSES"] = classes
        key = ("MODEL.ROI_HEADS.NUM_CLASSES", "3")
        results = evaluate(entry, 3, folder, perfect_boxes, *key)["bbox"]
        assert all_hundred([v for k, v in results.items() if k not in ("APs", "APm", "APl")])


@property_of(
    bits=st.sampled_from([1, 2, 4, 8]),
    palette=st.booleans(),
    mapped=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_masks(bits, palette, mapped, seed):
    rng = np.random.default_rng(seed)
    values = (
        rng.choice(2**bits, size=min(2**bits, 4), replace=False)
        if mapped
        else range(2 ** min(bits, 2))
    )
    values = np.array(sorted(int(v) for v in values))
    with folder_with_images(["0.png", "1.png", "2.png"]) as folder:
        masks = folder / "masks"
        masks.mkdir()
        truth = {}
        for n, (width, height) in enumerate(SIZES):
            labels = rng.integers(0, len(values), (height, width))
            labels.reshape(-1)[: len(values)] = range(len(values))
            truth[f"{n}.png"] = labels
            write_png(masks / f"{n}.png", values[labels], bits, palette=palette)
        (masks / "._0.png").write_bytes(b"\0")
        (folder / "._0.png").write_bytes(b"\0")
        entry = {"FORMAT": "masks", "IMAGES": str(folder), "MASKS": str(masks)}
        entry["CLASSES"] = NAMES[: len(values)]
        if mapped:
            entry["LABELS"] = {int(value): label for label, value in enumerate(values)}

        def perfect(record):
            labels = read_mask(record)
            assert (labels == truth[Path(record["sem_seg_file_name"]).name]).all()
            return {"sem_seg": to_one_hot(labels, len(values))}

        words = ["MODEL.META_ARCHITECTURE", "SemanticSegmentor"]
        words += ["MODEL.SEM_SEG_HEAD.NUM_CLASSES", str(len(values))]
        results = evaluate(entry, len(values), folder, perfect, *words)["sem_seg"]
        of_classes = [results[f"IoU-{name}"] for name in NAMES[: len(values)]]
        assert all_hundred([results["mIoU"], *of_classes])
