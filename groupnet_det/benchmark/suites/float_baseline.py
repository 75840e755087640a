"""The full-precision baseline of a packed file, to be timed beside it."""

from collections.abc import Mapping
from typing import Any

import torch
from detectron2.modeling import build_model
from torch import Tensor

import groupnet_det.modeling.register  # noqa: F401 (makes our parts known to Detectron2)
from groupnet_det.analysis.random_weights import SEED, prepared
from groupnet_det.config.network import config_of_keys, float_baseline_of
from groupnet_det.errors import PackedFileError
from groupnet_det.evaluation.test_time_augmentation import wrap_for_testing
from groupnet_det.modeling.heads.class_agnostic_nms import with_chosen_nms
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.panoptic_segmentation import PanopticSegmentation
from groupnet_det.runtime.results.result import Result

MAX_REASON = 200  # characters that a message quotes
NO_OBJECT = 2.0  # a score threshold that none has


class FloatBaseline:
    """The same network in float32, by PyTorch and Detectron2, in channels-last layout.

    Its weights are random: its times mean something, its predictions nothing.
    """

    def __init__(self, info: Mapping[str, Any]) -> None:
        """
        Args:
            info: The member ``info`` of the packed file.

        Raises:
            PackedFileError: It does not say which network the file holds.
            ConfigError: What it says is not a config of this version.
        """
        keys = info.get("network_keys")
        if not isinstance(keys, dict):
            raise PackedFileError(
                "the packed file does not say which network it holds, as it was made by an older "
                "version; export it again"
            )
        cfg = float_baseline_of(config_of_keys(keys))
        torch.manual_seed(SEED)
        try:
            self.model = wrap_for_testing(cfg, prepared(build_model(with_chosen_nms(cfg))))
        except Exception as error:  # whatever builders stumble over, of keys made to break them
            reason = str(error).partition("\n")[0][:MAX_REASON]
            raise PackedFileError(
                f"info.network_keys make no network: {type(error).__name__}: {reason}"
            ) from error
        # Of R-CNNs: where boxes are chosen.
        self.choosers: list[Any] = [
            module for module in self.model.modules() if hasattr(module, "test_topk_per_image")
        ]

    @torch.inference_mode()
    def __call__(self, pixels: Tensor, wanted: tuple[int, int]) -> dict[str, Any]:
        """The outputs for an image, as `PackedPredictor.prepare` gives it."""
        image = pixels[0].permute(2, 0, 1).contiguous()
        item = {"image": image, "height": wanted[0], "width": wanted[1]}
        return dict(self.model([item])[0])

    def match(self, pixels: Tensor, wanted: tuple[int, int], objects: int) -> None:
        """Make an R-CNN find as many objects in this image as its trained baseline.

        Each object takes time: random scores, which are all alike, would give a hundred of them.
        The score threshold becomes that of the last object that is wanted.
        """
        if not self.choosers:
            return
        self._choose(threshold=0.0, most=max(objects, 1))
        scores = self(pixels, wanted)["instances"].scores[:objects]
        least = 0.999999 * float(scores.min()) if len(scores) else NO_OBJECT
        self._choose(threshold=least, most=max(objects, 1))

    def match_result(self, pixels: Tensor, wanted: tuple[int, int], result: Result) -> None:
        """`match` as many objects as a packed network has found."""
        if isinstance(result, PanopticSegmentation):
            result = result.detections
        self.match(pixels, wanted, len(result) if isinstance(result, Detections) else 0)

    def _choose(self, *, threshold: float, most: int) -> None:
        for chooser in self.choosers:
            chooser.test_score_thresh = threshold
            chooser.test_topk_per_image = most
