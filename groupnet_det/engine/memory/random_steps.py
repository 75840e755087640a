"""Training steps on random images, to be timed or their memory measured without a data set."""

from dataclasses import dataclass
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.utils.events import EventStorage

from groupnet_det.data.loading.random_batches import NUM_OBJECTS, random_batch
from groupnet_det.engine.amp import build_step
from groupnet_det.engine.distillation.teacher import attach_distillation
from groupnet_det.engine.solver.slimmable_training import build_slimmable_training
from groupnet_det.engine.trainer import Trainer

SEED = 0
HARMLESS_RATE = 1e-6


@dataclass(frozen=True, kw_only=True)
class BatchSize:
    """Size of a training batch.

    Attributes:
        num_images: In a step.
        height, width: Size of each image in pixels.
    """

    num_images: int
    height: int
    width: int


class TrainingSteps:
    """A new model with the trainer's optimizer and step, and a random batch.

    Weights, losses and gradients are as in any training but for the learning rate, which is so
    small that nothing learned from random images grows beyond measure.
    """

    def __init__(self, cfg: CfgNode, size: BatchSize, *, num_objects: int = NUM_OBJECTS) -> None:
        """
        Args:
            cfg: Config of the training.
            size: Size of the batch.
            num_objects: In each image, for detectors.

        Raises:
            ConfigError: The config does not fit together, or `random_batch` has no such batches.
        """
        cfg = cfg.clone()
        cfg.defrost()
        cfg.SOLVER.BASE_LR = HARMLESS_RATE
        cfg.freeze()
        self.cfg = cfg
        self.set_batch(size, num_objects=num_objects)
        torch.manual_seed(SEED)
        self.model = Trainer.build_model(cfg)
        attach_distillation(cfg, self.model)
        build_slimmable_training(cfg, self.model)
        self.device = torch.device(cfg.MODEL.DEVICE)
        self.optimizer = Trainer.build_optimizer(cfg, self.model)
        loader: Any = iter(lambda: self.batch, None)
        self.trainer = build_step(cfg, self.model, loader, self.optimizer)
        self.trainer.iter = 0

    def set_batch(self, size: BatchSize, *, num_objects: int = NUM_OBJECTS) -> None:
        """Take another random batch for the next steps."""
        self.batch = random_batch(
            self.cfg,
            num_images=size.num_images,
            height=size.height,
            width=size.width,
            seed=SEED,
            num_objects=num_objects,
        )

    def __call__(self) -> None:
        """One step, to its end: a GPU is waited for."""
        with EventStorage():
            self.trainer.run_step()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
