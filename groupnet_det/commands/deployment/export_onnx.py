"""Write a trained network as an ONNX file that ONNX Runtime runs: the simulation with floats."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from groupnet_det.commands.network_config import network_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import UserError
from groupnet_det.exporting.onnx.graph_export import OPSET, require_onnx
from groupnet_det.exporting.onnx.onnx_verification import TOLERANCE, OnnxFinding, verify_onnx
from groupnet_det.exporting.onnx.trained_graph import export_trained_onnx
from groupnet_det.exporting.packed.trained import load_trained

from . import deployment_flags


def main(argv: Sequence[str] | None = None) -> int:
    parser = deployment_flags.export_onnx()
    arguments = parser.parse_args(argv)
    try:
        require_onnx()  # before what takes long
        cfg = network_config(arguments)
        register_datasets(cfg)
        model, rest = load_trained(cfg)
        exported = export_trained_onnx(cfg, model, rest)
        findings = verify_onnx(model, exported)
        output = Path(arguments.output)
        output.parent.mkdir(parents=True, exist_ok=True)
        exported.save(output)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    print(_describe_graph(findings))
    print(f"\nwritten: {output}, {output.stat().st_size:,} bytes, opset {OPSET}")
    return 0


def _describe_graph(findings: Sequence[OnnxFinding]) -> str:
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
