"""A trained `ImageClassifier` as a packed file.

The member ``blocks`` of its ``info`` says where the maps of the training model's blocks are in the
program, so that a tool can compare the two::

    {"res2.0": {"first_step": 1, "last_step": 2,
                "inputs": [place, ...],
                "units": {"branches.0.unit2": place, ...},
                "merged": place or null}, ...}

* The keys are the paths of the `GroupBlock` in the backbone, in the order of the network; steps
  are called by path too, such as ``res2.0.unit1`` for the first units of all branches.
* ``inputs[k]`` is x_k, which branch k reads, *after* the block's connection (gate or merge). So
  the outputs of a block are the inputs of the next one, and the last block has ``merged``.
* ``units`` has the inputs of the units after the first of each branch.
* A place is ``{"step", "at", "index", "sum"}``: what goes to the sinks of that step, where ``at``
  is ``stem``, ``branch`` (with its number), ``joined`` (a join's, with its number) or ``merged``.
  Where ``sum`` is true the value is the integer sum of a binary convolution, not the unit's
  output.

Floats are not kept in all places; `exporting.verify.kept_maps` adds the sinks that keep them, and
`block_comparison.compare_blocks` feeds the training model with them.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.folding import MapValues
from groupnet_det.exporting.packed.builder.program_builder import ProgramBuilder
from groupnet_det.exporting.packed.builder.tensor_store import TensorStore
from groupnet_det.exporting.packed.eight_bits.float_layers import Float32Convs, FloatConvs
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Term
from groupnet_det.packed.steps.float_maps import Mean
from groupnet_det.version import __version__

from .backbone import describe_blocks, export_backbone


def export_classifier(
    model: Any,
    *,
    class_names: Sequence[str],
    info: Mapping[str, Any] | None = None,
    float_convs: FloatConvs | None = None,
    store: TensorStore | None = None,
) -> PackedFile:
    """Fold and pack a trained classifier.

    Args:
        model: An `ImageClassifier`; it stays as it is.
        class_names: One for each logit.
        info: Further members of the file's ``info``, such as ``preprocessing`` and ``source``.
        float_convs: How convolutions in full precision are computed; as trained by default.
        store: Keeps the tensors, for other files to share them.

    Returns:
        A network with the output ``logits`` (N, 1, 1, number of classes), whose ``info`` has
        ``task``, ``class_names``, ``unpacked``, ``blocks``, ``versions`` and those of `info`.

    Raises:
        ConfigError: No program can compute this network; the message says what to change.
    """
    _check(model, class_names)
    model = copy.deepcopy(model).cpu().float().eval()
    mean, std = model.pixel_mean.flatten(), model.pixel_std.flatten()
    builder = ProgramBuilder(input_channels=len(mean), store=store)
    float_convs = float_convs or Float32Convs()
    exported = export_backbone(
        builder,
        model.backbone,
        last_stage=model.in_feature,
        mean=mean,
        std=std,
        float_convs=float_convs.within("backbone"),
    )
    feature = exported.features[model.in_feature]()
    logits = _add_linear(builder, "fc", model.fc, builder.float_step(Mean, "mean", feature))
    program, tensors = builder.finish({"logits": logits})
    unpacked = {f"backbone.{name}": reason for name, reason in exported.unpacked.items()}
    unpacked["fc"] = "full precision always"
    about = {
        "task": "classification",
        "class_names": list(class_names),
        **(info or {}),
        **float_convs.info(),
        "unpacked": [{"name": name, "reason": reason} for name, reason in unpacked.items()],
        "blocks": describe_blocks(builder, exported, feature),
        "versions": {"groupnet_det": __version__, "torch": str(torch.__version__)},
    }
    return PackedFile(program, about, tensors)


def _check(model: Any, class_names: Sequence[str]) -> None:
    if not all(hasattr(model, name) for name in ("backbone", "fc", "in_feature", "pixel_mean")):
        raise ConfigError(
            f"MODEL.META_ARCHITECTURE gives a {type(model).__name__}; only an "
            "ImageClassifier is exported as a classifier"
        )
    if len(class_names) != model.fc.out_features:
        raise ConfigError(
            f"there are {len(class_names)} class names for {model.fc.out_features} classes; set "
            f"MODEL.CLASSIFIER.NUM_CLASSES, or DATASETS.TEST to a data set of this network"
        )


def _add_linear(builder: ProgramBuilder, name: str, linear: nn.Linear, source: int) -> int:
    """Append a linear layer on a map of one pixel; returns the buffer of its output."""
    step = builder.conv(name, num_branches=1, channels=linear.out_features)
    (branch,) = step.branches
    weight = builder.tensor(f"{name}.weight", linear.weight[:, None, None])
    bias = MapValues(shift1=linear.bias.detach())
    branch.terms.append(Term(input=source, weight=weight, map=builder.map(name, bias)))
    return branch.out.as_float()
