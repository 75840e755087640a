"""Data loaders for training and testing, selected by the task of the data sets."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from detectron2.config import CfgNode
from detectron2.data import (
    DatasetCatalog,
    DatasetFromList,
    MetadataCatalog,
    build_detection_test_loader,
    get_detection_dataset_dicts,
)
from detectron2.data.build import worker_init_reset_seed
from detectron2.utils import comm
from torch.utils.data import DataLoader

from groupnet_det.data.catalog import TASKS_BY_EVALUATOR
from groupnet_det.data.checks.boxes_and_masks import without_empty_boxes
from groupnet_det.data.dataset_checks import check_same_classes
from groupnet_det.errors import ConfigError, lookup

from .classification_mapper import ClassificationMapper
from .detection_mapper import DetectionMapper
from .seeded_batches import NamingMapper, SeededDataset, TrainingBatchStream
from .semantic_mapper import SemanticMapper
from .shared_memory import share_batch


def _build_detection_train_loader(cfg: CfgNode, *, seed: int) -> DataLoader:
    """Build the training loader of a detector, in the order of a `TrainingBatchStream`.

    It uses Detectron2's records and mapper, logs a table of instances per class, and drops boxes
    without an area.

    Raises:
        ConfigError: ``DATALOADER.SAMPLER_TRAIN`` differs from Detectron2's default.
        DataError: The data set is empty.
    """
    records = get_detection_dataset_dicts(
        list(cfg.DATASETS.TRAIN),
        filter_empty=cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS,
        min_keypoints=0,
        proposal_files=None,
    )
    records = without_empty_boxes(records, filter_empty=cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS)
    group = cfg.DATALOADER.ASPECT_RATIO_GROUPING and all("width" in record for record in records)
    is_wide = [record["width"] > record["height"] for record in records] if group else None
    mapper = DetectionMapper(cfg, is_train=True)
    return _build_stream_loader(cfg, records, mapper, seed=seed, is_wide=is_wide)


def _build_named_test_loader(cfg: CfgNode, dataset_name: str) -> DataLoader:
    """Build Detectron2's test loader for detectors; unreadable files raise `DataError`."""
    mapper = NamingMapper(DetectionMapper(cfg, is_train=False))
    return build_detection_test_loader(cfg, dataset_name, mapper=mapper, collate_fn=share_batch)


def _build_classification_train_loader(cfg: CfgNode, *, seed: int) -> DataLoader:
    """Build a loader of randomly cropped images, in the order of a `TrainingBatchStream`.

    Raises:
        ConfigError: ``DATALOADER.SAMPLER_TRAIN`` differs from Detectron2's default, or a key of the
            mapper is invalid.
        DataError: The data set is empty, or several data sets have different classes.
    """
    records = [record for name in cfg.DATASETS.TRAIN for record in DatasetCatalog.get(name)]
    check_same_classes(cfg.DATASETS.TRAIN)
    mapper = ClassificationMapper(cfg, is_train=True)
    return _build_stream_loader(cfg, records, mapper, seed=seed)


def _build_classification_test_loader(cfg: CfgNode, dataset_name: str) -> DataLoader:
    """Build a loader of centre-cropped images, each once, ``TEST.IMS_PER_BATCH`` per step.

    Raises:
        ConfigError: A key of the mapper is invalid.
    """
    return build_detection_test_loader(
        DatasetCatalog.get(dataset_name),
        mapper=ClassificationMapper(cfg, is_train=False),
        batch_size=cfg.TEST.IMS_PER_BATCH,
        num_workers=cfg.DATALOADER.NUM_WORKERS,
        collate_fn=share_batch,
    )


def _build_semantic_train_loader(cfg: CfgNode, *, seed: int) -> DataLoader:
    """Build a loader of scaled and cropped images and masks in the order of `TrainingBatchStream`.

    Raises:
        ConfigError: ``DATALOADER.SAMPLER_TRAIN`` differs from Detectron2's default, or a key of the
            mapper is invalid.
        DataError: The data set is empty, or several data sets have different classes.
    """
    records = [record for name in cfg.DATASETS.TRAIN for record in DatasetCatalog.get(name)]
    check_same_classes(cfg.DATASETS.TRAIN)
    return _build_stream_loader(cfg, records, SemanticMapper(cfg, is_train=True), seed=seed)


def _build_semantic_test_loader(cfg: CfgNode, dataset_name: str) -> DataLoader:
    """Build a loader of all images, one per step, because their sizes differ."""
    return build_detection_test_loader(
        DatasetCatalog.get(dataset_name),
        mapper=SemanticMapper(cfg, is_train=False),
        num_workers=cfg.DATALOADER.NUM_WORKERS,
        collate_fn=share_batch,
    )


def _build_stream_loader(
    cfg: CfgNode,
    records: list[dict[str, Any]],
    mapper: Callable[[dict[str, Any]], Any],
    *,
    seed: int,
    is_wide: Sequence[bool] | None = None,
) -> DataLoader:
    if cfg.DATALOADER.SAMPLER_TRAIN != "TrainingSampler":
        raise ConfigError(
            f"DATALOADER.SAMPLER_TRAIN is {cfg.DATALOADER.SAMPLER_TRAIN!r}; valid: "
            "'TrainingSampler'"
        )
    stream = TrainingBatchStream(
        len(records),
        batch_size=cfg.SOLVER.IMS_PER_BATCH,
        seed=seed,
        is_wide=is_wide,
        rank=comm.get_rank(),
        world_size=comm.get_world_size(),
    )
    return DataLoader(
        SeededDataset(DatasetFromList(records, copy=False), mapper),
        batch_sampler=stream,
        num_workers=cfg.DATALOADER.NUM_WORKERS,
        collate_fn=share_batch,
        worker_init_fn=worker_init_reset_seed,
        # Each start of a loader draws a seed, which is of no use here. From the generator of the
        # step, it would give the first step of a resumed training other random numbers.
        generator=torch.Generator(),
    )


class TaskLoaders(NamedTuple):
    """The loaders of a task."""

    train: Callable[..., DataLoader]  # (cfg, *, seed)
    test: Callable[[CfgNode, str], DataLoader]  # (cfg, data set)


TASK_LOADERS: dict[str, TaskLoaders] = {
    "detection": TaskLoaders(_build_detection_train_loader, _build_named_test_loader),
    "classification": TaskLoaders(
        _build_classification_train_loader, _build_classification_test_loader
    ),
    "semantic segmentation": TaskLoaders(_build_semantic_train_loader, _build_semantic_test_loader),
}
# Loaders by the ``evaluator_type`` of the data set.
LOADERS: dict[str, TaskLoaders] = {
    kind: TASK_LOADERS[task] for kind, task in TASKS_BY_EVALUATOR.items()
}


def build_train_loader(cfg: CfgNode, *, seed: int) -> DataLoader:
    """Build the loader of ``DATASETS.TRAIN``, whose data sets must have the same task.

    Raises:
        ConfigError: They have several tasks, or an unknown one.
    """
    loaders = {name: _loaders_of(name) for name in cfg.DATASETS.TRAIN}
    if len(set(loaders.values())) != 1:
        raise ConfigError(
            f"DATASETS.TRAIN is {list(loaders)}; its data sets must have the same task"
        )
    return next(iter(loaders.values())).train(cfg, seed=seed)


def build_test_loader(cfg: CfgNode, dataset_name: str) -> DataLoader:
    """Build the test loader of a data set.

    Raises:
        ConfigError: Its ``evaluator_type`` is unknown.
    """
    return _loaders_of(dataset_name).test(cfg, dataset_name)


def _loaders_of(dataset_name: str) -> TaskLoaders:
    evaluator_type = MetadataCatalog.get(dataset_name).get("evaluator_type", "coco")
    return lookup(LOADERS, evaluator_type, f"evaluator type of data set {dataset_name!r}")
