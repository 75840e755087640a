"""Exports the network of a checkpoint; a slimmable one with all of its numbers of bases."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from detectron2.config import CfgNode

from groupnet_det.config import parse_slimmable_bases
from groupnet_det.config.network import with_bases
from groupnet_det.exporting.packed.builder.tensor_store import TensorStore
from groupnet_det.packed.info import FEWER_BASES
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.score_thresholds import ScoreThreshold

from .eight_bits.calibration_images import DEFAULT_IMAGES
from .trained import export_trained, load_trained, make_float_convs, make_predictors


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Choices of an export.

    Attributes:
        predictors, float_convs: See `make_predictors` and `make_float_convs`.
        calibration_images: Number of images of ``DATASETS.TRAIN[0]`` that calibrate 8 bits.
        score_threshold: See `export_model`.
    """

    predictors: str = "float"
    float_convs: str = "float"
    calibration_images: int = DEFAULT_IMAGES
    score_threshold: ScoreThreshold | None = None


def export_checkpoint(cfg: CfgNode, options: ExportOptions) -> tuple[PackedFile, Any]:
    """Pack the network of ``MODEL.WEIGHTS``.

    Of ``MODEL.GROUPNET.SLIMMABLE_BASES``, the file has the numbers up to ``NUM_BASES``.

    Args:
        cfg: Its data sets are registered.

    Returns:
        The file, and the trained network, which has ``NUM_BASES`` bases.

    Raises:
        UserError: See `load_trained`, `make_predictors`, `make_float_convs` and `export_trained`.
    """
    most = cfg.MODEL.GROUPNET.NUM_BASES
    smaller = [number for number in parse_slimmable_bases(cfg) if number < most]
    store = TensorStore()
    files = {n: _export(with_bases(cfg, n), options, store)[0] for n in smaller}
    packed, model = _export(cfg, options, store)
    return (join_bases({**files, most: packed}) if files else packed), model


def _export(cfg: CfgNode, options: ExportOptions, store: TensorStore) -> tuple[PackedFile, Any]:
    model, rest = load_trained(cfg)
    images = options.calibration_images
    packed = export_trained(
        cfg,
        model,
        rest,
        make_predictors(cfg, model, options.predictors, images),
        make_float_convs(cfg, model, options.float_convs, images),
        options.score_threshold,
        store,
    )
    return packed, model


def join_bases(files: Mapping[int, PackedFile]) -> PackedFile:
    """One file of the same network with several numbers of bases.

    Args:
        files: By the number of bases; tensors of the same name are the same.
    """
    most = max(files)
    whole = files[most]
    fewer = {str(number): files[number] for number in sorted(files) if number != most}
    program = replace(
        whole.program,
        num_bases=most,
        fewer_bases={number: packed.program for number, packed in fewer.items()},
    )
    others = {number: _differing(packed.info, whole.info) for number, packed in fewer.items()}
    tensors = {name: tensor for one in files.values() for name, tensor in one.tensors.items()}
    return PackedFile(program, {**whole.info, FEWER_BASES: others}, tensors)


def _differing(info: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are not those of all bases."""
    return {key: value for key, value in info.items() if key not in whole or whole[key] != value}
