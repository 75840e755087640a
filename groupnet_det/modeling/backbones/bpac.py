"""Binary parallel atrous convolution: each of the K bases sees with a dilation of its own.

The K branches of a block then see K contexts, at the cost of one dilation for all.

Source: Zhuang et al., Structured Binary Neural Networks (arXiv 1909.09934), on segmentation.
"""

from collections.abc import Sequence

from groupnet_det.errors import ConfigError, lookup

from .resnet_layout import STAGES

# Dilation of the first base in res4 and in res5, by output stride; 0 where a stage has its stride.
FIRST_RATES: dict[str, tuple[int, int]] = {"8": (2, 6), "16": (0, 2)}
KEY = "MODEL.GROUPNET.BPAC"


def bpac_dilations(
    num_bases: int,
    *,
    output_stride: int,
    first_rates: Sequence[int] = (),
    last_rate_only: bool = False,
) -> tuple[int | tuple[int, ...], ...]:
    """Dilations of the four stages as `GroupNetResNet` takes them.

    Base k, from 0, of a stage has the dilation ``first + k`` in all its 3x3 convolutions.

    Args:
        num_bases: K.
        output_stride: Output stride of the last stage.
        first_rates: ``first`` of res4 and of res5, 0 for a stage that is not dilated; empty for
            `FIRST_RATES`.
        last_rate_only: Give all bases the dilation ``first + K - 1``. The authors' published code
            does so by mistake, and their weights need it; new ones never do.

    Raises:
        ConfigError: No two rates, a rate below 0, or no rates for this output stride.
    """
    if not first_rates:
        what = f"with {KEY}.ENABLED and without {KEY}.FIRST_RATES, MODEL.GROUPNET.OUTPUT_STRIDE"
        first_rates = lookup(FIRST_RATES, str(output_stride), what)
    if len(first_rates) != 2 or min(first_rates) < 0:
        raise ConfigError(
            f"{KEY}.FIRST_RATES is {list(first_rates)}; valid: two numbers, for {STAGES[2]} and "
            f"{STAGES[3]}, 0 for a stage that is not dilated"
        )
    return (1, 1, *(_rates(first, num_bases, last_rate_only) for first in first_rates))


def _rates(first: int, num_bases: int, last_rate_only: bool) -> int | tuple[int, ...]:
    if first == 0:
        return 1
    rates = tuple(range(first, first + num_bases))
    return rates[-1] if last_rate_only else rates
