"""Sections on the network: precision map and gates."""

import torch

from groupnet_det.analysis.precision_map import PRECISION_HEADERS, count_weights, precision_rows
from groupnet_det.report.html.html_blocks import Bar, Bars, Block, Cell, Note, Table
from groupnet_det.report.training_run import MissingError, Run

GATE = ".connect.gate"


def precision_map(run: Run) -> list[Block]:
    """Bits of weights and activations per part."""
    rows = precision_rows(run.model)
    binary, total = count_weights(run.model)
    cells: list[list[Cell]] = [
        [r.part, r.kind, r.weight_bits, r.activation_bits, r.num_layers, r.num_weights]
        for r in rows
    ]
    return [
        Note(text=f"{binary:,} of {total:,} weights have one bit: {100 * binary / total:.1f} %."),
        Table(headers=PRECISION_HEADERS, rows=cells),
    ]


def gates(run: Run) -> list[Block]:
    """The share of each block's input that comes from the same branch of the block before."""
    shares = {
        name.removeprefix("module.").removesuffix(GATE): float(torch.sigmoid(value.float()))
        for name, value in run.weights.items()
        if name.endswith(GATE)
    }
    if not shares:
        raise MissingError(
            f"{run.checkpoint.name} has no gates: MODEL.GROUPNET.GATES is False, or its groups "
            "have nothing to connect",
            run.retrain_command("MODEL.GROUPNET.GATES", "True"),
        )
    return [
        Bars(
            title=f"Gates of {run.checkpoint.name}",
            bars=[Bar(label=n, share=share, text=f"{share:.3f}") for n, share in shares.items()],
            caption="sigmoid(g): the share of a branch's input that comes from the same branch of "
            "the block before; the rest is the average of all branches. Training starts at 0.5.",
            middle=True,
        )
    ]
