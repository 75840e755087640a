"""Trained detectors and segmenters as packed files.

docs/reference/packed-format.md, "Tasks", lists what is in ``info`` beside what `export` adds.
``blocks`` are those of the backbone, see `classifier`.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from detectron2.modeling import GeneralizedRCNN, PanopticFPN
from detectron2.modeling.meta_arch.dense_detector import DenseDetector
from detectron2.modeling.meta_arch.semantic_seg import SemanticSegmentor
from detectron2.modeling.proposal_generator import RPN
from detectron2.modeling.roi_heads import CascadeROIHeads, StandardROIHeads
from torch import nn

from groupnet_det.config.dense_detectors import DENSE_BY_CLASS
from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.program_builder import ProgramBuilder
from groupnet_det.exporting.packed.builder.tensor_store import TensorStore
from groupnet_det.exporting.packed.eight_bits.float_layers import Float32Convs, FloatConvs
from groupnet_det.exporting.packed.layers.exporter import Exporter
from groupnet_det.exporting.packed.layers.last_layers import FloatPredictors, Predictors
from groupnet_det.modeling.backbones.resnet_layout import STAGES
from groupnet_det.modeling.backbones.staged_backbone import StagedBackbone
from groupnet_det.modeling.heads.class_agnostic_nms import (
    ClassAgnosticCascadeROIHeads,
    ClassAgnosticROIHeads,
)
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.program import Program
from groupnet_det.packed.score_thresholds import ScoreThreshold
from groupnet_det.version import __version__

from .backbone import ExportedBackbone, describe_blocks, export_backbone
from .dense_heads import export_dense_head
from .panoptic_heads import describe_combination, export_panoptic_head
from .postprocessing_info import (
    MASK_THRESHOLD,
    common_levels,
    describe_dense,
    describe_mask,
    describe_pooler,
    describe_rcnn,
    describe_score_threshold,
)
from .pyramid import Features, export_pyramid
from .roi_heads import export_box_part, export_mask_part
from .segmentation_heads import export_segmentation_head, in_features

MASK_PART = "mask"
SEGMENTATION = "semantic_segmentation"


@dataclass
class Exported:
    """The outputs of a program and the members of ``info`` that a head adds."""

    task: str
    outputs: dict[str, int]
    postprocessing: dict[str, Any]
    num_classes: int
    parts: dict[str, Program] = field(default_factory=dict)


@dataclass
class ModelBody:
    """A model with the program of its backbone, to which heads are added."""

    model: Any
    exporter: Exporter
    predictors: Predictors
    features: Features
    mask_threshold: float

    def pyramid(self) -> dict[str, FeatureMap]:
        """The levels by name."""
        return export_pyramid(self.exporter, self.model.backbone, self.features)


def export_model(
    model: Any,
    *,
    class_names: Callable[[int], Sequence[str]],
    info: Mapping[str, Any] | None = None,
    predictors: Predictors | None = None,
    float_convs: FloatConvs | None = None,
    mask_threshold: float = MASK_THRESHOLD,
    score_threshold: ScoreThreshold | None = None,
    store: TensorStore | None = None,
) -> PackedFile:
    """Fold and pack a trained detector or segmenter.

    Args:
        model: A dense detector, or one of `MODELS`; it stays as it is.
        class_names: Gives as many as there are classes.
        info: Further members of the file's ``info``, such as ``preprocessing`` and ``source``.
        predictors: How the last layers are computed; with floats by default.
        float_convs: How other convolutions in full precision are computed; as trained by default.
        mask_threshold: Probability from which a pixel is part of an object's mask.
        score_threshold: Score threshold for all classes or by class name: the default of
            predictors.
        store: Keeps the tensors, for other files to share them.

    Raises:
        ConfigError: No program can compute this network; the message says what to change. Or a
            score threshold is none, or of an unknown class.
    """
    export_head = _head_exporter(model)
    model = copy.deepcopy(model).cpu().float().eval()
    backbone = getattr(model.backbone, "bottom_up", model.backbone)
    mean, std = model.pixel_mean.flatten(), model.pixel_std.flatten()
    builder = ProgramBuilder(input_channels=len(mean), store=store)
    last_stage = _last_stage(model, backbone)
    names = {id(module): name for name, module in model.named_modules()}
    float_convs = float_convs or Float32Convs()
    exported = export_backbone(
        builder,
        backbone,
        last_stage=last_stage,
        mean=mean,
        std=std,
        float_convs=float_convs.within(names[id(backbone)]),
    )
    exporter = Exporter(builder, names, float_convs)
    body = ModelBody(
        model, exporter, predictors or FloatPredictors(), exported.features, mask_threshold
    )
    head = export_head(body)
    blocks_end = exported.features[last_stage]()
    program, tensors = builder.finish(
        head.outputs, size_divisor=max(1, model.backbone.size_divisibility), parts=head.parts
    )
    class_list = list(class_names(head.num_classes))
    of_objects = () if head.task == SEGMENTATION else class_list
    about = {
        "task": head.task,
        "class_names": class_list,
        **(info or {}),
        "postprocessing": {
            **head.postprocessing,
            **(info or {}).get("postprocessing", {}),
            **describe_score_threshold(score_threshold, of_objects),
        },
        "predictors": body.predictors.kind,
        **float_convs.info(),
        "unpacked": _unpacked(exported, exporter, names[id(backbone)]),
        "blocks": describe_blocks(builder, exported, blocks_end),
        "versions": versions(),
    }
    return PackedFile(program, about, tensors)


def _head_exporter(model: Any) -> Callable[[ModelBody], Exported]:
    """The function that adds the head of this model to a program."""
    if isinstance(model, DenseDetector) and type(model).__name__ in DENSE_BY_CLASS:
        return _dense
    if type(model) not in MODELS:
        valid = ("ImageClassifier", *DENSE_BY_CLASS, *(kind.__name__ for kind in MODELS))
        raise ConfigError(
            f"MODEL.META_ARCHITECTURE gives a {type(model).__name__}, which cannot be exported; "
            f"valid: {', '.join(valid)}"
        )
    return MODELS[type(model)]


def versions() -> dict[str, str]:
    """Members of ``info`` about the version that wrote a file."""
    return {"groupnet_det": __version__, "torch": str(torch.__version__)}


def _last_stage(model: Any, backbone: nn.Module) -> str:
    """The last one that the network after the backbone reads."""
    if not isinstance(backbone, StagedBackbone):
        return STAGES[-1]  # which is refused elsewhere
    neck, head = model.backbone, getattr(model, "sem_seg_head", None)
    names = list(neck.in_features) if neck is not backbone else in_features(head)
    stages = [name for name in names if name in backbone.stages]
    return max(stages, key=backbone.stages.index, default=backbone.stages[-1])


def _unpacked(exported: ExportedBackbone, exporter: Exporter, prefix: str) -> list[dict[str, str]]:
    reasons = {f"{prefix}.{name}": reason for name, reason in exported.unpacked.items()}
    reasons.update(exporter.unpacked.reasons)
    return [{"name": name, "reason": reason} for name, reason in reasons.items()]


def _dense(body: ModelBody) -> Exported:
    model, pyramid = body.model, body.pyramid()
    levels = {name: pyramid[name] for name in model.head_in_features}
    return Exported(
        task="detection",
        outputs=export_dense_head(
            body.exporter, body.predictors, model.head, levels, "MODEL.META_ARCHITECTURE"
        ),
        postprocessing=describe_dense(model, DENSE_BY_CLASS[type(model).__name__]),
        num_classes=model.num_classes,
    )


def _rcnn(body: ModelBody) -> Exported:
    return _regions(body, body.pyramid())


def _regions(body: ModelBody, pyramid: dict[str, FeatureMap]) -> Exported:
    rpn, heads = body.model.proposal_generator, body.model.roi_heads
    _check_rcnn(rpn, heads)
    levels = {name: pyramid[name] for name in rpn.in_features}
    outputs = export_dense_head(
        body.exporter, body.predictors, rpn.rpn_head, levels, "MODEL.RPN.HEAD_NAME"
    )
    stages = {"box": (heads.box_head, heads.box_predictor)}
    if isinstance(heads, CascadeROIHeads):
        pairs = zip(heads.box_head, heads.box_predictor, strict=True)
        stages = {f"box_{number}": pair for number, pair in enumerate(pairs)}
    parts = {
        name: export_box_part(body.exporter, body.predictors, *pair)
        for name, pair in stages.items()
    }
    poolers = [describe_pooler(heads.box_pooler, heads.box_in_features)]
    if heads.mask_on:
        parts[MASK_PART] = export_mask_part(body.exporter, body.predictors, heads.mask_head)
        poolers.append(describe_pooler(heads.mask_pooler, heads.mask_in_features))
    outputs.update({name: pyramid[name].as_float() for name in common_levels(poolers)})
    predictors = {name: predictor for name, (_, predictor) in stages.items()}
    mask = describe_mask(heads, MASK_PART, body.mask_threshold) if heads.mask_on else None
    return Exported(
        task="instance_segmentation" if heads.mask_on else "detection",
        outputs=outputs,
        postprocessing=describe_rcnn(rpn, heads, predictors, mask),
        num_classes=heads.num_classes,
        parts=parts,
    )


def _panoptic(body: ModelBody) -> Exported:
    pyramid = body.pyramid()
    found = _regions(body, pyramid)
    if MASK_PART not in found.parts:
        raise ConfigError("MODEL.MASK_ON is not set, and panoptic segments are made of masks")
    strides = {name: shape.stride for name, shape in body.model.backbone.output_shape().items()}
    head = body.model.sem_seg_head
    found.task = "panoptic_segmentation"
    found.outputs |= export_panoptic_head(body.exporter, body.predictors, head, pyramid, strides)
    combination = describe_combination(body.model)
    found.postprocessing |= {"kind": "panoptic", "combination": combination}
    return found


def _check_rcnn(rpn: Any, heads: Any) -> None:
    if type(rpn) is not RPN:
        raise ConfigError(
            f"MODEL.PROPOSAL_GENERATOR.NAME gives a {type(rpn).__name__}, which cannot be "
            "exported; valid: RPN"
        )
    if type(heads) not in HEADS:
        raise ConfigError(
            f"MODEL.ROI_HEADS.NAME gives a {type(heads).__name__}, which cannot be exported; "
            f"valid: {', '.join(kind.__name__ for kind in HEADS)}"
        )
    if heads.keypoint_on:
        raise ConfigError("MODEL.KEYPOINT_ON is set, and keypoints cannot be exported")
    if heads.mask_on and heads.mask_pooler is None:
        raise ConfigError("MODEL.ROI_MASK_HEAD.POOLER_TYPE is empty, which cannot be exported")


def _segmentor(body: ModelBody) -> Exported:
    head = body.model.sem_seg_head
    features: Features = body.features
    if body.model.backbone is not getattr(body.model.backbone, "bottom_up", body.model.backbone):
        levels = body.pyramid()
        features = {name: lambda feature=feature: feature for name, feature in levels.items()}  # type: ignore[misc]
    return Exported(
        task=SEGMENTATION,
        outputs=export_segmentation_head(body.exporter, body.predictors, head, features),
        postprocessing={"kind": "segmentation"},
        num_classes=head.num_classes,
    )


HEADS = (
    StandardROIHeads,
    CascadeROIHeads,
    ClassAgnosticROIHeads,
    ClassAgnosticCascadeROIHeads,
)
MODELS: dict[type, Callable[[ModelBody], Exported]] = {
    GeneralizedRCNN: _rcnn,
    PanopticFPN: _panoptic,
    SemanticSegmentor: _segmentor,
}
