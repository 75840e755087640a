"""Rows of the model zoo in CSV files: trainings, and the costs and latencies of their networks.

A network is written as one would type it: config file, keys and values, such as
``configs/BCCD/retinanet_groupnet_r18_k4.yaml MODEL.GROUPNET.NUM_BASES 2``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainedRow:
    """A training and its score.

    Attributes:
        table: The table that shows it.
        name: For the reader.
        network: See the module.
        iterations: Iterations of all stages, such as ``250 + 500``.
        seed: Seed of the training.
        metrics: JSON object, per cent by name.
        command: The command that trained it, with CONFIG for the config file.
        device, torch, date: Device, version of torch and date of the training.
    """

    table: str
    name: str
    network: str
    iterations: str
    seed: int
    metrics: str
    command: str
    device: str
    torch: str
    date: str


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """The costs of a network, as `analysis.complexity` counts them.

    Attributes:
        network, size: See the module; height x width of the image, pixels.
        parameters: Number of trained parameters.
        binary_percent: Per cent of the weights of layers that are binary.
        binary_operations, float_operations: BOPs and MACs.
        counted_bytes: Packed.
        file_bytes: Size of the packed file in bytes; None if the network cannot be packed.
        date, groupnet_det: Date of the count, and version of groupnet_det.
    """

    network: str
    size: str
    parameters: int
    binary_percent: float
    binary_operations: int
    float_operations: int
    counted_bytes: int
    file_bytes: int | None
    date: str
    groupnet_det: str


@dataclass(frozen=True, kw_only=True)
class LatencyRow:
    """The time of a network for one image, from pixels to the prediction.

    Attributes:
        network, size: See `CostRow`.
        engine: ``packed``, or ``PyTorch`` for networks that are full precision.
        least_ms, median_ms: Over the rounds.
        threads, device, isa, torch, date: Conditions of the measurement.
    """

    network: str
    size: str
    engine: str
    least_ms: float
    median_ms: float
    threads: int
    device: str
    isa: str
    torch: str
    date: str
