"""Tensors by the authors' names, under ours."""

import torch

from groupnet_det.checkpoint.converters.groupnet_authors import convert_authors


def under_our_names(tensors):
    """Rename parameters, gradients or buffers of a ResNet-18 or -34 backbone by our converter."""
    theirs = {key.removeprefix("module."): value for key, value in tensors.items()}
    depth34 = any(key.startswith("layer3.5.") for key in theirs)
    # What the converter needs to recognise a network; gradients and buffers lack one or the other.
    for stage, blocks in enumerate((3, 4, 6, 3) if depth34 else (2, 2, 2, 2), start=1):
        for block in range(blocks):
            theirs.setdefault(f"layer{stage}.{block}.conv1.0.weight", torch.zeros(0))
    theirs.setdefault("conv1.weight", torch.zeros(4, 3, 7, 7))
    converted = convert_authors(theirs).state
    return {key.removeprefix("backbone."): value for key, value in converted.items()}
