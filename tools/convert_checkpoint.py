#!/usr/bin/env python3
"""Convert foreign weights: the Group-Net authors' files, and torchvision's ResNets.

  python tools/convert_checkpoint.py resnet18_groupnet.pth.tar --output groupnet_r18.pth
  python tools/convert_checkpoint.py resnet18-f37072fd.pth --output float_r18.pth
  python tools/convert_checkpoint.py resnet18-f37072fd.pth --output start_r18_k4.pth --num-bases 4

The variant is recognised from the keys. Beside the output a YAML file is written with the config
of the network that the weights belong to; to score it on a data set:

  python tools/train_net.py --eval-only --config-file groupnet_r18.yaml DATASETS.TEST "['mine']"

Files are read without running code that they hold; what needs it is refused.
"""

import argparse
import sys
from pathlib import Path

from groupnet_det.checkpoint.conversion import Conversion
from groupnet_det.checkpoint.foreign import convert_file, write_conversion
from groupnet_det.errors import CheckpointError, UserError


def main() -> None:
    arguments = parse_arguments()
    path, output = arguments.checkpoint, arguments.output
    try:
        if output.exists() and path.exists() and output.samefile(path):
            raise CheckpointError(f"--output {output} is the file to convert; name another")
        conversion = convert_file(
            path, num_bases=arguments.num_bases, noise=arguments.noise, bpac=arguments.bpac
        )
        config = write_conversion(conversion, output)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    report(conversion)
    print(f"written: {output} and {config}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--output", type=Path, required=True, help="file to write, .pth")
    parser.add_argument(
        "--num-bases", type=int, default=0, help="torchvision: K to start with; 0: float"
    )
    parser.add_argument(
        "--noise", type=float, default=0.1, help="torchvision: what tells the K copies apart"
    )
    parser.add_argument(
        "--bpac", action="store_true", help="authors' segmentation: trained with dilated branches"
    )
    return parser.parse_args()


def report(conversion: Conversion) -> None:
    """Say what was recognised, and what found no place."""
    print(f"recognised: {conversion.source}")
    for key, value in conversion.options.items():
        print(f"  {key}: {value}")
    print(f"converted: {len(conversion.state) - len(conversion.new)} tensors")
    print(f"not in the file, new: {', '.join(conversion.new) or 'nothing'}")
    print(f"in the file, but unused: {', '.join(conversion.unused) or 'nothing'}")
    for note in conversion.notes:
        print(f"note: {note}")


if __name__ == "__main__":
    main()
