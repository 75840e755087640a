"""A Group-Net ResNet-18 with gates at 224 pixels, counted by hand: numbers by K.

Maps of 112 pixels a side after the stem, then 56, 28, 14 and 7.
"""

CLASSES = 1000
CONVS = (
    56 * 56 * 9 * (4 * 64 * 64)
    + 28 * 28 * 9 * (64 * 128 + 3 * 128 * 128)
    + 14 * 14 * 9 * (128 * 256 + 3 * 256 * 256)
    + 7 * 7 * 9 * (256 * 512 + 3 * 512 * 512)
)
DOWNSAMPLES = 28 * 28 * (64 * 128) + 14 * 14 * (128 * 256) + 7 * 7 * (256 * 512)
STEM_AND_CLASSIFIER = 112 * 112 * 64 * (3 * 7 * 7) + 512 * CLASSES
WEIGHTS_3X3 = 9 * sum(
    (4 * 64 * 64, 64 * 128 + 3 * 128**2, 128 * 256 + 3 * 256**2, 256 * 512 + 3 * 512**2)
)
WEIGHTS_1X1 = 64 * 128 + 128 * 256 + 256 * 512
WEIGHTS_FLOAT = 64 * (3 * 7 * 7) + 512 * CLASSES + CLASSES
GATES = 7  # one a block, but for the first


def norm_channels(k):
    """Channels with a BN: stem, two convolutions of eight blocks for each base, downsamplings."""
    return 64 + k * 4 * (64 + 128 + 256 + 512) + (128 + 256 + 512)


def binary_operations(k):
    return k * (CONVS + DOWNSAMPLES)


def parameters(k):
    return k * WEIGHTS_3X3 + WEIGHTS_1X1 + WEIGHTS_FLOAT + 2 * norm_channels(k) + GATES


def packed_bits(k):
    """BN has four numbers a channel; six are the pixels' mean and deviation."""
    floats = WEIGHTS_FLOAT + 4 * norm_channels(k) + GATES + 6
    return k * WEIGHTS_3X3 + WEIGHTS_1X1 + 32 * floats


def full_precision_bytes():
    """Of the baseline, which has one base and no gates."""
    return 4 * (WEIGHTS_3X3 + WEIGHTS_1X1 + WEIGHTS_FLOAT + 4 * norm_channels(1) + 6)
