"""Model card: the README of a folder of weights."""

from collections.abc import Mapping
from typing import Any

import yaml

# Model hubs' name of the task, by meta-architecture.
PIPELINES = {
    "ImageClassifier": "image-classification",
    "SemanticSegmentor": "image-segmentation",
    "PanopticFPN": "image-segmentation",
}
DETECTION = "object-detection"


def model_card(name: str, checkpoint: Mapping[str, Any]) -> str:
    """The card as Markdown.

    Args:
        name: Name of the model.
        checkpoint: Values of `provenance.checkpoint_metadata`, and ``iteration`` and ``metrics``,
            the scores by name, if they are known.
    """
    config = yaml.safe_load(checkpoint["config"])
    model = config["MODEL"]
    architecture = model["META_ARCHITECTURE"]
    front = {
        "library_name": "groupnet_det",
        "pipeline_tag": PIPELINES.get(architecture, DETECTION),
        "tags": ["binary-neural-network", "group-net"],
    }
    parts = [
        f"---\n{yaml.safe_dump(front)}---\n\n# {name}",
        _network(architecture, model["GROUPNET"], model["BACKBONE"]["NAME"]),
        _classes(checkpoint),
        _scores(checkpoint, config["DATASETS"]["TEST"]),
        _training(checkpoint),
        _use(name),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _network(architecture: str, options: Mapping[str, Any], backbone: str) -> str:
    return (
        f"{architecture} with `{backbone}`: ResNet-{options['DEPTH']}, method "
        f"`{options['METHOD']}`, K = {options['NUM_BASES']}, width {options['WIDTH']:g}. "
        "Which layers are binary: `config.json`, under `config.MODEL.GROUPNET`."
    )


def _classes(checkpoint: Mapping[str, Any]) -> str:
    names = checkpoint.get("class_names") or []
    return f"**{len(names)} classes:** {', '.join(names)}" if names else ""


def _scores(checkpoint: Mapping[str, Any], datasets: list[str]) -> str:
    scores = checkpoint.get("metrics")
    if not scores:
        return "Scores: unknown."
    rows = [f"| {name} | {value:.2f} |" for name, value in scores.items()]
    title = f"Scores on {', '.join(datasets) or 'its validation data'}, measured after its training"
    return "\n".join([f"{title}:\n", "| metric | value |", "|---|---|", *rows])


def _training(checkpoint: Mapping[str, Any]) -> str:
    lines = []
    if "iteration" in checkpoint:
        lines.append(f"* Trained until iteration {checkpoint['iteration']}.")
    for name, digest in (checkpoint.get("fingerprints") or {}).items():
        lines.append(f"* Training data: `{name}`, fingerprint `{digest}`.")
    if "groupnet_det_version" in checkpoint:
        lines.append(f"* Written by groupnet_det {checkpoint['groupnet_det_version']}.")
    return "\n".join(lines)


def _use(name: str) -> str:
    return (
        "```python\n"
        "from groupnet_det import export, predict\n\n"
        f'print(predict("{name}", "photo.jpg"))\n'
        f'export("{name}", "model.gnp")  # one file, 1 bit for each binary weight\n'
        "```\n\n"
        f"`MODEL.WEIGHTS {name}` works wherever a `.pth` file does."
    )
