"""Table of evaluators by the data set's ``evaluator_type``."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.evaluation import (
    COCOEvaluator,
    COCOPanopticEvaluator,
    DatasetEvaluator,
    DatasetEvaluators,
)

from groupnet_det.config import own_node
from groupnet_det.data.checks.plain_coco_file import plain_coco_file
from groupnet_det.errors import lookup

from .cityscapes_evaluator import OfficialCityscapesEvaluator
from .classification_evaluator import ClassificationEvaluator
from .semantic_evaluator import SemanticEvaluator
from .voc_evaluator import VocEvaluator


def _coco(cfg: CfgNode, name: str, output_dir: Path) -> DatasetEvaluator:
    with _scored_name(name) as scored:
        return COCOEvaluator(
            scored,
            output_dir=str(output_dir),
            use_fast_impl=False,  # its compiled part is missing from some installations
            allow_cached_coco=False,  # a converted data set may have changed since
        )


@contextlib.contextmanager
def _scored_name(name: str) -> Iterator[str]:
    """Name of a data set whose annotation file pycocotools scores correctly: `name`, or a temporary
    copy with a normalized file. Data sets without such a file still have none afterwards."""
    metadata = MetadataCatalog.get(name)
    if "json_file" not in metadata.as_dict():
        try:
            yield name
        finally:  # Detectron2's evaluator has noted the file that it converted into its folder
            vars(metadata).pop("json_file", None)
        return
    if "thing_dataset_id_to_contiguous_id" not in metadata.as_dict():
        DatasetCatalog.get(name)  # stores its metadata, for the results
    with plain_coco_file(Path(metadata.json_file), scored=True) as path:
        if path == Path(metadata.json_file):
            yield name
            return
        scored = f"{name} (plain copy)"
        changes = {"name": scored, "json_file": str(path)}
        MetadataCatalog.get(scored).set(**{**metadata.as_dict(), **changes})
        try:
            yield scored
        finally:
            MetadataCatalog.remove(scored)


def _voc(cfg: CfgNode, name: str, output_dir: Path) -> DatasetEvaluator:
    return VocEvaluator(name, output_dir=output_dir)


def _classification(cfg: CfgNode, name: str, output_dir: Path) -> DatasetEvaluator:
    if "classes" not in MetadataCatalog.get(name).as_dict():
        DatasetCatalog.get(name)  # stores the class names
    class_names = MetadataCatalog.get(name).classes
    return ClassificationEvaluator(class_names=class_names, output_dir=output_dir)


def _semantic(cfg: CfgNode, name: str, output_dir: Path) -> DatasetEvaluator:
    return SemanticEvaluator(name, output_dir=output_dir)


def _cityscapes(cfg: CfgNode, name: str, output_dir: Path) -> DatasetEvaluator:
    evaluator = SemanticEvaluator(name, output_dir=output_dir)
    if not own_node(cfg, "TEST.SEMANTIC").OFFICIAL_CITYSCAPES:
        return evaluator
    return DatasetEvaluators([evaluator, OfficialCityscapesEvaluator(name)])


def _panoptic(cfg: CfgNode, name: str, output_dir: Path) -> DatasetEvaluator:
    """Evaluate boxes and masks of things and mIoU of stuff, and panoptic quality if panopticapi is
    installed and the data set has its ground truth."""
    evaluators = [
        _coco(cfg, name, output_dir),
        SemanticEvaluator(name, output_dir=output_dir / "stuff"),
    ]
    has_gt = "panoptic_json" in MetadataCatalog.get(name).as_dict()
    if has_gt and importlib.util.find_spec("panopticapi"):  # otherwise `check_evaluation` warns
        evaluators.append(COCOPanopticEvaluator(name, str(output_dir)))
    return DatasetEvaluators(evaluators)


EVALUATORS: dict[str, Callable[[CfgNode, str, Path], DatasetEvaluator]] = {
    "coco": _coco,
    "pascal_voc": _voc,
    "classification": _classification,
    "coco_panoptic_seg": _panoptic,
    "sem_seg": _semantic,
    "cityscapes_sem_seg": _cityscapes,
}


def inference_dir(cfg: CfgNode, dataset_name: str) -> Path:
    """Folder of the predictions on a data set: ``OUTPUT_DIR/inference``, with a subfolder per data
    set if there are several."""
    folder = Path(cfg.OUTPUT_DIR) / "inference"
    return folder if len(cfg.DATASETS.TEST) == 1 else folder / dataset_name


def build_evaluator(cfg: CfgNode, dataset_name: str) -> DatasetEvaluator:
    """Make the evaluator of a data set.

    Raises:
        ConfigError: Its ``evaluator_type`` has no evaluator.
    """
    evaluator_type = MetadataCatalog.get(dataset_name).get("evaluator_type", "coco")
    make = lookup(EVALUATORS, evaluator_type, f"evaluator type of data set {dataset_name!r}")
    return make(cfg, dataset_name, inference_dir(cfg, dataset_name))
