"""The one trainer of all tasks."""

import logging
import weakref
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.engine import DefaultTrainer, HookBase, TrainerBase, hooks
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm
from detectron2.utils.events import CommonMetricPrinter, EventWriter
from torch.utils.data import DataLoader

import groupnet_det.modeling.register  # noqa: F401 (makes our parts known to Detectron2)
from groupnet_det.analysis.precision_map import format_precision_map
from groupnet_det.checkpoint.checkpointer import DIVERGED, Checkpointer
from groupnet_det.checkpoint.provenance import checkpoint_metadata, expected_names
from groupnet_det.data.loading.loaders import build_test_loader, build_train_loader
from groupnet_det.data.loading.shared_memory import explain_ended_worker
from groupnet_det.engine.checks.binary_share import check_binary_share
from groupnet_det.engine.checks.other_trainings import AnnounceTraining
from groupnet_det.engine.distillation.teacher import attach_distillation
from groupnet_det.engine.processes.distributed import distribute, share_buffers
from groupnet_det.engine.records.early_stopping import TrainingStoppedError, build_early_stopping
from groupnet_det.engine.records.evaluation_record import EvaluationRecord, RecentMetrics
from groupnet_det.engine.records.output_errors import WatchOutputDir, one_line_errors
from groupnet_det.engine.records.output_names import CHECKPOINT
from groupnet_det.engine.records.resumption import (
    check_same_optimizer,
    own_settings,
    tell_of_other_settings,
)
from groupnet_det.engine.records.sessions import build_session_record
from groupnet_det.engine.records.trackers import build_trackers
from groupnet_det.errors import DataError, TrainingError
from groupnet_det.evaluation.evaluators import build_evaluator
from groupnet_det.evaluation.test_time_augmentation import wrap_for_testing
from groupnet_det.files.output_files import is_of_output
from groupnet_det.modeling.heads.class_agnostic_nms import with_chosen_nms

from .amp import build_step
from .hooks import (
    BestCheckpointer,
    ClipLatentWeights,
    RecordBitFlips,
    SeedEachIteration,
    build_precise_bn,
)
from .initial_weights import initialize_model
from .solver.gradual_binarization import build_gradual_binarization
from .solver.lr_scheduler import build_lr_scheduler
from .solver.optimizer import build_optimizer
from .solver.slimmable_training import build_slimmable_training, test_each

logger = logging.getLogger(__name__)


class Trainer(DefaultTrainer):
    """Detectron2's trainer, with training a pure function of the config.

    A training that is resumed gives the losses of one that was never interrupted, whatever the
    number of loader processes. ``cfg.SEED`` must not be negative; `engine.setup` draws one.
    """

    iter: int

    def __init__(self, cfg: CfgNode) -> None:
        """Do what Detectron2's constructor does, which however distributes and casts for GPUs only.

        Raises:
            UserError: The config asks for what does not work.
        """
        TrainerBase.__init__(self)
        self.cfg = cfg = self.auto_scale_workers(cfg, comm.get_world_size())
        model = self.build_model(cfg)
        check_binary_share(cfg, model)
        attach_distillation(cfg, model)
        if cfg.DATASETS.TEST:
            wrap_for_testing(cfg, model)  # what cannot be tested shows before it is trained
        self.slimmable = list(build_slimmable_training(cfg, model))
        optimizer = self.build_optimizer(cfg, model)
        data_loader = self.build_train_loader(cfg)
        model = distribute(model, sync_batch_norm=cfg.SOLVER.SYNC_BN)
        self._trainer = build_step(cfg, model, data_loader, optimizer)
        self.scheduler = self.build_lr_scheduler(cfg, optimizer)
        self.start_iter = 0
        self.max_iter = cfg.SOLVER.MAX_ITER
        self.register_hooks(self.build_hooks())

    def build_hooks(self) -> list[HookBase]:
        """Detectron2's and ours: those of a step, then what saves it, scores it and writes it."""
        self.checkpointer = self._build_checkpointer()
        gradual = list(build_gradual_binarization(self.cfg, self.model))
        first_iteration = max((hook.num_iterations for hook in gradual), default=0)
        self.early_stopping = build_early_stopping(self.cfg, first_iteration=first_iteration)

        common = [
            *self._detectron2_hooks(),
            *build_precise_bn(self.cfg, self.model, self.build_train_loader),
        ]
        saving, scoring, writing = (
            [hook for hook in common if isinstance(hook, kind)]
            for kind in (hooks.PeriodicCheckpointer, hooks.EvalHook, hooks.PeriodicWriter)
        )
        stepping = [hook for hook in common if hook not in saving + scoring + writing]
        scoring += [*self._best_hooks(first_iteration), *self.early_stopping]
        record = EvaluationRecord(
            scoring,
            eval_period=self.cfg.TEST.EVAL_PERIOD,
            writers=self._row_writers() if writing else (),
            checkpointer=saving[0] if saving else None,
        )
        announce = [AnnounceTraining()] if comm.get_local_rank() == 0 else []
        seed = SeedEachIteration(self.cfg.SEED)
        stepping = [seed, *announce, *gradual, *self.slimmable, *stepping]
        if self.cfg.SOLVER.LATENT_CLIP > 0:
            stepping.append(ClipLatentWeights(self.model, self.cfg.SOLVER.LATENT_CLIP))
        stepping += [*self._recording_hooks(), RecentMetrics(), WatchOutputDir(self.cfg.OUTPUT_DIR)]
        num_images = self.data_loader.batch_sampler.num_records
        session = build_session_record(self.cfg, num_images)
        return [*stepping, *saving, *scoring, record, *writing, *session]

    def _detectron2_hooks(self) -> list[HookBase]:
        """All but that of precise BN, instead of which there is ours."""
        cfg = self.cfg
        self.cfg = cfg.clone()
        self.cfg.defrost()
        self.cfg.TEST.PRECISE_BN.ENABLED = False
        try:
            return [hook for hook in super().build_hooks() if hook]
        finally:
            self.cfg = cfg

    def _build_checkpointer(self) -> Checkpointer:
        first = self.cfg.DATASETS.TRAIN[0]
        return Checkpointer(
            self.model,
            self.cfg.OUTPUT_DIR,
            extra=checkpoint_metadata(self.cfg) if comm.is_main_process() else None,
            class_names={first: expected_names(first)},
            trainer=weakref.proxy(self),
        )

    def _best_hooks(self, first_iteration: int) -> list[HookBase]:
        cfg = self.cfg
        if not (cfg.SOLVER.BEST_METRIC and cfg.DATASETS.TEST and comm.is_main_process()):
            return []
        best = BestCheckpointer(
            cfg.TEST.EVAL_PERIOD,
            self.checkpointer,
            cfg.SOLVER.BEST_METRIC,
            first_iteration=first_iteration,
        )
        return [best]

    def _recording_hooks(self) -> list[HookBase]:
        period = self.cfg.SOLVER.BIT_FLIPS_PERIOD if comm.is_main_process() else 0
        return [RecordBitFlips(self.checkpointer.model, period)] if period > 0 else []

    def _row_writers(self) -> list[EventWriter]:
        """Writers of a row for each time; the printer on the screen divides by the iterations since
        its last line."""
        return [each for each in self.writers if not isinstance(each, CommonMetricPrinter)]

    def build_writers(self) -> list[EventWriter]:
        self.writers = [*super().build_writers(), *build_trackers(self.cfg)]
        return self.writers

    def train(self) -> Any:
        """Train as Detectron2's trainer, but end early where ``SOLVER.EARLY_STOPPING`` says so."""
        if any(hook.stopped for hook in self.early_stopping):
            if Path(self.checkpointer.get_checkpoint_file()).name != CHECKPOINT:
                self._save_final()  # which an interruption prevented
            logger.info(
                "this training was stopped early and does not go on; to have it go on, raise "
                "SOLVER.EARLY_STOPPING.PATIENCE"
            )
            return None
        try:
            with one_line_errors(self.cfg.OUTPUT_DIR):
                return super().train()
        except OSError as error:  # of metrics.json, logs and results
            if not is_of_output(error, self.cfg.OUTPUT_DIR):
                raise
            raise TrainingError(
                f"OUTPUT_DIR {self.cfg.OUTPUT_DIR} cannot be written any more at iteration "
                f"{self.iter}: {error}; {self.checkpointer.kept()}"
            ) from error
        except TrainingStoppedError:
            self._save_final()
            logger.info(f"training was stopped early, after iteration {self.iter}")
            return None

    def _save_final(self) -> None:
        self.checkpointer.save(Path(CHECKPOINT).stem, iteration=self.iter)

    def resume_or_load(self, resume: bool = True) -> None:
        """Go on where the last checkpoint is; else start from ``MODEL.WEIGHTS`` or ``MODEL.INIT``.

        Raises:
            UserError: A file cannot be used, or both are named.
        """
        if not (resume and self.checkpointer.has_checkpoint()) and initialize_model(
            self.cfg, self.checkpointer.model
        ):
            return
        stored = self.checkpointer.resume_or_load(self.cfg.MODEL.WEIGHTS, resume=resume)
        if resume and self.checkpointer.has_checkpoint():
            self.start_iter = self.iter + 1
            if comm.is_main_process():
                path = self.checkpointer.get_checkpoint_file()
                tell_of_other_settings(path, stored, self.cfg)
        self.data_loader.batch_sampler.start_batch = self.start_iter

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state of a training; settings, such as the learning rate, are the config's.

        Raises:
            CheckpointError: It is of another optimizer.
        """
        with own_settings(self.optimizer, self.scheduler):
            check_same_optimizer(self.optimizer, state_dict["_trainer"]["optimizer"])
            super().load_state_dict(state_dict)

    def after_train(self) -> None:
        # Where nothing was left to be trained, Detectron2 counts one too far.
        self.iter = min(self.iter, max(self.start_iter, self.max_iter))
        super().after_train()

    def run_step(self) -> None:
        """One iteration. TorchScript runs operation by operation, as PyTorch does without it: what
        its optimizer makes of a loss after two calls rounds otherwise, so that the first steps of a
        resumed training would differ from those of one that runs on.

        Raises:
            UserError: The loss is not finite, or an image cannot be used.
        """
        try:
            with torch.jit.optimized_execution(False):
                super().run_step()
        except FloatingPointError as error:
            rate = self.optimizer.param_groups[0]["lr"]
            raise TrainingError(
                f"the loss is not finite at iteration {self.iter} (learning rate {rate:.3g}); "
                f"{self.checkpointer.kept()}. {DIVERGED}"
            ) from error
        except DataError as error:
            raise DataError(f"{error}{self._keep_what_is_trained()}") from error
        except RuntimeError as error:
            if not (explanation := explain_ended_worker(error)):
                raise
            raise DataError(f"{explanation}{self._keep_what_is_trained()}") from error

    def _keep_what_is_trained(self) -> str:
        """Save what was trained before this iteration, which failed; the text that says so."""
        if self.iter == self.start_iter or not comm.is_main_process():
            return ""
        self.iter -= 1  # the last that was made, from which a training goes on
        self.checkpointer.save(f"model_{self.iter:07d}", iteration=self.iter)
        return (
            f"; what was trained before is kept in {self.checkpointer.get_checkpoint_file()}, and "
            "--resume goes on there"
        )

    @classmethod
    def test(cls, cfg: CfgNode, model: torch.nn.Module, evaluators: Any = None) -> dict[str, Any]:
        share_buffers(model)
        if not getattr(
            model, "prepares_images", False
        ):  # such a model says itself how it sees them
            model = wrap_for_testing(cfg, model)
        return test_each(model, lambda: super(Trainer, cls).test(cfg, model, evaluators))

    @classmethod
    def build_model(cls, cfg: CfgNode) -> torch.nn.Module:
        model = super().build_model(with_chosen_nms(cfg))
        logger.info("Precision map:\n" + format_precision_map(model))
        return model

    @classmethod
    def build_optimizer(cls, cfg: CfgNode, model: torch.nn.Module) -> torch.optim.Optimizer:
        return build_optimizer(cfg, model)

    @classmethod
    def build_lr_scheduler(cls, cfg: CfgNode, optimizer: torch.optim.Optimizer) -> Any:
        return build_lr_scheduler(cfg, optimizer)

    @classmethod
    def build_train_loader(cls, cfg: CfgNode) -> DataLoader:
        return build_train_loader(cfg, seed=cfg.SEED)

    @classmethod
    def build_test_loader(cls, cfg: CfgNode, dataset_name: str) -> DataLoader:
        return build_test_loader(cfg, dataset_name)

    @classmethod
    def build_evaluator(cls, cfg: CfgNode, dataset_name: str) -> DatasetEvaluator:
        return build_evaluator(cfg, dataset_name)
