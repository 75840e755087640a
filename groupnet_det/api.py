"""Train, predict and export in a few lines of Python: docs/tutorials/quick-start.md."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectron2.engine import default_argument_parser

from groupnet_det.autotrain.pipeline import autotrain
from groupnet_det.autotrain.request import Request, default_output, make_budget
from groupnet_det.checkpoint.checkpointer import read_checkpoint
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.engine.records.output_names import CHECKPOINT
from groupnet_det.engine.records.recorded_scores import recorded_scores
from groupnet_det.engine.setup import setup
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.checkpoint_export import ExportOptions, export_checkpoint
from groupnet_det.exporting.packed.eight_bits.calibration_images import DEFAULT_IMAGES
from groupnet_det.images.reading import AnyImage
from groupnet_det.inference.trained_predictor import WEIGHTS, open_predictor, trained_config
from groupnet_det.modeling.heads.class_agnostic_nms import KEY as CLASS_AGNOSTIC_NMS
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.packed.score_thresholds import DEFAULT_THRESHOLDS, ScoreThreshold
from groupnet_det.runtime.results.result import Result

AnyPath = str | os.PathLike[str]
Overrides = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Training:
    """The result of a training.

    Attributes:
        checkpoint: The file with the weights, ``model_final.pth``.
        scores: Scores of the last evaluation by name, such as ``{"bbox/AP": 51.2, ...}``; empty
            where there was none.
    """

    checkpoint: Path
    scores: dict[str, float]


def train(
    config: AnyPath | None = None,
    overrides: Overrides | None = None,
    *,
    data: AnyPath | None = None,
    task: str | None = None,
    minutes: float | None = None,
    epochs: float | None = None,
    k: int = 2,
    output: AnyPath | None = None,
    resume: bool = False,
    use_gpu: bool = True,
) -> Training:
    """Train a network, and evaluate it.

    By a config in this process, as ``groupnet-det train CONFIG`` does; or on data without one, as
    ``groupnet-det train --data DATA`` does, which also packs, verifies, times, draws and reports,
    and always goes on where it was interrupted.

    Args:
        config: A YAML file, or the name of a config of the project, such as
            ``quick/retinanet_groupnet_photo_digits``.
        overrides: Values by config key: ``{"SOLVER.MAX_ITER": 500}``.
        data: Instead of `config`: a folder, a COCO json or YOLO's data.yaml.
        task: ``detect``, ``instance``, ``segment`` or ``classify``; by default the task that `data`
            are for.
        minutes: Time for the trainings on `data`; 20 by default.
        epochs: Instead of `minutes`.
        k: Number of bases, on `data`.
        output: Folder of the checkpoints and logs; else ``OUTPUT_DIR`` of the config, or
            ``output/<name of the data>``.
        resume: Go on from the last checkpoint in there.
        use_gpu: Whether to take a GPU where there is one. Several need processes of their own:
            tools/train_net.py.

    Raises:
        UserError: Config or data cannot work, in one line, before the training starts; or the loss
            is not finite.
    """
    if (config is None) == (data is None):
        raise ConfigError("train needs either a config or data; give one of the two")
    if data is not None:
        request = Request(
            data=Path(data),
            task=task,
            num_bases=k,
            budget=make_budget(None if minutes is None else 60 * minutes, epochs),
            output=default_output(Path(data)) if output is None else Path(output),
            options=tuple(map(str, _pairs(overrides))),
            num_gpus=int(use_gpu),
        )
        return _finished(autotrain(request))
    assert config is not None  # by the check above
    options = _pairs(overrides)
    if output is not None:
        options += ["OUTPUT_DIR", os.fspath(output)]
    words = ["--config-file", os.fspath(config), "--num-gpus", str(int(use_gpu))]
    arguments = default_argument_parser().parse_args([*words, *(["--resume"] if resume else [])])
    arguments.opts = options
    cfg = setup(arguments)
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=resume)
    trainer.train()
    return _finished(Path(cfg.OUTPUT_DIR))


def _finished(folder: Path) -> Training:
    checkpoint = folder / CHECKPOINT
    scores = recorded_scores(folder, read_checkpoint(checkpoint)["iteration"])
    return Training(checkpoint=checkpoint, scores=scores)


def predict(
    model: AnyPath, image: AnyImage, *, score_threshold: ScoreThreshold = DEFAULT_THRESHOLDS
) -> Result:
    """Predict an image by a trained network, with the names of its classes.

    It opens the file each time; for many images call `open_predictor` once.

    Args:
        model: A packed file (.gnp), a checkpoint of ours (.pth), or a folder of weights.
        image: A path, a PIL image, or uint8 RGB pixels: (H, W, 3) of numpy, (3, H, W) of torch.
        score_threshold: Score threshold: a number for all classes; or one by class name, where
            other classes have the threshold of the packed file, or 0.5.

    Returns:
        A `Classification`, `Detections`, a `LabelMap` or a `PanopticSegmentation`, by the task of
        the network.

    Raises:
        UserError: A file is missing or broken, or a checkpoint carries no config; or a packed file
            needs the compiled engine, which is missing.
    """
    return open_predictor(model, score_threshold=score_threshold)(image)


def export(
    model: AnyPath,
    path: AnyPath,
    *,
    config: AnyPath = "",
    overrides: Overrides | None = None,
    predictors: str = "float",
    float_convs: str = "float",
    calibration_images: int = DEFAULT_IMAGES,
    class_agnostic_nms: bool = False,
    score_threshold: ScoreThreshold | None = None,
) -> Path:
    """Pack a trained network into one small file, as tools/export_packed.py does.

    Args:
        model: A checkpoint of ours (.pth), or a folder of weights.
        path: The file to write, .gnp.
        config: Config of the training, where the checkpoint carries none.
        overrides: Values by config key.
        predictors: How the last layers of detectors and segmenters are kept: ``float`` or ``int8``.
        float_convs: The same of other convolutions in full precision, but for the stem.
        calibration_images: Images of ``DATASETS.TRAIN[0]`` that calibrate ``int8`` layers.
        class_agnostic_nms: Whether boxes suppress those of all classes, not only of their own; as
            the key ``MODEL.GROUPNET.HEAD.CLASS_AGNOSTIC_NMS``.
        score_threshold: Score threshold for all classes or by class name: the default of
            predictors of the file.

    Returns:
        `path`.

    Raises:
        UserError: A file is missing or broken, or no program can compute this network.
    """
    weights = os.fspath(model)
    options = [*_pairs(overrides), WEIGHTS, weights]
    if class_agnostic_nms:
        options += [CLASS_AGNOSTIC_NMS, True]
    cfg = trained_config(os.fspath(config), weights, options, read_checkpoint(weights))
    register_datasets(cfg)
    chosen = ExportOptions(
        predictors=predictors,
        float_convs=float_convs,
        calibration_images=calibration_images,
        score_threshold=score_threshold,
    )
    packed, _ = export_checkpoint(cfg, chosen)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_packed(target, packed.program, packed.info, packed.tensors)
    return target


def _pairs(overrides: Overrides | None) -> list[Any]:
    """KEY VALUE pairs as the command line gives them."""
    pairs = (overrides or {}).items()
    plain = ((k, os.fspath(v) if isinstance(v, os.PathLike) else v) for k, v in pairs)
    return [item for pair in plain for item in pair]
