"""Check that a packed file predicts as the network that it was made from."""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from detectron2.config import CfgNode
from tabulate import tabulate
from torch import nn

from groupnet_det.commands.network_config import network_config
from groupnet_det.config.network import with_bases
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import make_missing_datasets, register_datasets
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.exporting.export_settings import ExportSettings
from groupnet_det.exporting.packed.eight_bits.rounded_convs import with_rounded_convs
from groupnet_det.exporting.packed.layers.rounded_stem import with_rounded_stem
from groupnet_det.exporting.packed.trained import (
    export_trained,
    load_trained,
    make_predictors,
    training_source,
)
from groupnet_det.exporting.verify.agreement import show_agreement
from groupnet_det.exporting.verify.blocks import TraceFunction
from groupnet_det.exporting.verify.engine import check_engine, engine_trace, skipped_engine
from groupnet_det.exporting.verify.predictions import (
    FAILED,
    MAX_POINTS,
    MIN_IMAGES,
    SKIPPED,
    Finding,
    Verdict,
    check_blocks,
    check_score,
    show_cost,
    verdict_of,
    verification_report,
)
from groupnet_det.files.output_files import check_output
from groupnet_det.inference.dataset_scores import DatasetScores, first_images, score_dataset
from groupnet_det.inference.packed_model import PackedModel, build_packed_model
from groupnet_det.modeling.heads.class_agnostic_nms import KEY, is_class_agnostic
from groupnet_det.modeling.meta_arch.semantic_inference import wrap_for_inference
from groupnet_det.packed.packed_file import PackedFile, read_packed, write_packed
from groupnet_det.runtime.reference.interpreter import trace_reference

from . import deployment_flags

# Task -> the scores that are compared.
SCORES = {
    "classification": ("classification/top1",),
    "detection": ("bbox/AP", "bbox/AP50"),
    "instance_segmentation": ("bbox/AP", "segm/AP"),
    "semantic_segmentation": ("sem_seg/mIoU",),
    "panoptic_segmentation": ("bbox/AP", "segm/AP", "sem_seg/mIoU"),
}
TRACES: dict[str, TraceFunction] = {"native": engine_trace, "reference": trace_reference}
EXIT_CODES = {Verdict.VERIFIED: 0, Verdict.FAILED: 1, Verdict.INCONCLUSIVE: 3}  # 2: wrong flags
WORDS = {
    Verdict.VERIFIED: "verified",
    Verdict.FAILED: "NOT verified",
    Verdict.INCONCLUSIVE: "INCONCLUSIVE: nothing is wrong, but the scores are inconclusive; "
    f"name a data set of {MIN_IMAGES} images or more in DATASETS.TEST, or train longer",
}
NO_ENGINE = "asked for with --backend reference: the engine itself was not compared"


def verify(
    cfg: CfgNode, path: Path, *, backend: str, num_images: int, predictors: str | None = None
) -> list[Finding]:
    """All findings, in the order of the checks; of each number of bases, rising.

    Args:
        predictors: Other last layers, whose cost is shown for the greatest number of bases.

    Raises:
        UserError: A file, a data set or the engine is missing, or of another network.
    """
    whole = read_packed(path)
    cfg = with_nms_of(cfg, whole)
    findings: list[Finding] = []
    *fewer, most = whole.program.choices() or [0]
    for number in fewer:
        own = _verify_one(
            with_bases(cfg, number), path, whole, number, backend=backend, num_images=num_images
        )
        findings += _named(own, number)
    own = _verify_one(
        with_bases(cfg, most) if most else cfg,
        path,
        whole,
        most or None,
        backend=backend,
        num_images=num_images,
        predictors=predictors,
    )
    return findings + (_named(own, most) if fewer else own)


def _named(findings: Sequence[Finding], bases: int) -> list[Finding]:
    return [replace(finding, part=f"K={bases}: {finding.part}") for finding in findings]


def _verify_one(
    cfg: CfgNode,
    path: Path,
    whole: PackedFile,
    bases: int | None,
    *,
    backend: str,
    num_images: int,
    predictors: str | None = None,
) -> list[Finding]:
    """The findings of the network with so many bases; None where the file has one network."""
    packed = whole.with_bases(bases)
    packed_model = build_packed_model(cfg, str(path), backend=backend, bases=bases)
    if predictors is not None:
        check_other(packed_model, predictors)
    trained, rest = load_trained(cfg)
    _warn_of_other_checkpoint(cfg, packed)
    images = first_images(cfg, cfg.DATASETS.TEST[0], num_images)
    findings = (
        [skipped_engine(NO_ENGINE)] if backend == "reference" else check_engine(packed, images)
    )
    rounded = with_rounded_convs(trained, packed.info)
    findings += check_blocks(rounded, packed, images, TRACES[backend])
    for dataset in cfg.DATASETS.TEST:
        findings += compare_predictions(cfg, trained, packed_model, dataset)
    if predictors is not None:
        again = export_trained(cfg, trained, rest, make_predictors(cfg, trained, predictors))
        findings += cost_of(cfg, packed_model, again, backend)
    return findings


def with_nms_of(cfg: CfgNode, packed: PackedFile) -> CfgNode:
    """The config whose network suppresses boxes as the file does, which the export may have been
    told to."""
    across = (packed.info.get("postprocessing") or {}).get("class_agnostic_nms", False)
    if across == is_class_agnostic(cfg):
        return cfg
    cfg = cfg.clone()
    cfg.defrost()
    cfg.merge_from_list([KEY, across])
    return cfg


def check_other(packed: PackedModel, predictors: str) -> None:
    """
    Raises:
        ConfigError: A packed model cannot be compared with one of such last layers.
    """
    if packed.predictor.task == "classification":
        raise ConfigError("--predictors is for detectors and segmenters; leave it out here")
    if packed.predictor.info.get("predictors") == predictors:
        raise ConfigError(f"the packed file has --predictors {predictors} already; name the other")


def cost_of(cfg: CfgNode, own: PackedModel, again: PackedFile, backend: str) -> list[Finding]:
    """The scores of a packed model beside those of the same network with other last layers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "again.gnp"
        write_packed(path, again.program, again.info, again.tensors)
        other = build_packed_model(cfg, str(path), backend=backend)
    models = {str(model.predictor.info["predictors"]): model for model in (own, other)}
    findings = []
    for dataset in cfg.DATASETS.TEST:
        found = {kind: score_dataset(cfg, model, dataset) for kind, model in models.items()}
        images = next(iter(found.values())).num_images
        for name in SCORES[own.predictor.task]:
            scores = {kind: one.values[name] for kind, one in found.items()}
            findings.append(show_cost(dataset, name, scores, images))
    return findings


def compare_predictions(
    cfg: CfgNode, trained: nn.Module, packed: PackedModel, dataset: str
) -> list[Finding]:
    """Compare the scores of both networks on a data set, and the images on which they agree."""
    task = packed.predictor.task
    ours = _score_trained(cfg, trained, dataset, task)
    theirs = score_dataset(cfg, packed, dataset)
    images = theirs.num_images
    # of classifiers, one image may be classified otherwise
    most = max(MAX_POINTS, 100 / images) if task == "classification" else MAX_POINTS

    def compare(rounded: Mapping[str, float]) -> list[Finding]:
        return [
            check_score(
                dataset,
                name,
                trained=ours.values[name],
                packed=theirs.values[name],
                images=images,
                most=most,
                rounded=rounded.get(name),
            )
            for name in SCORES[task]
        ]

    findings = compare({})
    if any(finding.verdict == FAILED for finding in findings):
        rounded = with_rounded_stem(with_rounded_convs(trained, packed.predictor.info))
        findings = compare(_score_trained(cfg, rounded, dataset, task).values)
    return findings + show_agreement(dataset, ours.predictions, theirs.predictions)


def _score_trained(cfg: CfgNode, model: nn.Module, dataset: str, task: str) -> DatasetScores:
    """Scores and predictions of a network of Detectron2's."""
    if task == "semantic_segmentation":
        model = wrap_for_inference(cfg, model)  # a packed file does so itself
    return score_dataset(cfg, model, dataset)


def _warn_of_other_checkpoint(cfg: CfgNode, packed: PackedFile) -> None:
    """Say what would explain all failures."""
    recorded = (packed.info.get("source") or {}).get("checkpoint_sha256")
    if (
        recorded
        and recorded != training_source(ExportSettings.from_config(cfg))["checkpoint_sha256"]
    ):
        print(f"note: the packed file was not made from {cfg.MODEL.WEIGHTS}", file=sys.stderr)


def prepare_check(cfg: CfgNode) -> CfgNode:
    """The config for the CPU, with its data sets registered and checked.

    Raises:
        UserError: Anything that would fail later.
    """
    cfg.MODEL.DEVICE = "cpu"
    cfg.freeze()
    if not cfg.DATASETS.TEST:
        raise ConfigError("DATASETS.TEST is empty; name a data set whose images are compared")
    register_datasets(cfg)
    make_missing_datasets(cfg.DATASETS.TEST)
    check_datasets(cfg, list(cfg.DATASETS.TEST))
    return cfg


def _show_findings(findings: list[Finding]) -> None:
    """Print the table and the verdict."""
    rows = [(f.check, f.part, f.compared, f.found, f.verdict) for f in findings]
    headers = ["check", "part", "compared", "found", "verdict"]
    print("\n" + tabulate(rows, headers=headers) + "\n")
    skipped = any(finding.verdict == SKIPPED for finding in findings)
    print(WORDS[verdict_of(findings)] + (", without the engine" if skipped else ""))


def main(argv: Sequence[str] | None = None) -> int:
    parser = deployment_flags.verify_packed()
    arguments = parser.parse_args(argv)
    if arguments.num_images < 1:
        parser.error("--num-images must be positive")
    try:
        check_output(arguments.json, "--json")
        cfg = prepare_check(network_config(arguments))
        findings = verify(
            cfg,
            Path(arguments.packed),
            backend=arguments.backend,
            num_images=arguments.num_images,
            predictors=arguments.predictors,
        )
    except UserError as error:
        sys.exit(f"error: {error}")
    _show_findings(findings)
    if arguments.json:
        arguments.json.write_text(json.dumps(verification_report(findings), indent=2) + "\n")
    return EXIT_CODES[verdict_of(findings)]
