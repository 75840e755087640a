"""Write a trained network as an ONNX file that ONNX Runtime runs: the simulation with floats.

  python tools/export_onnx.py --config-file configs/quick/classifier_groupnet_mnist5k.yaml \
      --output digits.onnx MODEL.WEIGHTS output/classifier_groupnet_mnist5k/model_final.pth

Classifiers and segmenters give their logits, detectors the raw outputs of their heads. The file is
run by ONNX Runtime on sample images of two sizes and compared with the trained network; one that
disagrees is not written. ONNX has no weights of one bit: the file is as large as that of a float
network, and slower. For small and fast files: tools/export_packed.py. See docs/onnx.md.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from groupnet_det.config import load_config
from groupnet_det.data.registration import register_datasets
from groupnet_det.deploy.export import load_trained
from groupnet_det.deploy.onnx_export import OPSET, require_onnx
from groupnet_det.deploy.onnx_trained import export_trained_onnx
from groupnet_det.deploy.onnx_verification import TOLERANCE, OnnxFinding, verify_onnx
from groupnet_det.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--output", type=Path, required=True, help="file to write, .onnx")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="config KEY VALUE pairs")
    arguments = parser.parse_args(argv)
    try:
        require_onnx()  # before what takes long
        cfg = load_config(arguments.config_file, arguments.opts)
        register_datasets(cfg)
        model, rest = load_trained(cfg)
        exported = export_trained_onnx(cfg, model, rest)
        findings = verify_onnx(model, exported)
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        exported.save(arguments.output)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    print(describe(findings))
    size = arguments.output.stat().st_size
    print(f"\nwritten: {arguments.output}, {size:,} bytes, opset {OPSET}")
    return 0


def describe(findings: Sequence[OnnxFinding]) -> str:
    """The differences, as lines."""
    rows = [
        ("x".join(map(str, finding.size)), output.name, output.largest, *output.differences)
        for finding in findings
        for output in finding.outputs
    ]
    headers = ["images", "output", "largest", "difference", "end to end"]
    table = tabulate(rows, headers=headers, floatfmt=(".0f", "", ".3g", ".1e", ".1e"))
    values = sum(finding.values for finding in findings)
    ties = sum(finding.ties for finding in findings)
    return (
        f"ONNX Runtime against the trained network (at most {TOLERANCE:.0e} of the largest):\n"
        f"{table}\n"
        f"quantized values inside: {values:,} compared, {ties:,} next to a threshold turned by "
        "rounding"
    )
