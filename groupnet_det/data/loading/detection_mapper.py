"""Mapper from a record with boxes to a detector's input."""

import copy
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetMapper, detection_utils
from detectron2.data import transforms as T

from groupnet_det.data.checks.image_sizes import check_image_size
from groupnet_det.errors import lookup
from groupnet_det.images.decoding import CHANNEL_ORDERS, read_rgb
from groupnet_det.images.label_images import read_mask


class DetectionMapper(DatasetMapper):
    """Detectron2's mapper with our readers of images and label masks.

    Detectron2's reader rotates TIFF files with an EXIF orientation twice, clips values of more than
    8 bits, and takes the grey tones of a palette for labels.
    """

    def __init__(self, cfg: CfgNode, is_train: bool) -> None:
        """
        Raises:
            ConfigError: ``INPUT.FORMAT`` is neither RGB nor BGR.
        """
        super().__init__(cfg, is_train)
        self.channels = lookup(CHANNEL_ORDERS, self.image_format, "INPUT.FORMAT")

    def __call__(self, dataset_dict: dict[str, Any]) -> dict[str, Any]:
        """
        Raises:
            DataError: The image cannot be used, or its size differs from that of its record.
        """
        record = copy.deepcopy(dataset_dict)
        pixels = read_rgb(record["file_name"])
        height, width = pixels.shape[:2]
        check_image_size(record, (width, height), "the data set")
        record.update(height=height, width=width)
        labels = read_mask(record) if "sem_seg_file_name" in record else None
        record.pop("sem_seg_file_name", None)
        sample = T.AugInput(np.ascontiguousarray(pixels[:, :, self.channels]), sem_seg=labels)
        transforms = self.augmentations(sample)
        size = sample.image.shape[:2]
        record["image"] = torch.from_numpy(np.ascontiguousarray(sample.image.transpose(2, 0, 1)))
        if sample.sem_seg is not None:
            record["sem_seg"] = torch.from_numpy(sample.sem_seg.astype(np.int64))
        if self.proposal_topk is not None:
            detection_utils.transform_proposals(
                record, size, transforms, proposal_topk=self.proposal_topk
            )
        if not self.is_train:
            record.pop("annotations", None)
        elif "annotations" in record:
            self._transform_annotations(record, transforms, size)
        return record
