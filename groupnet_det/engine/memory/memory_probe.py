"""Measurement of the memory of a training step on few images, in a process of its own.

    python -m groupnet_det.engine.memory.memory_probe < request.json

A process of its own leaves the training's random numbers, statistics and compiled functions as they
are, and dies alone if one image is too much.
"""

import json
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode

from groupnet_det.analysis.memory import memory_bytes, peak_bytes, reset_peak
from groupnet_det.config import load_config_text
from groupnet_det.errors import UserError

from .random_steps import BatchSize, TrainingSteps

# What PyTorch says where memory is refused.
REFUSED = ("can't allocate memory", "out of memory")
# What a training took at most beside a measured step: allocators keep more than is in use.
MARGIN = 1.15
REST = 16 << 20  # bytes of a training beside its steps: data set, loader, hooks, a checkpoint


@dataclass(frozen=True, kw_only=True)
class StepMemory:
    """Bytes of a training step above those of a process that has done its imports.

    Attributes:
        fixed: Weights, gradients, the optimizer's state, `REST`, and what else is there once.
        gradients: Memory of the gradients alone.
        small, full: For each image of the size that was measured with one and two images, and of
            the full size where that was measured too.
        free: Free memory of the GPU that has the least; None on the CPU.
    """

    fixed: int
    gradients: int
    small: int
    full: int | None = None
    free: int | None = None


def _measure_iteration(
    cfg: CfgNode, small: BatchSize, full: BatchSize | None, *, num_objects: int, num_devices: int
) -> StepMemory:
    """Make training steps and look at what they took.

    Steps with one and two images separate the memory of an image from what is there once, such as
    binary copies of the weights. Gradients, which the backward pass adds, are counted once.

    Args:
        cfg: Config of the training.
        small: Size of a batch that takes little time; a second batch has twice the images.
        full: Size of a batch with as many images of full size; None if `small` is enough.
        num_objects: In each image, for detectors.
        num_devices: GPUs to look at; 0 on the CPU.
    """
    device = torch.device(cfg.MODEL.DEVICE)
    free = [torch.cuda.mem_get_info(index)[0] for index in range(num_devices)]
    before = memory_bytes(device)
    probe = _Probe(TrainingSteps(cfg, small, num_objects=num_objects), device)
    count = small.num_images
    once = probe.growth(small, num_objects)
    twice = probe.growth(replace(small, num_images=2 * count), num_objects)
    image = max(0, twice - once) // count
    rest = max(0, once - count * image)
    most = None if full is None else (probe.growth(full, num_objects) - rest) // count
    gradients = probe.gradients()
    return StepMemory(
        fixed=max(0, probe.start - before) + gradients + probe.optimizer_state() + rest + REST,
        gradients=gradients,
        small=image,
        full=most,
        free=min(free, default=None),
    )


class _Probe:
    """Training steps that note the most memory of their forward and backward passes."""

    def __init__(self, steps: TrainingSteps, device: torch.device) -> None:
        self.steps, self.device = steps, device
        self.start = memory_bytes(device)
        self.peaks: list[int] = []
        steps.model.register_forward_hook(self._note)
        steps.trainer.after_backward = self._note
        self.optimizer_step = steps.optimizer.step
        # Its own memory would hide that of later steps.
        setattr(steps.optimizer, "step", lambda *_: None)  # noqa: B010

    def growth(self, size: BatchSize, num_objects: int) -> int:
        """Bytes that a step takes above the weights, without the gradients, and with `MARGIN`."""
        self.steps.optimizer.zero_grad()
        self.steps.set_batch(size, num_objects=num_objects)
        reset_peak(self.device)
        self.peaks.clear()
        self.steps()
        forward, backward = self.peaks
        return int(MARGIN * (max(forward, backward - self.gradients()) - self.start))

    def gradients(self) -> int:
        """Bytes of the gradients of the last step."""
        return _bytes(p.grad for p in self.steps.model.parameters() if p.grad is not None)

    def optimizer_state(self) -> int:
        """Bytes of the optimizer's state after a step."""
        self.optimizer_step()
        return _bytes(v for s in self.steps.optimizer.state.values() for v in s.values())

    def _note(self, *_: object) -> None:
        self.peaks.append(peak_bytes(self.device))


def _bytes(tensors: Any) -> int:
    return sum(t.numel() * t.element_size() for t in tensors if isinstance(t, torch.Tensor))


def _limit_memory(num_bytes: int) -> None:
    """Let allocations fail when this process has taken so much more than now, and have the kernel,
    where it runs out of memory all the same, end this process and no other."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with suppress(OSError, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        (taken,) = [1024 * int(line.split()[1]) for line in lines if line.startswith("VmData")]
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (taken + num_bytes, hard))


def run(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run `_measure_iteration`: its result, or ``{"refused": True}`` if memory did not suffice, or
    ``{"failed": why}``.

    Args:
        request: The request that `memory_check` writes.
    """
    torch.set_num_threads(request["threads"])
    if request["limit"] is not None:
        _limit_memory(request["limit"])
    small, full = (size and BatchSize(**size) for size in (request["small"], request["full"]))
    counts = {name: request[name] for name in ("num_objects", "num_devices")}
    try:
        cfg = load_config_text(request["config"], "the config of the training")
        found = _measure_iteration(cfg, small, full, **counts)
    except MemoryError:
        return {"refused": True}
    except (UserError, RuntimeError, ValueError, KeyError) as error:
        if any(words in str(error) for words in REFUSED):
            return {"refused": True}
        return {"failed": " ".join(str(error).split())}
    return asdict(found)


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin))))
