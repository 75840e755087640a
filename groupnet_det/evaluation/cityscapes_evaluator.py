"""Cityscapes' official evaluator, from its package ``cityscapesscripts``."""

import contextlib
from collections.abc import Iterator

import numpy as np
from detectron2.evaluation import CityscapesSemSegEvaluator
from detectron2.utils import comm

from groupnet_det.data.datasets.cityscapes_masks import require_cityscapesscripts
from groupnet_det.errors import DataError


class OfficialCityscapesEvaluator(CityscapesSemSegEvaluator):
    """Detectron2's, with results under ``cityscapes``, so that it can stand beside others.

    It scores all images of the data set's folder, and can thus only be used with all of them. A
    class that was predicted, but is in no mask, counts with an IoU of 0; in Detectron2's mIoU it
    does not count.
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
            ``{"cityscapes": {"IoU", "iIoU", "IoU_sup", "iIoU_sup"}}`` in per cent; None but in the
            main process.

        Raises:
            DataError: The package cannot score the files; it has printed why.
        """
        try:
            with _numpy_in1d():
                results = super().evaluate()
        except SystemExit as error:
            raise DataError(
                "cityscapesscripts cannot score the predictions, see above; TEST.SEMANTIC."
                "OFFICIAL_CITYSCAPES False does without it"
            ) from error
        if not comm.is_main_process():
            return None
        return {"cityscapes": results["sem_seg"]}


@contextlib.contextmanager
def _numpy_in1d() -> Iterator[None]:
    """The package calls ``numpy.in1d``, which NumPy 2.4 took away; `isin` is its successor."""
    if hasattr(np, "in1d"):
        yield
        return
    np.in1d = np.isin  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del np.in1d  # type: ignore[attr-defined]
