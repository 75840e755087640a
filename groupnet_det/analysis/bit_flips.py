"""Counts of binary weights that change their sign while a network is trained.

A binary network learns by nothing else. Many flips late in a training are weights that swing around
zero; hardly any early on, a learning rate that is too low (Helwegen et al., Latent Weights Do Not
Exist, arXiv 1906.02107).
"""

from dataclasses import dataclass, field

from torch import Tensor, nn

from groupnet_det.layers import QuantizedConv2d

from .precision_map import layer_precisions

ALL = "all"
PREFIX = "bit_flips/"  # of the names in metrics.json


@dataclass
class BitFlips:
    """Compares the signs of the binary weights with those that they had before.

    Attributes:
        parts: The latent float weights of one bit, by the part that the precision map has them in.
        signs: What they were at the last call of `remember`; empty before it.
    """

    parts: dict[str, list[Tensor]]
    signs: dict[str, list[Tensor]] = field(default_factory=dict)

    @classmethod
    def of_model(cls, model: nn.Module) -> "BitFlips":
        """Count convolutions whose weights are one sign each; ABC-Net's are sums of several."""
        parts: dict[str, list[Tensor]] = {}
        for layer in layer_precisions(model):
            conv = model.get_submodule(layer.name)
            if (
                isinstance(conv, QuantizedConv2d)
                and conv.weight_quantizer.precision * conv.weight_quantizer.num_terms == 1
            ):
                parts.setdefault(layer.part, []).append(conv.weight)
        return cls(parts)

    def remember(self) -> None:
        """Take the present signs, with sign(0) = +1."""
        self.signs = {
            part: [weight.detach() < 0 for weight in weights]
            for part, weights in self.parts.items()
        }

    def rates(self) -> dict[str, float]:
        """Per cent of the weights whose sign is another one than remembered, by part and of `ALL`;
        nothing where nothing was remembered, or no weight is binary."""
        flipped = {
            part: sum(
                int(((weight.detach() < 0) != sign).sum())
                for weight, sign in zip(self.parts[part], signs, strict=True)
            )
            for part, signs in self.signs.items()
        }
        numbers = {part: sum(sign.numel() for sign in signs) for part, signs in self.signs.items()}
        if not numbers:
            return {}
        rates = {part: 100 * flipped[part] / numbers[part] for part in numbers}
        return {ALL: 100 * sum(flipped.values()) / sum(numbers.values()), **rates}
