"""Post-processing of panoptic networks: that of an R-CNN, and how objects and labels combine."""

from dataclasses import dataclass

from groupnet_det.errors import PackedFileError
from groupnet_det.runtime.results.panoptic_segmentation import Combination

from .rcnn import RegionPostprocessing


@dataclass(frozen=True, kw_only=True)
class PanopticPostprocessing(RegionPostprocessing):
    """The postprocessing ``panoptic`` in docs/reference/packed-format.md."""

    combination: Combination

    def __post_init__(self) -> None:
        """
        Raises:
            ConfigError: Unknown `score`.
            PackedFileError: There is no mask head.
        """
        super().__post_init__()
        if self.mask is None:
            raise PackedFileError(
                "postprocessing.mask is missing; panoptic segments are made of masks"
            )
