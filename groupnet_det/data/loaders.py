"""Training loaders."""

from detectron2.config import CfgNode
from detectron2.data import DatasetFromList, DatasetMapper, get_detection_dataset_dicts
from detectron2.data.build import trivial_batch_collator, worker_init_reset_seed
from detectron2.utils import comm
from torch.utils.data import DataLoader

from groupnet_det.errors import ConfigError

from .stream import SeededDataset, TrainingBatchStream


def build_detection_train_loader(cfg: CfgNode, *, seed: int) -> DataLoader:
    """Detectron2's records and mapper in the order of a `TrainingBatchStream`.

    A table of instances per class is logged.

    Raises:
        ConfigError: ``DATALOADER.SAMPLER_TRAIN`` is another than Detectron2's default.
        DataError: An empty data set.
    """
    if cfg.DATALOADER.SAMPLER_TRAIN != "TrainingSampler":
        raise ConfigError(
            f"DATALOADER.SAMPLER_TRAIN is {cfg.DATALOADER.SAMPLER_TRAIN!r}; valid: "
            "'TrainingSampler'"
        )
    records = get_detection_dataset_dicts(
        list(cfg.DATASETS.TRAIN),
        filter_empty=cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS,
        min_keypoints=0,
        proposal_files=None,
    )
    group = cfg.DATALOADER.ASPECT_RATIO_GROUPING and all("width" in record for record in records)
    stream = TrainingBatchStream(
        len(records),
        batch_size=cfg.SOLVER.IMS_PER_BATCH,
        seed=seed,
        is_wide=[record["width"] > record["height"] for record in records] if group else None,
        rank=comm.get_rank(),
        world_size=comm.get_world_size(),
    )
    dataset = SeededDataset(DatasetFromList(records, copy=False), DatasetMapper(cfg, is_train=True))
    return DataLoader(
        dataset,
        batch_sampler=stream,
        num_workers=cfg.DATALOADER.NUM_WORKERS,
        collate_fn=trivial_batch_collator,
        worker_init_fn=worker_init_reset_seed,
    )
