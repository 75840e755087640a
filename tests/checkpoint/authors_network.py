"""The authors' file layout and network by plain loops, independent of the package.

Magnitudes of weights are powers of two and other numbers multiples of 1/64, so that nothing is
rounded where sums may cancel.
"""

import torch
import torch.nn.functional as F

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
WIDTH = 4
STRIDES_8 = (1, 2, 1, 1)  # of the stages at output stride 8
STRIDES_32 = (1, 2, 2, 2)


def make_state(*, depth=18, num_bases=5, gates=True, scales=True, bias=False, num_classes=10):
    """A file's tensors by name, random."""
    state = {"conv1.weight": _grid(WIDTH, 3, 7, 7), **_batch_norm("bn1", WIDTH)}
    if bias:
        state["conv1.bias"] = _grid(WIDTH)
    channels = WIDTH
    for stage, num_blocks in enumerate(BLOCKS[depth], start=1):
        for number in range(num_blocks):
            block, wide = f"layer{stage}.{number}", WIDTH * 2 ** (stage - 1)
            for base in range(num_bases):
                state[f"{block}.conv1.{base}.weight"] = _signs(wide, channels, 3, 3)
                state[f"{block}.conv2.{base}.weight"] = _signs(wide, wide, 3, 3)
                state |= _batch_norm(f"{block}.bn1.{base}", wide)
                state |= _batch_norm(f"{block}.bn2.{base}", wide)
                if scales:
                    state[f"{block}.scales.{base}"] = _grid(1)
            if gates and block != "layer1.0":
                state[f"{block}.block_gate"] = torch.randn(1)
            if channels != wide:
                state[f"{block}.downsample.conv.weight"] = _signs(wide, channels, 1, 1)
                state |= _batch_norm(f"{block}.downsample.batch_norm", wide)
            channels = wide
    state["fc.weight"] = torch.randn(num_classes, channels)
    state["fc.bias"] = torch.randn(num_classes)
    return state


def run(state, images, *, aliased=False, strides=STRIDES_32, dilations=(1, 1, 1, 1)):
    """The outputs of the four stages, in float64, evaluation mode.

    A stage's dilation may also be one for each base.
    """
    state = {key: value.double() for key, value in state.items()}
    bias = state.get("conv1.bias")
    x = F.conv2d(images.double(), state["conv1.weight"], bias, stride=2, padding=3)
    merged = _normalize(F.max_pool2d(x, 3, 2, 1), state, "bn1")
    branches, features = None, []
    for stage in range(1, 5):
        number = 0
        while (block := f"layer{stage}.{number}") + ".conv1.0.weight" in state:
            stride = strides[stage - 1] if number == 0 else 1
            merged, branches = _run_block(
                state, block, merged, branches, stride, dilations[stage - 1], aliased
            )
            number += 1
        features.append(merged)
    return features


def classify(state, feature):
    return F.linear(
        feature.mean(dim=(2, 3)), state["fc.weight"].double(), state["fc.bias"].double()
    )


def _run_block(state, block, merged, branches, stride, dilation, aliased):
    outputs = []
    gate = state.get(f"{block}.block_gate")
    base = 0
    while f"{block}.conv1.{base}.weight" in state:
        x = merged
        if gate is not None:
            share = 1 / (1 + torch.exp(-gate))
            x = share * branches[base] + (1 - share) * merged
        residual = x
        if f"{block}.downsample.conv.weight" in state:
            y = _binary_conv(x, state[f"{block}.downsample.conv.weight"], stride, 1)
            residual = _normalize(y, state, f"{block}.downsample.batch_norm")
        rate = dilation if isinstance(dilation, int) else dilation[base]
        y = _binary_conv(x, state[f"{block}.conv1.{base}.weight"], stride, rate)
        hidden = _normalize(y.clamp(min=0), state, f"{block}.bn1.{base}") + residual
        y = _binary_conv(hidden, state[f"{block}.conv2.{base}.weight"], 1, rate)
        outputs.append(_normalize(y.clamp(min=0), state, f"{block}.bn2.{base}") + hidden)
        base += 1
    if f"{block}.scales.0" in state:
        return sum(state[f"{block}.scales.{k}"] * y for k, y in enumerate(outputs)), outputs
    total = outputs[0] if aliased else outputs[0].clone()
    for y in outputs[1:]:
        total += y
    return total / len(outputs), outputs


def _binary_conv(x, weight, stride, dilation):
    signs = torch.where(x >= 0, 1.0, -1.0).to(x)
    padding = dilation * (weight.shape[-1] // 2)
    padded = F.pad(signs, [padding] * 4, value=1.0)
    binary = weight.sign() * weight.abs().mean()
    return F.conv2d(padded, binary, stride=stride, dilation=dilation)


def _normalize(x, state, name):
    mean, var, weight, bias = (
        state[f"{name}.{part}"].view(1, -1, 1, 1)
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def _batch_norm(name, channels):
    return {
        f"{name}.weight": torch.rand(channels) + 0.5,
        f"{name}.bias": torch.randn(channels),
        f"{name}.running_mean": _grid(channels),
        f"{name}.running_var": torch.rand(channels) + 0.5,
        f"{name}.num_batches_tracked": torch.tensor(7),
    }


def _signs(*shape):
    return torch.where(torch.rand(shape) < 0.5, -0.125, 0.125)


def _grid(*shape):
    return torch.randint(-64, 65, shape) / 64
