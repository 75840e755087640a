"""Flags of the commands in this folder, which can be shown without importing what they need."""

from pathlib import Path

from groupnet_det.commands.parser import CommandParser
from groupnet_det.packed.score_thresholds import SCORE_THRESHOLD
from groupnet_det.pretrained import list_pretrained

SOURCES = ("annotation", "dataloader")
SHOWN_FIRST = "retinanet_groupnet_photo_digits"  # of the models that come with the package


def app() -> CommandParser:
    """Packed models on your own images, in a browser on this machine.

      make web
      %(prog)s
      %(prog)s --models output/my_detector.gnp digits.gnp

    It offers the models that come with the package, those of `make zoo` and all
    output/**/model.gnp, or those that --models names.
    Nobody but this machine can open the page, and the page asks for nothing elsewhere.
    docs/use/web-demo.md
    """
    parser = CommandParser(app.__doc__)
    parser.add_argument(
        "--models",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE.gnp",
        help="only these (default: those of the package, zoo/ and output/)",
    )
    parser.add_argument("--port", type=int, help="of 127.0.0.1; any free one from 7860 by default")
    return parser


def demo() -> CommandParser:
    """Run a trained model on images, a video or a webcam, and draw what it finds.

      %(prog)s
      %(prog)s --weights output/model_final.pth --input photos/*.jpg --output drawn
      %(prog)s --weights output/model_final.pth --video-input street.mp4 --output drawn.mp4
      %(prog)s --config-file configs/... --webcam --opts MODEL.WEIGHTS model_final.pth
      %(prog)s --weights classifier.gnp --input photo.jpg --output drawn.jpg

    Without weights, a small model that comes with the package is run, on its own image where none
    is named. The flags are those of Detectron2's demo. Checkpoints carry their config and class
    names; for those that do not, give ``--config-file``. Objects, masks, semantic and panoptic
    segmentation, classes of images: whatever the model is for. Without ``--output`` a window opens,
    which Escape closes.

    Images that cannot be read are reported and skipped; the exit code is then 1.
    """
    parser = CommandParser(demo.__doc__)
    parser.add_argument("--config-file", default="", metavar="FILE", help="of the training")
    parser.add_argument("--weights", default="", metavar="FILE", help="as --opts MODEL.WEIGHTS")
    parser.add_argument(
        "--pretrained",
        default=SHOWN_FIRST,
        metavar="NAME",
        help=f"without weights: {', '.join(list_pretrained())} (default: %(default)s)",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--input", nargs="+", help="image files, folders, patterns '*.jpg'")
    source.add_argument("--video-input", metavar="FILE", help="video file (needs OpenCV)")
    source.add_argument(
        "--webcam",
        nargs="?",
        type=int,
        const=0,
        metavar="NUMBER",
        help="camera, by its number (0 without one)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="PATH", help="file or folder; without, a window opens"
    )
    parser.add_score_threshold(
        "--confidence-threshold",
        help_="of objects, for all or for single classes (default: those of a packed file, or "
        f"{SCORE_THRESHOLD})",
    )
    parser.add_argument("--opts", nargs="*", default=[], help="config KEY VALUE pairs")
    return parser


def visualize_data() -> CommandParser:
    """Draw training data with their annotations; the flags are those of Detectron2's tool.

      %(prog)s --source annotation --config-file configs/... --output drawn
      %(prog)s --source dataloader --config-file configs/... --output drawn

    ``annotation`` draws the images of DATASETS.TRAIN as they are, ``dataloader`` what the network
    sees of them, resized, cropped and flipped, and refuses what training refuses. Boxes, masks,
    labels of pixels and classes of images are drawn.
    """
    parser = CommandParser(visualize_data.__doc__)
    parser.add_argument(
        "--source",
        choices=SOURCES,
        required=True,
        help="images as they are, or as training sees them",
    )
    parser.add_config(required=False)
    parser.add_argument(
        "--output", "--output-dir", type=Path, default=Path(), metavar="FOLDER", help="to draw into"
    )
    parser.add_argument("--show", action="store_true", help="in a window instead")
    parser.add_argument("--num-images", type=int, default=0, help="default: all")
    return parser


def visualize_json_results() -> CommandParser:
    """Draw saved detections beside the ground truth, one drawing for each image.

    The flags of Detectron2's tool work too: --input and --conf-threshold.

      %(prog)s --results output/inference/coco_instances_results.json \\
          --output drawn --dataset photo_digits_val --score-threshold 0.5

    A data set of your own is one of DATASETS.CUSTOM in ``--config-file``. A sheet of a few images,
    and results of other tasks: `groupnet-det visualize`.
    """
    parser = CommandParser(visualize_json_results.__doc__)
    parser.add_argument(
        "--results",
        "--input",
        type=Path,
        required=True,
        metavar="FILE",
        help="COCO results json",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder")
    parser.add_argument("--dataset", default="coco_2017_val", help="its name")
    parser.add_argument(
        "--score-threshold",
        "--conf-threshold",
        type=float,
        default=SCORE_THRESHOLD,
        metavar="SCORE",
        help="of objects that are drawn",
    )
    parser.add_config(required=False, help_="of a data set of yours")
    return parser


def visualize_results() -> CommandParser:
    """Draw saved predictions beside the ground truth, and the curves of the training.

      %(prog)s output/model_final.pth --output sheet.png --curves curves.png
      %(prog)s configs/... --output sheet.png

    The config is the one that the checkpoint carries, or one that is named. The results are those
    of the last evaluation in the config's OUTPUT_DIR, or ``--results``; the curves are those of its
    metrics.json.
    """
    parser = CommandParser(visualize_results.__doc__)
    parser.add_network()
    parser.add_argument(
        "--results", type=Path, help="COCO results json, predictions.csv, or folder of label maps"
    )
    parser.add_argument("--output", type=Path, help="PNG file of predictions")
    parser.add_argument("--curves", type=Path, help="PNG file of losses and metrics")
    parser.add_argument("--num-images", type=int, default=6, help="of the sheet")
    parser.add_argument(
        "--score-threshold",
        "--threshold",
        type=float,
        default=SCORE_THRESHOLD,
        metavar="SCORE",
        help="of objects that are drawn",
    )
    return parser
