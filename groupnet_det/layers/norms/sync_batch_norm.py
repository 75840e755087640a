"""BatchNorm over the batches of all processes, on any device."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


class SyncBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm whose statistics are those of the batches of all processes taken together.

    With n values of a channel in all processes: ``mean = sum(x) / n``,
    ``var = sum((x - mean)^2) / n``, ``y = (x - mean) / sqrt(var + eps) * weight + bias``; the
    running variance takes the unbiased ``var * n / (n - 1)``. Gradients flow through the sums of
    all processes. Maps may differ in size between the processes: every value counts the same.

    It stands in for ``nn.SyncBatchNorm`` where that refuses to work, on the CPU. Detectron2's
    ``NaiveSyncBatchNorm`` is not a substitute: its running variance is the biased one, its variance
    is a difference of two large numbers, and it weighs processes instead of values.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same, N = 0 included.

        With less than two values per channel in all processes together, as a head for
        regions may meet, the running statistics are taken.
        """
        if not self.training or not dist.is_initialized() or dist.get_world_size() == 1:
            return super().forward(x)
        self._check_input_dim(x)
        # A sum of half precision numbers is none.
        values = x.to(torch.promote_types(x.dtype, torch.float32))
        count = values.new_tensor([x.numel() // x.shape[1]])
        sums = all_reduce(torch.cat([values.sum(dim=(0, 2, 3)), count]))
        count = sums[-1].detach()
        if count <= 1:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        mean = sums[:-1] / count
        centered = values - mean.view(-1, 1, 1)
        variance = all_reduce(centered.square().sum(dim=(0, 2, 3))) / count
        self._update_running(mean.detach(), variance.detach() * count / (count - 1))
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        y = centered * scale.view(-1, 1, 1)
        if self.affine:
            y = y + self.bias.view(-1, 1, 1)
        return y.to(x.dtype)

    def _update_running(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:  # the average of all batches, as in nn.BatchNorm2d
            momentum = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)

    @classmethod
    def replace_in(cls, module: nn.Module) -> None:
        """Put one of these instead of every ``nn.BatchNorm2d`` below `module`.

        Parameters and buffers are taken over as they are, so an optimizer made before and the keys
        of checkpoints stay right.
        """
        for name, child in module.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(module, name, cls._from(child))
            else:
                cls.replace_in(child)

    @classmethod
    def _from(cls, norm: nn.BatchNorm2d) -> "SyncBatchNorm2d":
        result = cls(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        result.affine, result.track_running_stats = norm.affine, norm.track_running_stats
        result.weight, result.bias = norm.weight, norm.bias
        result.running_mean, result.running_var = norm.running_mean, norm.running_var
        result.num_batches_tracked = norm.num_batches_tracked
        return result.train(norm.training)
