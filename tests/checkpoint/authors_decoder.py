"""The authors' binary DeepLab decoder by plain loops, independent of the package."""

import torch
import torch.nn.functional as F

from .authors_network import WIDTH, _batch_norm, _grid, _normalize, _signs

RATES = (12, 24, 36)


def make_head(*, num_bases=5, num_classes=6, channels=8, bias=False):
    """The ``head.*`` of a segmentation file, random."""
    in_channels = 8 * WIDTH
    state = {}
    for part, kernel, norm in [
        ("head.aspp.b0.0", 1, "head.aspp.b0.1"),
        *((f"head.aspp.b{i}.0", 3, f"head.aspp.b{i}.1") for i in (1, 2, 3)),
        ("head.aspp.b4.gap.1", 1, "head.aspp.b4.gap.2"),
    ]:
        for base in range(num_bases):
            state[f"{part}.convs.{base}.weight"] = _signs(channels, in_channels, kernel, kernel)
        state |= _batch_norm(norm, channels)
    state["head.aspp.project.0.weight"] = torch.randn(channels, 5 * channels, 1, 1)
    state |= _batch_norm("head.aspp.project.1", channels)
    state["head.block.0.weight"] = torch.randn(channels, channels, 3, 3)
    state |= _batch_norm("head.block.1", channels)
    if bias:
        state["head.aspp.project.0.bias"] = _grid(channels)
        state["head.block.0.bias"] = _grid(channels)
    state["head.block.3.weight"] = torch.randn(num_classes, channels, 1, 1)
    state["head.block.3.bias"] = torch.randn(num_classes)
    return state


def run_head(state, feature):
    """res5 -> logits on its grid, in float64, evaluation mode."""
    state = {key: value.double() for key, value in state.items()}
    parts = [_averaged(state, "head.aspp.b0.0", feature, 1)]
    parts += [_averaged(state, f"head.aspp.b{i + 1}.0", feature, r) for i, r in enumerate(RATES)]
    parts = [_normalize(y, state, f"head.aspp.b{i}.1") for i, y in enumerate(parts)]
    pooled = feature.sum(dim=(2, 3), keepdim=True) / feature[0, 0].numel()
    pooled = _averaged(state, "head.aspp.b4.gap.1", pooled, 1)
    pooled = _normalize(pooled, state, "head.aspp.b4.gap.2")
    parts.append(pooled + torch.zeros_like(parts[0]))
    x = F.conv2d(
        torch.cat(parts, 1),
        state["head.aspp.project.0.weight"],
        state.get("head.aspp.project.0.bias"),
    )
    x = _normalize(x, state, "head.aspp.project.1").clamp(min=0)
    x = F.conv2d(x, state["head.block.0.weight"], state.get("head.block.0.bias"), padding=1)
    x = _normalize(x, state, "head.block.1").clamp(min=0)
    return F.conv2d(x, state["head.block.3.weight"], state["head.block.3.bias"])


def _averaged(state, part, x, dilation):
    """Bases on {0, 1} with zero padding, averaged."""
    bits = torch.where(x > 0.5, 1.0, 0.0).to(x)
    total, base = 0, 0
    while (key := f"{part}.convs.{base}.weight") in state:
        weight = state[key]
        binary = weight.sign() * weight.abs().mean()
        padding = dilation * (weight.shape[-1] // 2)
        total = total + F.conv2d(bits, binary, padding=padding, dilation=dilation)
        base += 1
    return total / base
