"""LQ-Nets: quantization to the sums of a learned basis.

Source: Zhang et al., LQ-Nets (arXiv 1807.10029), section 3. K bits of a code select which vectors
of the basis v_1 ... v_K are added (codes {0, 1}, activations) or added and subtracted (codes {-1,
+1}, weights), so that a product of codes is a product of bits. The basis is fitted to the values by
quantization error minimization (QEM), not by the loss.

Deviations: the first batch initializes the basis, as evenly spread levels that `START_STEPS` steps
of QEM improve, instead of a given distribution; until then, evaluation fits a basis to the current
batch. If the inverse does not exist, bits that no value uses keep their vector. A distributed
training uses the values of all processes.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from groupnet_det.quantizers.base import ActivationQuantizer, SignPlanes, WeightQuantizer
from groupnet_det.quantizers.pass_through import pass_through, pass_through_clipped

from .first_batch import FirstBatchState, mean_magnitude, sum_over_processes

MOMENTUM = 0.9  # of the moving average
START_STEPS = 5


class Quantized(NamedTuple):
    """Values and the codes that made them: (G, n) and (G, n, K)."""

    values: Tensor
    codes: Tensor


def code_table(basis: Tensor, *, signed: bool) -> Tensor:
    """All codes (2^K, K) for a (G, K) basis, in {-1, +1} if `signed`, else in {0, 1}."""
    bits = torch.arange(basis.shape[1], device=basis.device)
    numbers = torch.arange(2 ** len(bits), device=basis.device)
    table = ((numbers[:, None] >> bits) & 1).to(basis.dtype)
    return 2 * table - 1 if signed else table


def quantize_to_basis(rows: Tensor, basis: Tensor, *, signed: bool) -> Quantized:
    """Replace each value by the nearest level ``v . code`` (QEM's first step); ties go up.

    Args:
        rows: (G, n).
        basis: (G, K), one per row.
    """
    table = code_table(basis, signed=signed)
    levels, order = (basis[:, None] * table).sum(dim=-1).sort(dim=1)
    between = (levels[:, 1:] + levels[:, :-1]) / 2
    index = torch.searchsorted(between, rows, right=True)
    return Quantized(levels.gather(1, index), table[order.gather(1, index)])


def fit_basis(rows: Tensor, basis: Tensor, quantized: Quantized) -> Tensor:
    """``argmin_v ||x - B v||^2`` of each row for given codes B (QEM's second step).

    It is computed as a change of `basis`, the smallest one if several are optimal.

    Args:
        rows: (G, n).
        basis: (G, K), with which `quantized` was made.
    """
    transposed = quantized.codes.transpose(1, 2)
    gram = sum_over_processes(transposed @ quantized.codes)
    moments = sum_over_processes(transposed @ (rows - quantized.values)[..., None])
    change = (torch.linalg.pinv(gram, hermitian=True) @ moments)[..., 0]
    return torch.where(change.isfinite(), basis + change, basis)  # a value may be NaN


def _start_basis(rows: Tensor, bits: int, *, signed: bool) -> Tensor:
    """A basis for (G, n) values: powers of two times a step, then `START_STEPS` steps of QEM."""
    step = 2 * mean_magnitude(rows) / 2**bits
    basis = step[:, None] * 2.0 ** torch.arange(bits, dtype=rows.dtype, device=rows.device)
    for _ in range(START_STEPS):
        basis = fit_basis(rows, basis, quantize_to_basis(rows, basis, signed=signed))
    return basis


class _LearnedBasis(FirstBatchState):
    """The basis of groups of values, as a buffer.

    A training step quantizes with the current basis, then moves it a tenth of the way to the
    optimal one of the batch: ``v <- 0.9 v + 0.1 v*``.
    """

    basis: Tensor

    def __init__(self, *, num_groups: int, bits: int, signed: bool) -> None:
        super().__init__()
        self.precision = bits
        self.signed = signed
        self.register_buffer("basis", torch.ones(num_groups, bits))

    def _quantize(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Quantized values of (G, n), and the basis that was used."""
        # Autocast would compute matrix products in half precision, which has no eigenvalues, but
        # the pseudo-inverse needs them.
        with torch.no_grad(), torch.autocast(rows.device.type, enabled=False):
            x = rows.to(torch.promote_types(rows.dtype, torch.float32))
            basis = self._current_basis(x)
            quantized = quantize_to_basis(x, basis, signed=self.signed)
            if self.training and self.is_initialized():
                best = fit_basis(x, basis, quantized)
                self.basis.copy_(torch.lerp(best, basis, MOMENTUM))
            return quantized.values.to(rows.dtype), basis.to(rows.dtype)

    def _current_basis(self, rows: Tensor) -> Tensor:
        if self.is_initialized():
            return self.basis.to(rows.dtype, copy=True)  # it changes while the copy is in use
        start = _start_basis(rows, self.precision, signed=self.signed)
        self.initialize(self.basis, start)
        return start


class LQActivation(_LearnedBasis, ActivationQuantizer):
    """Codes {0, 1} with one basis for the map; padded with 0, the level of the zero code.

    Backward: g between the lowest and the highest level, else 0.
    """

    def __init__(self, *, bits: int) -> None:
        super().__init__(num_groups=1, bits=bits, signed=False)

    def forward(self, x: Tensor) -> Tensor:
        values, basis = self._quantize(x.detach().reshape(1, -1))
        lowest, highest = basis.clamp(max=0).sum(), basis.clamp(min=0).sum()
        return pass_through_clipped(x, values.view_as(x), low=lowest, high=highest)


class LQWeight(_LearnedBasis, WeightQuantizer):
    """Codes {-1, +1} with a basis per output channel. Backward: g unchanged."""

    def __init__(self, *, out_channels: int, bits: int) -> None:
        super().__init__(num_groups=out_channels, bits=bits, signed=True)

    def forward(self, weight: Tensor) -> Tensor:
        values, _ = self._quantize(weight.detach().flatten(1))
        return pass_through(weight, values.view_as(weight))

    @torch.no_grad()
    def sign_planes(self, weight: Tensor) -> SignPlanes | None:
        """The codes of the weights, and the basis of each output channel."""
        if self.precision == 1:
            return None
        rows = weight.flatten(1)
        basis = self._current_basis(rows)
        codes = quantize_to_basis(rows, basis, signed=True).codes
        signs = codes.movedim(-1, 0).reshape(-1, *weight.shape)
        return SignPlanes(signs, basis.T.double())
