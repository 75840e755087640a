"""Flags of the commands in this folder, which can be shown without importing what they need."""

from pathlib import Path

from groupnet_det.commands.parser import ONNX, PACKED_KIND, CommandParser
from groupnet_det.packed.score_thresholds import SCORE_THRESHOLD

# Copies of the tables that they choose from, which are not imported here; a test compares both.
BACKENDS = ("native", "reference")
PRECISIONS = ("float", "int8")
CALIBRATION_IMAGES = 32


def export_onnx() -> CommandParser:
    """Write a trained network as an ONNX file that ONNX Runtime runs: the simulation with floats.

      %(prog)s output/classifier_groupnet_mnist5k/model_final.pth digits.onnx
      %(prog)s my.yaml resnet18_groupnet.pth digits.onnx

    The config is the one that the checkpoint carries, or one that is named. Classifiers and
    segmenters give their logits, detectors the raw outputs of their heads. The file is run by ONNX
    Runtime on sample images of two sizes and compared with the trained network; one that disagrees
    is not written. ONNX has no weights of one bit: the file is as large as that of a float network,
    and slower. For small and fast files: `groupnet-det export`. See docs/use/onnx.md.
    """
    parser = CommandParser(export_onnx.__doc__)
    parser.add_network()
    parser.add_file(ONNX, "--output", help_="file to write, .onnx")
    return parser


def export_packed() -> CommandParser:
    """Pack a trained network into one small file that runs without Detectron2.

      %(prog)s output/classifier_groupnet_mnist5k/model_final.pth digits.gnp
      %(prog)s my.yaml resnet18_groupnet.pth digits.gnp
      %(prog)s output/street/model_final.pth street.gnp --score-threshold person=0.6 car=0.4

    The config is the one that the checkpoint carries, or one that is named. Classifiers,
    detectors, segmenters and Panoptic FPN can be packed. Binary weights take one bit each. What
    cannot be computed with bits is listed with the reason. Layers that are not binary can be given
    8 bits: the last ones of detectors and segmenters with --predictors int8, other convolutions in
    full precision, such as those of shortcuts and laterals, with --float-convs int8. What is in the
    file: docs/reference/packed-format.md.
    """
    parser = CommandParser(export_packed.__doc__)
    parser.add_network()
    parser.add_file(PACKED_KIND, "--output", help_="file to write, .gnp")
    parser.add_argument(
        "--predictors", choices=PRECISIONS, default="float", help="last layers, never binary"
    )
    parser.add_argument(
        "--float-convs",
        choices=PRECISIONS,
        default="float",
        help="other convolutions in full precision, but for the stem",
    )
    parser.add_argument(
        "--calibration-images",
        type=int,
        default=CALIBRATION_IMAGES,
        metavar="N",
        help="of int8: N of DATASETS.TRAIN[0]",
    )
    parser.add_argument(
        "--class-agnostic-nms",
        action="store_true",
        help="boxes suppress those of all classes, not only of their own; as the key "
        "MODEL.GROUPNET.HEAD.CLASS_AGNOSTIC_NMS True",
    )
    parser.add_score_threshold(
        help_="of objects, for all or for single classes, that those who open the file have by "
        f"default (default: {SCORE_THRESHOLD} when it is opened)",
    )
    return parser


def fit() -> CommandParser:
    """Choose the number of bases of each part of a slimmable network for a time for an image.

      %(prog)s output/digits/model_final.pth --ms 3 --output output/digits_3ms

    Each stage of the backbone, the pyramid and the heads may run another number of bases. From the
    smallest numbers on, the step that gains most for a millisecond is taken, as measured on this
    machine and on DATASETS.VAL, or on DATASETS.TEST where there is none. Nothing is trained; BN
    statistics are measured again where numbers differ. --output gets the packed file, its
    checkpoint and config, to be evaluated or trained on, and the rows of all networks that were
    tried; started again, the command goes on. Let the machine be idle.

    See docs/understand/networks.md#slimmable-networks.
    """
    parser = CommandParser(fit.__doc__)
    parser.add_network()
    parser.add_argument("--ms", type=float, required=True, help="milliseconds for an image")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--threads", type=int, default=1, help="of the engine")
    parser.add_argument(
        "--batches", type=int, default=50, help="of training images, for the statistics of BN"
    )
    return parser


def push() -> CommandParser:
    """Put a folder of weights on the Hugging Face hub, for other people.

      groupnet-det convert output/model_final.pth --output my_detector
      groupnet-det export output/model_final.pth my_detector/model.gnp
      %(prog)s my_detector user/my_detector

    model.safetensors, config.json, README.md and packed files (.gnp) are read and then uploaded;
    nothing else in the folder is. A card that nobody has edited gets the name on the hub.
    MODEL.WEIGHTS hf://user/my_detector then names the weights from anywhere, and
    hf://user/my_detector/model.gnp the packed file.

    This needs huggingface_hub (pip install 'groupnet-det[hub]') and a login: hf auth login
    """
    parser = CommandParser(push.__doc__)
    parser.add_argument("folder", type=Path, help="as `groupnet-det convert` makes it")
    parser.add_argument("name", metavar="USER/NAME", help="of the model on the hub")
    parser.add_argument("--private", action="store_true", help="a model that others do not see")
    return parser


def verify_packed() -> CommandParser:
    """Check that a packed file predicts as the network that it was made from.

      %(prog)s output/classifier_groupnet_mnist5k/model_final.pth digits.gnp

    Three checks: the compiled engine against a reference in PyTorch, every bit of every step; the
    blocks of the training model's backbone on identical inputs, integers equal and floats to 1e-4;
    the accuracy (AP, mIoU) on DATASETS.TEST, at most 0.1 points apart, or of classifiers one image.
    The file rounds the stem's weights to 16 bits, on which single signs may turn, and with
    --float-convs int8 other convolutions to 8. Where scores are further apart, the trained network
    is therefore scored again, rounded so: the packed one must be within 0.1 points of that, and
    that within 0.5 of the trained one. Besides,
    the table shows on how many images both networks agree: the same class, the same detections
    (score 0.3 and more, IoU 0.9), or the same label in 99 % of the pixels.

    Exit code 0: verified. 1: something that packing got wrong, in the engine, a block, or scores
    more than 0.5 points from the network with the rounded stem; or an error. 3: INCONCLUSIVE,
    nothing is wrong, but the scores are inconclusive: fewer than 100 images, scores below 1, or
    ones that roundings moved further than allowed.

    ``--predictors int8`` also shows what it costs to give the last layers of a detector or
    segmenter 8 bits: the network is packed again, and its scores are set beside the file's, without
    a verdict.

    ``--backend reference`` is for machines without the engine: the first check is skipped, which
    the table says, and the others are done with the reference, slowly.
    """
    parser = CommandParser(verify_packed.__doc__)
    parser.add_network()
    parser.add_file(PACKED_KIND, "--packed", help_="file to verify, .gnp")
    parser.add_argument("--backend", choices=BACKENDS, default="native", help="of the packed file")
    parser.add_argument("--predictors", choices=PRECISIONS, help="show what other last layers cost")
    parser.add_argument("--num-images", type=int, default=4, help="whose maps are compared")
    parser.add_argument(
        "--json", "--report", type=Path, metavar="FILE", help="write the findings to this file"
    )
    return parser
