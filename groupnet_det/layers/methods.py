"""Group-Net and the networks that it is compared with, by name.

A method fixes what its paper fixes and leaves the rest, such as the downsampling convolution or the
number of bits, to the config, so that a comparison varies nothing else.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from groupnet_det.errors import lookup
from groupnet_det.layers.blocks.block_design import BlockDesign
from groupnet_det.layers.convs.quantization import Quantization


@dataclass(frozen=True, kw_only=True)
class Method:
    """Quantizers and block design of one part of a network.

    Attributes:
        quantization: Quantizers and K.
        design: Design of the residual blocks; necks and heads read its quantizers only.
        stem: A key of `STEMS`.
    """

    quantization: Quantization = field(default_factory=Quantization)
    design: BlockDesign = field(default_factory=BlockDesign)
    stem: str = "signed"


@dataclass(frozen=True, kw_only=True)
class _Fixed:
    """The values that a method fixes."""

    quantization: dict[str, Any] = field(default_factory=dict)
    design: dict[str, Any] = field(default_factory=dict)
    stem: str = "signed"


# One branch, so that nothing is left to group or to connect.
_ONE_BRANCH = {"group": "block", "gates": False, "merge": "mean", "stage_bases": ()}
_PLAIN_BLOCK = {
    "order": "conv_norm_act",
    "nonlinearity": "relu",
    "shortcut": "block",
    **_ONE_BRANCH,
}


def _k_bit(name: str) -> _Fixed:
    """The original residual network with k-bit weights and activations."""
    quantization = {"num_bases": 1, "activation": name, "weight": name}
    return _Fixed(quantization=quantization, design=_PLAIN_BLOCK, stem="standard")


METHODS: dict[str, _Fixed] = {
    # Zhuang et al., arXiv 1909.09934: whatever the config says.
    "group_net": _Fixed(),
    # The full-precision baseline: He et al., arXiv 1512.03385.
    "float": _k_bit("float"),
    # Courbariaux, Hubara et al., arXiv 1602.02830: no scale, hard-tanh gradients.
    "bnn": _Fixed(
        quantization={
            "num_bases": 1,
            "activation": "sign",
            "gradient": "hardtanh",
            "gradient_width": 1.0,
            "weight": "sign",
            "weight_scale": "none",
            "weight_gradient": "clipped",
        },
        design={**_PLAIN_BLOCK, "nonlinearity": "none"},
    ),
    # Rastegari et al., arXiv 1603.05279: BN before the sign; a weight scale for each channel. The
    # scale of the input is left out, as in later work: its authors found that it hardly matters.
    "xnor_net": _Fixed(
        quantization={
            "num_bases": 1,
            "activation": "sign",
            "gradient": "hardtanh",
            "gradient_width": 1.0,
            "weight": "sign",
            "weight_scale": "channel",
            "weight_gradient": "identity",
        },
        design={**_PLAIN_BLOCK, "order": "norm_conv_act"},
    ),
    # Liu et al., arXiv 1808.00278: shortcut around every convolution, better gradients.
    "bireal_net": _Fixed(
        quantization={
            "num_bases": 1,
            "activation": "sign",
            "gradient": "polynomial",
            "gradient_width": 1.0,
            "weight": "sign",
            "weight_scale": "channel",
            "weight_gradient": "magnitude",
        },
        design={
            "order": "conv_norm_act",
            "nonlinearity": "none",
            "shortcut": "conv",
            **_ONE_BRANCH,
        },
    ),
    # Lin et al., arXiv 1711.11294: weights and activations are sums of M and N signs.
    "abc_net": _Fixed(
        quantization={"num_bases": 1, "activation": "abc", "weight": "abc"},
        design={**_PLAIN_BLOCK, "nonlinearity": "none"},
    ),
    # Zhou et al., arXiv 1606.06160.
    "dorefa": _k_bit("dorefa"),
    # Zhang et al., arXiv 1807.10029.
    "lq_net": _k_bit("lq"),
    # Esser et al., arXiv 1902.08153.
    "lsq": _k_bit("lsq"),
}


def make_method(name: str, configured: Method) -> Method:
    """The method called `name`, with `configured` for all that it does not fix.

    Raises:
        ConfigError: Unknown name; the message lists the valid ones.
    """
    fixed = lookup(METHODS, name, "MODEL.GROUPNET.METHOD (or PARTS)")
    return Method(
        quantization=replace(configured.quantization, **fixed.quantization),
        design=replace(configured.design, **fixed.design),
        stem=fixed.stem,
    )
