"""Preparation of VOC 2012's "trainaug" split: training masks of VOC and of SBD.

SBD has masks of 11,355 images of VOC as Matlab files (Hariharan, Arbelaez, Bourdev, Maji, Malik,
"Semantic Contours from Inverse Detectors", ICCV 2011). VOC's validation images are left out.
"""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from groupnet_det.errors import DataError
from groupnet_det.images.label_images import Labels, check_range, voc_colours, write_labels

from .mask_folders import read_names
from .semantic_registration import TRAINAUG, TRAINAUG_MASKS, VOC_CLASSES

NUM_TRAINAUG = 10_582
VOC_MEND = "lay VOC 2012 out as datasets/README.md says"
SBD_MEND = "name SBD's folder that holds cls/, train.txt and val.txt"
PROGRESS_EVERY = 500  # masks


def prepare_trainaug(voc: Path, sbd: Path) -> int:
    """Write ``SegmentationClassAug/*.png`` and ``ImageSets/Segmentation/trainaug.txt`` below `voc`.

    If VOC has its own mask, that one is used, because it is finer and marks ignored pixels.
    Existing masks are kept, so that an interrupted run can be continued; the list is written last.

    Args:
        voc: The folder ``VOC2012``.
        sbd: The folder ``dataset`` of SBD's archive, with ``cls``, ``train.txt`` and ``val.txt``.

    Returns:
        The number of images, which is 10,582 for complete copies of VOC and SBD.

    Raises:
        DataError: A file is missing or broken, or scipy is not installed.
    """
    loadmat = _require_loadmat()
    lists = voc / "ImageSets" / "Segmentation"
    of_voc = set(read_names(lists / "train.txt", VOC_MEND))
    of_val = set(read_names(lists / "val.txt", VOC_MEND))
    of_sbd = {
        name for split in ("train", "val") for name in read_names(sbd / f"{split}.txt", SBD_MEND)
    }
    chosen = sorted((of_voc | of_sbd) - of_val)
    target = voc / TRAINAUG_MASKS
    target.mkdir(parents=True, exist_ok=True)
    started, made = time.monotonic(), 0
    for number, name in enumerate(chosen, start=1):
        output = target / f"{name}.png"
        if not output.exists():
            made += 1
            if name in of_voc:
                _copy(voc / "SegmentationClass" / f"{name}.png", output)
            else:
                labels = read_sbd_mask(sbd / "cls" / f"{name}.mat", loadmat)
                write_labels(output, labels, voc_colours(len(VOC_CLASSES)))
        if number % PROGRESS_EVERY == 0 or number == len(chosen):
            eta = (time.monotonic() - started) / max(made, 1) * (len(chosen) - number)
            print(f"trainaug: {number}/{len(chosen)} masks, {eta:.0f} s left", flush=True)
    partial = lists / f"{TRAINAUG}.partial"
    partial.write_text("".join(f"{name}\n" for name in chosen))
    partial.replace(lists / f"{TRAINAUG}.txt")
    return len(chosen)


def read_sbd_mask(path: Path, loadmat: Any) -> Labels:
    """Read the labels (H, W) of one of SBD's Matlab files: 0 is background, 1 to 20 are classes.

    Args:
        loadmat: The function `scipy.io.loadmat`.

    Raises:
        DataError: The file is missing or invalid.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist; {SBD_MEND}, unpacked completely")
    try:
        content = loadmat(path, squeeze_me=True, struct_as_record=False)
        labels = np.asarray(content["GTcls"].Segmentation)
    except Exception as error:  # scipy raises many types of errors
        raise DataError(f"{path} is not a mask of SBD: {type(error).__name__}: {error}") from error
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"{path} is not a mask of SBD: its labels are {labels.dtype} {labels.shape}"
        )
    check_range(labels, path, num_classes=len(VOC_CLASSES), ignore_label=None)
    return labels.astype(np.uint8)


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise DataError(f"mask {source} does not exist; {VOC_MEND}")
    partial = target.with_suffix(".partial")
    shutil.copyfile(source, partial)
    partial.replace(target)


def _require_loadmat() -> Any:
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as error:
        raise DataError(
            "SBD's Matlab files need the package scipy; install it: pip install 'groupnet-det[sbd]'"
        ) from error
    return loadmat
