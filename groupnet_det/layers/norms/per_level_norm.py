"""BatchNorm for layers whose weights are shared between the levels of a pyramid."""

import torch.nn.functional as F
from torch import Tensor, nn


class PerLevelBatchNorm(nn.ModuleList):
    """One BatchNorm2d per pyramid level, statistics *and* affine unshared.

    Activations of different levels follow different distributions, which a sign makes worse;
    unshared BN is what makes low-bit detectors train (Chen et al., AQD, arXiv 2007.06919).
    Detectron2's ``CycleBatchNormList`` shares the affine and knows the level by counting its calls;
    here the level is the position in the list.
    """

    def __init__(
        self, num_levels: int, num_features: int, *, shared: bool = False, num_wide: int = 1
    ) -> None:
        """
        Args:
            shared: One BatchNorm2d that all levels go through, one after the other, as in most
                float detectors: for comparisons. Each level is normalized by its own statistics in
                training, and by the running ones of all of them in evaluation.
            num_wide: The number of bases whose channels the maps have side by side.
        """
        if shared:
            super().__init__([nn.BatchNorm2d(num_features)] * num_levels)
        else:
            super().__init__(nn.BatchNorm2d(num_features) for _ in range(num_levels))
        self.num_wide = num_wide

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Normalize one (N, C, H_l, W_l) map per level.

        Raises:
            ValueError: The number of maps is not that of the levels.
        """
        return [_normalize(norm, x) for norm, x in zip(self, maps, strict=True)]


def _normalize(norm: nn.Module, x: Tensor) -> Tensor:
    """Apply `norm`; with the running statistics if a map has none of its own.

    A head for regions may get none, of an image without objects, or a single one, whose
    map is of one pixel. torch refuses the one and turns the statistics into NaN by the other.
    Synchronized norms look at the regions of all processes together and do so themselves.
    """
    norm = getattr(norm, "current", norm)  # of a slimmable network
    if type(norm) is not nn.BatchNorm2d or not norm.training or x.numel() > x.shape[1]:
        return norm(x)
    return F.batch_norm(
        x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
    )
