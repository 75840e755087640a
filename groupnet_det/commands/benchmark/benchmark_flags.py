"""Flags of the commands in this folder, which can be shown without importing what they need."""

import argparse
from pathlib import Path

from groupnet_det.commands.parser import PACKED_KIND, CommandParser
from groupnet_det.files.paths import project_root

WHAT = (
    "layers",
    "threads",
    "network",
    "body",
    "neighbours",
    "downsampling",
    "scaling",
    "avx2",
    "file",
    "models",
    "stages",
    "memory",
    "cores",
)
TASKS = ("precision", "bops", "flop", "parameter", "activation", "memory", "structure", "latency")
DEFAULT_TASKS = ("precision", "bops", "flop", "parameter", "memory")


def parse_shape(word: str) -> tuple[int, int, int]:
    """``64@56x48`` -> channels, height, width."""
    try:
        channels, _, sides = word.partition("@")
        height, _, width = sides.partition("x")
        return int(channels), int(height), int(width)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a shape such as 64@56x56") from None


def _add_clock(parser: CommandParser, *, threads: int | None = 2, rounds: str = "of turns") -> None:
    """``--threads`` and ``--rounds``, which all benchmarks have."""
    torchs = "" if threads else " (default: those of PyTorch)"
    parser.add_argument("--threads", type=int, default=threads, help=f"of all networks{torchs}")
    parser.add_argument("--rounds", type=int, default=9, help=rounds)


def _add_bursts(parser: CommandParser) -> None:
    parser.add_argument("--burst-ms", type=float, default=50, help="of one network in one round")


def parse_size(word: str) -> tuple[int, int]:
    """``480x640`` -> height, width."""
    sides = word.split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError(f"{word!r} is not HEIGHTxWIDTH in pixels, such as 480x640")
    return int(sides[0]), int(sides[1])


def analyze_model() -> CommandParser:
    """Show what each layer of a network costs: operations, parameters, bytes, time.

      %(prog)s configs/ImageNet/groupnet_r18_k4.yaml
      %(prog)s output/model_final.pth --tasks structure latency --csv layers.csv
      %(prog)s configs/ImageNet/groupnet_r18_k4.yaml \\
          --compare-bases 1 2 3 4 5 6 7 8 --tasks latency --csv bases.csv --plot bases.png

    Tasks: precision (bits of weights and activations), bops, flop, parameter, activation (shape
    and number of the output's values), memory (bytes as float, as simulated and as packed),
    structure (the modules, as PyTorch prints them), latency (milliseconds of each layer in the
    packed engine; weights are random, on which no time depends).

    --compare-bases takes the network with several K and compares each with full precision: memory
    saving, operation saving and, with --tasks latency, how many times faster the packed network is
    than the full-precision one in PyTorch. No data set is needed. More:
    docs/understand/complexity.md.
    """
    parser = CommandParser(analyze_model.__doc__)
    parser.add_network()
    parser.add_argument(
        "--tasks",
        nargs="+",
        default=DEFAULT_TASKS,
        choices=TASKS,
        metavar="TASK",
        help="what is counted: " + ", ".join(TASKS),
    )
    parser.add_argument(
        "--size", type=parse_size, metavar="HxW", help="of the image (default: as in evaluation)"
    )
    parser.add_argument(
        "--compare-bases",
        type=int,
        nargs="+",
        metavar="K",
        help="compare these K with full precision",
    )
    parser.add_argument("--threads", type=int, default=2, help="of latencies")
    parser.add_argument("--runs", type=int, default=30, help="the fastest counts")
    parser.add_argument("--rounds", type=int, default=9, help="of --compare-bases")
    parser.add_argument("--csv", type=Path, help="rows, with all columns")
    parser.add_argument("--plot", type=Path, help="PNG")
    return parser


def _add_network_size(parser: CommandParser, *, batch: int) -> None:
    """Sizes of ResNet-18."""
    parser.add_argument("--size", type=int, default=224, help="of square images")
    parser.add_argument("--batch", type=int, default=batch, help="images")
    parser.add_argument("--width", type=float, default=1.0, help="of the binary networks")


def benchmark_packed() -> CommandParser:
    """Time a packed file beside its float32 baseline and the trained network, on an image of the
    data set.

      %(prog)s output/classifier_groupnet_mnist5k/model_final.pth digits.gnp \\
          --json latency.json

    All three take turns in one process, from the pixels of the first image of DATASETS.TEST to
    boxes, masks, labels or the class; ``least`` and ``median`` are those of the rounds. ``packed``
    runs on the compiled engine. ``float`` is the same network in full precision with one branch
    under PyTorch, with random weights; R-CNNs are made to find as many objects as the packed
    network. ``simulation`` is the trained network as PyTorch evaluates it. Other engines, and
    layers: `groupnet-det benchmark runtime`.
    """
    parser = CommandParser(benchmark_packed.__doc__)
    parser.add_network()
    parser.add_file(PACKED_KIND, "--packed", help_="file to time, .gnp")
    _add_clock(parser, threads=None)
    _add_bursts(parser)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser


def benchmark_runtime() -> CommandParser:
    """Time the packed engine side by side with other engines.

      %(prog)s network --rounds 15
      %(prog)s all --csv results/runtime/avx2.csv
      %(prog)s layers --shapes 64@56x56 --engines ours "torch eager"
      %(prog)s models --only "Faster R-CNN" --engines ours "openvino int8"

    What can be measured:
      layers     3x3 convolutions, alone and fused with BN, ReLU, residual and packing. A chain of
               six with weights of their own is timed, and divided by six; ours by the engine's own
               clock of each step, which leaves out the stem that makes its bits.
      threads   Our layers with one thread, and with more.
      network   Group-Net ResNet-18 with gates, from bytes of an image to the most probable class;
               the float engines run torchvision's ResNet-18 from the same bytes.
      body         The residual blocks of these alone.
      neighbours  Our network, "beside torch": after an operation of PyTorch in the same thread, and
                while another thread runs such operations; medians of a burst, not its least.
      downsampling  Our network with binary, float32 and int8 downsampling convolutions.
      scaling   How the time grows: K 1 to 8, 128 to 1024 pixels, threads, images.
      avx2         body, in a process in which all engines are held to AVX2.
      file         Bytes of the packed file, and the time from the file to the first result.
      models     Detectors and a segmenter, full width, from an image to boxes or labels; float
               is the same network in full precision under Detectron2. ONNX Runtime's stops at
               raw outputs.
      stages     Where the time of our engine on these goes, ``x`` being the share of the total:
               each step of the engine by its own clock, and what is done around them.
      memory     What each of these takes at its peak, in a process of its own.
      cores      Our network with 1 to --threads threads, and a MODEL of its time on up to 16 cores
               from the times of its steps and the cost of a barrier.
      all           All of these.

    How it is measured: all engines of a workload take turns in one process, so that what else
    runs on the machine falls on all of them. In each round every engine has a burst of runs, of
    which the least time counts; rounds start with another engine each. Before each burst is a
    pause: the threads of the engine before spin for some milliseconds, and would hold a core. One
    run of each burst is not counted. Columns ``least`` and ``median`` are those of the rounds;
    ``x`` is how many times longer than ours an engine takes: by the least of all rounds, and the
    median of the ratios in each round. An engine that is not installed is listed with what to
    install (``pip install .[bench]``).

    Weights are random, and so is what int8 is calibrated with: for the speed it makes no
    difference. Networks of int8 and OpenVINO get their images as bytes too; their graphs hold the
    normalization.
    """
    parser = CommandParser(benchmark_runtime.__doc__)
    parser.add_argument("what", nargs="+", choices=[*WHAT, "all"], help="suites to run")
    parser.add_argument("--num-bases", type=int, nargs="+", default=[1, 4], help="K, one or more")
    _add_clock(parser)
    _add_bursts(parser)
    parser.add_argument("--pause-ms", type=float, default=20, help="before each burst")
    _add_network_size(parser, batch=1)
    parser.add_argument("--shapes", type=parse_shape, nargs="+", help="C@HxW")
    parser.add_argument("--engines", nargs="+", default=[], metavar="ENGINE", help="all by default")
    parser.add_argument("--only", default="", metavar="TEXT", help="workloads with it in the name")
    parser.add_argument("--csv", type=Path, help="rows (default: results/runtime/engines.csv)")
    parser.add_argument("--no-plot", action="store_true", help="no PNG beside the CSV")
    return parser


def benchmark_train() -> CommandParser:
    """Time a training iteration of configs against that of their full-precision baselines.

      %(prog)s
      %(prog)s configs/COCO-Detection/retinanet_groupnet_r18_k4.yaml \\
          --batch 2 --size 320x320 --opts MODEL.GROUPNET.NUM_BASES 5

    The baseline has MODEL.GROUPNET.METHOD float in all parts and differs in nothing else. The
    iterations of both take turns in one process, so that what else runs on the machine falls on
    both; each round starts with the other one, and two iterations of each are not counted. An
    iteration is the trainer's (forward, losses, backward, clipping, optimizer) on random images;
    reading data is left out.

    Columns: seconds an iteration, the least and the median of the rounds; ``x``, how many times
    longer than the baseline's: by the least of all rounds, and the median of the rounds' ratios;
    the most memory in MiB that a process of its own took for three iterations, less what it took
    before the network.

    Without --batch and --size, those that the config trains with; give both for full-scale
    configs.
    """
    parser = CommandParser(benchmark_train.__doc__)
    default = [str(path) for path in _quick_configs()]
    parser.add_argument("configs", nargs="*", default=default, help="those of configs/quick")
    parser.add_argument("--batch", type=int, default=0, help="images of an iteration")
    parser.add_argument("--size", type=parse_size, default=(0, 0), metavar="HxW", help="of images")
    _add_clock(parser, rounds="iterations of each that count")
    parser.add_argument("--device", default="", help="(default: the GPU if any)")
    parser.add_argument("--no-memory", action="store_true", help="seconds alone")
    parser.add_argument("--csv", type=Path, help="rows (default: results/training/configs.csv)")
    parser.add_argument("--opts", nargs="*", default=[], help="KEY VALUE pairs")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    return parser


def _quick_configs() -> list[Path]:
    """Configs of ``configs/quick``, without first stages of two: they have the same networks."""
    found = sorted((project_root() / "configs/quick").glob("*.yaml"))
    return [path for path in found if not path.stem.endswith("_tanh")]


def benchmark_classifier() -> CommandParser:
    """Time a training step and an evaluation of Group-Net's ResNet-18 against two other networks.

      %(prog)s --num-bases 5 --csv results/training/classifier.csv

    ``torchvision`` is the full-precision ResNet-18, ``plain`` the loop over branches of the tests
    (a straight reading of the paper), ``ours`` the backbone of this package; it needs a checkout.
    The three take turns in one process, so that other load on the machine hits all of them; ``x``
    columns are ratios to torchvision. A training step is forward, cross-entropy, backward and fused
    Adam. Peak memory is that of a process of its own for each, less what it had before the network.
    """
    parser = CommandParser(benchmark_classifier.__doc__)
    parser.add_argument("--num-bases", type=int, nargs="+", default=[5], help="K, one or more")
    _add_clock(parser)
    _add_network_size(parser, batch=8)
    parser.add_argument("--csv", type=Path, help="write the rows to this file")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    return parser
