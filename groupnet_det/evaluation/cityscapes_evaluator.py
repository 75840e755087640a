"""Cityscapes' official evaluator, from its package ``cityscapesscripts``."""

import contextlib
from collections.abc import Iterator

import numpy as np
from detectron2.evaluation import CityscapesSemSegEvaluator
from detectron2.utils import comm

from groupnet_det.data.datasets.cityscapes_masks import require_cityscapesscripts
from groupnet_det.errors import DataError


class OfficialCityscapesEvaluator(CityscapesSemSegEvaluator):
    """Detectron2's evaluator with results under ``cityscapes``, for use together with others.

    It scores all images of the data set's folder, so it needs predictions for all of them. A class
    that is predicted but not in any mask has an IoU of 0; Detectron2's mIoU leaves it out.
    """

    def __init__(self, dataset_name: str) -> None:
        """
        Raises:
            DataError: ``cityscapesscripts`` is missing.
        """
        require_cityscapesscripts("TEST.SEMANTIC.OFFICIAL_CITYSCAPES")
        super().__init__(dataset_name)

    def evaluate(self) -> dict[str, dict[str, float]] | None:
        """
        Returns:
            ``{"cityscapes": {"IoU", "iIoU", "IoU_sup", "iIoU_sup"}}`` in per cent in the main
            process, None in others.

        Raises:
            DataError: The package cannot score the files; it has printed the reason.
        """
        try:
            with _numpy_in1d():
                results = super().evaluate()
        except SystemExit as error:
            raise DataError(
                "cityscapesscripts cannot score the predictions, see above; TEST.SEMANTIC."
                "OFFICIAL_CITYSCAPES False turns it off"
            ) from error
        if not comm.is_main_process():
            return None
        return {"cityscapes": results["sem_seg"]}


@contextlib.contextmanager
def _numpy_in1d() -> Iterator[None]:
    """Provide ``numpy.in1d``, which the package calls and NumPy 2.4 replaced by `isin`."""
    if hasattr(np, "in1d"):
        yield
        return
    np.in1d = np.isin  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del np.in1d  # type: ignore[attr-defined]
