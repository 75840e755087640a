"""Flags of the commands in this folder, which can be shown without importing what they need."""

from pathlib import Path

from groupnet_det.commands.parser import PACKED_KIND, WEIGHTS, CommandParser

# Copies of the tables that they choose from, which are not imported here; a test compares both.
BACKENDS = ("native", "reference")
IOU_TYPES = ("bbox", "segm")
VOC_METRICS = ("07", "12")
TASKS = ("detect", "instance", "segment", "classify")


def compare_methods() -> CommandParser:
    """Train a list of methods with one schedule, and show what they reach against what they cost.

      %(prog)s --config-file configs/Comparison/sign_digits.yaml --jobs 2
      %(prog)s --config-file configs/Comparison/sign_digits.yaml --show-only
      %(prog)s --config-file configs/Comparison/bccd.yaml \\
          --methods-file bccd --seeds 1 2

    What counts is SOLVER.BEST_METRIC of the config: top-1, mIoU or AP. The file of methods maps
    names to config keys and values; _BASE_ names another config file for a method, such as another
    detector.

    Each method first gets its best learning rate from one common grid, with a shorter schedule and
    a seed that is used for nothing else, scored on DATASETS.VAL where the config has one, so that
    the images of the results choose nothing. Every finished training is a row of the CSV at once;
    started again, the tool goes on with the rows that are missing. A training that diverges counts
    as 0 %. Tables and plot show what is finished of the grid that the flags describe. To screen
    many methods, give --seeds no number: only searches are trained.

    --front shows what is worth deploying, of classifiers, segmenters and dense detectors: each
    result is scored on DATASETS.TEST once more, as a packed file or, where it is in full precision,
    as a graph of OpenVINO and ONNX Runtime, in float32 and in 8 bits, quantized after training,
    with the post-processing of packed files. --front --time, on an idle machine, times them in
    turns; table and plot then show which are on the Pareto front.

    A row's folder, in OUTPUT_DIR, holds metrics.json and log.txt; with --keep also its checkpoints
    and config.yaml. Trainings at a time share the cores, or have OMP_NUM_THREADS threads each.
    """
    parser = CommandParser(compare_methods.__doc__)
    parser.add_config(help_="schedule and data of all rows")
    parser.add_argument("--methods-file", type=Path, default=Path("methods"), help="or a name")
    parser.add_argument("--methods", nargs="+", help="some names of that file; all by default")
    parser.add_argument(
        "--learning-rates",
        nargs="+",
        type=float,
        default=[0.003, 0.01, 0.03],
        help="the best is searched for; a single one is taken as it is",
    )
    parser.add_argument(
        "--seeds", nargs="*", type=int, default=[1, 2, 3], help="none: the search alone"
    )
    parser.add_argument(
        "--single-seed",
        nargs="*",
        default=["ABC-Net 5/5"],
        metavar="METHOD",
        help="methods that are trained with the first seed alone",
    )
    parser.add_argument(
        "--search-share", type=float, default=1 / 3, help="length of a search, of MAX_ITER"
    )
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--keep", action="store_true", help="checkpoints and config of each row")
    group = parser.add_argument_group("accuracy against milliseconds, both measured")
    group.add_argument(
        "--front", action="store_true", help="score each result on the engines that can run it"
    )
    group.add_argument(
        "--time", action="store_true", help="train nothing, and time them all in turns"
    )
    group.add_argument("--front-csv", type=Path, help="by default results/front/<config>.csv")
    group.add_argument("--calibration-images", type=int, default=200, help="of training, for int8")
    group.add_argument("--threads", type=int, default=1, help="of each engine")
    group.add_argument("--rounds", type=int, default=15, help="of --time")
    parser.add_argument("--csv", type=Path, help="rows; by default results/comparison/<config>.csv")
    parser.add_argument("--show-only", action="store_true", help="train nothing")
    return parser


def convert_checkpoint() -> CommandParser:
    """Convert weights: foreign ones to ours, and ours to a folder for other people and back.

      %(prog)s resnet18_groupnet.pth.tar --output groupnet_r18.pth
      %(prog)s resnet18-f37072fd.pth --output float_r18.pth
      %(prog)s resnet18-f37072fd.pth --output start_r18_k4.pth --num-bases 4
      %(prog)s output/model_final.pth --output my_detector
      %(prog)s my_detector --output my_detector.pth

    Foreign are the Group-Net authors' files and torchvision's ResNets. The variant is recognised
    from the keys. Beside the output a YAML file is written with the config of the network that the
    weights belong to; to score it on a data set:

      groupnet-det train --eval-only --config-file groupnet_r18.yaml DATASETS.TEST "['mine']"

    A folder holds model.safetensors, config.json and README.md, as model hubs keep them: weights,
    class names, the complete config, and the scores that metrics.json beside the checkpoint knows.
    MODEL.WEIGHTS takes it wherever it takes a .pth file. Weights that carry no config need
    --config-file.

    Files are read without running code that they hold; what needs it is refused.
    """
    parser = CommandParser(convert_checkpoint.__doc__)
    parser.add_argument("checkpoint", type=Path, help="file, or folder of weights")
    parser.add_argument(
        "--output", type=Path, required=True, help="file to write, .pth; or of ours a folder"
    )
    parser.add_argument(
        "--config-file", default="", help="of the training, for a folder of weights without one"
    )
    parser.add_argument(
        "--num-bases", type=int, default=0, help="torchvision: K to start with; 0: float"
    )
    parser.add_argument(
        "--noise", type=float, default=0.1, help="torchvision: noise by which the K copies differ"
    )
    parser.add_argument(
        "--bpac", action="store_true", help="authors' segmentation: trained with dilated branches"
    )
    return parser


def evaluate() -> CommandParser:
    """Score saved predictions without a model.

      %(prog)s --annotations instances_val.json \\
          --results output/inference/coco_instances_results.json --csv scores.csv
      %(prog)s --voc VOC2007 --split test --voc-metric 07 \\
          --results output/inference/coco_instances_results.json
      %(prog)s --predictions output/inference/predictions.csv
      %(prog)s --masks SegmentationClass --label-maps output/inference/label_maps \\
          --classes classes.txt --csv scores.csv --confusion-matrix confusion.png
    """
    parser = CommandParser(evaluate.__doc__)
    parser.add_argument("--csv", type=Path, help="write the scores of each class to this file")
    parser.add_argument("--classes", help="file of class names, one a line; or name,name,...")
    group = parser.add_argument_group("detections")
    group.add_argument("--annotations", type=Path, help="COCO instances json")
    group.add_argument("--results", type=Path, help="COCO results json")
    group.add_argument("--iou-type", choices=IOU_TYPES, help="default: bbox")
    group.add_argument("--voc", type=Path, help="folder of VOC layout, instead of --annotations")
    group.add_argument("--split", help="of it, such as test")
    group.add_argument("--voc-metric", choices=VOC_METRICS, help="default: 12 (area); 07: points")
    group = parser.add_argument_group("classes of images")
    group.add_argument("--predictions", type=Path, help="predictions.csv of a classifier")
    group = parser.add_argument_group("masks")
    group.add_argument("--masks", type=Path, help="folder of true masks, also in folders below")
    group.add_argument("--label-maps", type=Path, help="folder of predicted masks")
    group.add_argument("--ignore-label", type=int, help="of true masks (default: 255)")
    group.add_argument("--labels", help="of the values of true masks, where they differ: 0=0,255=1")
    group.add_argument(
        "--list", type=Path, help="file of names, with or without suffix: each must have both masks"
    )
    group.add_argument("--confusion-matrix", type=Path, help="PNG file to draw")
    return parser


def report() -> CommandParser:
    """Make one HTML page of a training: scores, curves, images, structure and costs of its network.

      %(prog)s output/retinanet_groupnet_photo_digits
      %(prog)s output/cells --baseline output/cells_float

    The page, OUTPUT_DIR/report.html, needs no other file and no network. What it shows lies in
    OUTPUT_DIR already; where something is missing, the page names the command that makes it.
    Training makes the page at its end with ``groupnet-det train --report``. What is on it:
    docs/use/report.md.
    """
    parser = CommandParser(report.__doc__)
    parser.add_argument("output_dir", type=Path, help="OUTPUT_DIR of a training")
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="FOLDER",
        help="OUTPUT_DIR of the same training in full precision, whose scores are shown beside",
    )
    return parser


def eval_net() -> CommandParser:
    """Evaluate a trained network, or a packed file, on DATASETS.TEST.

      %(prog)s output/street/model_final.pth
      %(prog)s output/street/model_final.pth DATASETS.TEST "['other_images']"
      %(prog)s output/street/config.yaml street.gnp

    The config is the one that the checkpoint carries, or one that is named, as for packed files.
    Scores and predictions go to OUTPUT_DIR. A packed file runs on the compiled engine, on the CPU.
    """
    parser = CommandParser(eval_net.__doc__)
    parser.add_network()
    parser.files[PACKED_KIND] = WEIGHTS
    parser.add_argument(
        "--resume", action="store_true", help="evaluate the last checkpoint in OUTPUT_DIR"
    )
    _add_run_flags(parser)
    return parser


def train_net() -> CommandParser:
    """Train or evaluate; the flags and files are Detectron2's.

      %(prog)s --config-file configs/quick/retinanet_groupnet_photo_digits.yaml
      %(prog)s --config-file ... --resume
      %(prog)s --config-file ... --eval-only MODEL.WEIGHTS output/model_final.pth
      %(prog)s --config-file ... --eval-only MODEL.WEIGHTS model.gnp
      %(prog)s --config-file ... --num-gpus 8
      %(prog)s --config-file ... --num-processes 2
      %(prog)s --config-file ... --report
      %(prog)s --data my_pictures --time 20min

    With ``--data`` no config is needed: what lies there is found out by looking (COCO json, YOLO's
    data.yaml, VOC's folders, images and masks, a folder for each class). Sizes, anchors, batch and
    schedule are chosen for it and for this machine, with reasons, in OUTPUT/choices.yaml; the
    network is trained, scored, packed, verified, timed, drawn and reported. The same command goes
    on where it was interrupted: docs/tutorials/one-command.md.

    A packed file (`groupnet-det export`) runs on the compiled engine, on the CPU. The CPU is
    taken where there is no GPU, and with ``--num-gpus 0``. Several processes and machines:
    docs/use/distributed.md.
    """
    parser = CommandParser(train_net.__doc__)
    parser.add_config(required=False)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--eval-only", action="store_true", help="evaluate MODEL.WEIGHTS")
    _add_run_flags(parser)
    parser.add_argument(
        "--report",
        action="store_true",
        help="at the end of training, make OUTPUT_DIR/report.html (`groupnet-det report`)",
    )
    group = parser.add_argument_group("own data, instead of a config")
    group.add_argument("--data", type=Path, help="folder, COCO json or data.yaml")
    group.add_argument("--task", choices=TASKS, help="default: what the data are for")
    group.add_argument("--k", type=int, default=2, help="K, the number of bases (default: 2)")
    group.add_argument("--time", help="of the trainings: 90s, 20min (default) or 1.5h")
    group.add_argument("--epochs", type=float, help="of the trainings, instead of a time")
    group.add_argument("--output", type=Path, help="folder (default: output/<name of the data>)")
    group.add_argument("--dry-run", action="store_true", help="stop when the config is written")
    return parser


def _add_run_flags(parser: CommandParser) -> None:
    """Where a network is trained or evaluated, and what is printed."""
    parser.add_argument("--num-gpus", type=int, default=1, help="*per machine*")
    parser.add_argument("--num-machines", type=int, default=1, help="that work together")
    parser.add_argument("--machine-rank", type=int, default=0, help="of this machine, from 0 on")
    parser.add_argument("--dist-url", default="", help="where they meet: docs/use/distributed.md")
    parser.add_argument(
        "--num-processes",
        type=int,
        default=0,
        help="use the CPU, in this many processes *per machine*, whatever --num-gpus is",
    )
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default="native",
        help="of a packed file: the compiled engine, or PyTorch, which is slow",
    )
    parser.add_argument(
        "--brief",
        action="store_true",
        help="environment, config and network go to OUTPUT_DIR/log.txt, and not to the screen",
    )
