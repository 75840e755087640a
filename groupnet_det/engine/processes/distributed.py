"""Turns a model of one process into one that several train together."""

import gc

import torch
import torch.distributed as dist
from detectron2.engine.defaults import create_ddp_model
from detectron2.utils import comm
from torch import nn

from groupnet_det.layers.norms.sync_batch_norm import SyncBatchNorm2d
from groupnet_det.layers.slimmable import slimmable_choices


def distribute(model: nn.Module, *, sync_batch_norm: bool) -> nn.Module:
    """Wrap `model` for training in several processes; in one process it is left as it is.

    Gradients are averaged over the processes. Keys of the state dict stay those of `model`, after
    ``module.``.

    Args:
        model: On its device.
        sync_batch_norm: Whether BatchNorm takes its statistics over all processes; see
            docs/use/distributed.md.
    """
    if comm.get_world_size() == 1:
        return model
    on_gpu = next(model.parameters()).is_cuda
    if sync_batch_norm and on_gpu:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    elif sync_batch_norm:
        SyncBatchNorm2d.replace_in(model)
    device_ids = [torch.cuda.current_device()] if on_gpu else None  # the CPU has no numbers
    return create_ddp_model(
        model,
        broadcast_buffers=False,
        device_ids=device_ids,
        # A step trains the norms of two numbers of bases only.
        find_unused_parameters=bool(slimmable_choices(model)),
    )


def share_buffers(model: nn.Module) -> None:
    """Give every process the main process's buffers: what is scored is then what is saved.

    Without synchronized BatchNorm the running statistics differ between the processes.
    """
    if comm.get_world_size() == 1:
        return
    for buffer in model.buffers():
        dist.broadcast(buffer, src=0)


def leave_process_group() -> None:
    """Wait for the other processes, then end the threads by which this one reached them.

    To be called when the work is done and the model let go of. Detectron2 keeps its groups until
    the interpreter ends. Those of the CPU (gloo) have threads that may then wake in a half-ended
    interpreter and abort it, so that finished work counts as failed. One process has none to leave.
    """
    if not dist.is_initialized():
        return
    comm.synchronize()
    dist.destroy_process_group()
    # These references would keep the threads, and so would cycles of garbage.
    comm._LOCAL_PROCESS_GROUP = None
    comm._get_global_gloo_group.cache_clear()
    gc.collect()
