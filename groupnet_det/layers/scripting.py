"""``torch.jit.script`` of networks whose Python it cannot read."""

from typing import Any

import torch
from torch import Tensor, fx, nn

from groupnet_det.errors import ConfigError
from groupnet_det.quantizers.exporting import plain_operations

# Packages whose modules are searched; TorchScript knows what to do with those of torch and of
# `detectron2.layers`.
PACKAGES = ("groupnet_det.", "detectron2.modeling.")
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


class Scriptable(nn.Module):
    """A module that ``torch.jit.script`` compiles by its operations in evaluation, as loops over
    lists of branches, and quantizers of any kind, are not in the Python that TorchScript reads.

    The result takes inputs of any size, and holds the weights as they are, quantized. A module that
    is part of another one which is scripted is replaced there, as torch does with such parts.
    """

    def __prepare_scriptable__(self) -> nn.Module:
        """The module that torch compiles instead.

        Raises:
            ConfigError: The module is in training.
        """
        return recorded(self)


class _Map(fx.Proxy):
    """A map that is not there yet, of a type and on a device that are known."""

    tracer: "_Tracer"

    @property
    def dtype(self) -> torch.dtype:
        return self.tracer.like.dtype

    @property
    def device(self) -> torch.device:
        return self.tracer.like.device


class _Tracer(fx.Tracer):
    def __init__(self, like: Tensor) -> None:
        super().__init__()
        self.like = like

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not (type(m).__module__.startswith(PACKAGES) or isinstance(m, CONTAINERS))

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Parameters are there: what is computed of them alone is computed now."""
        return attr_val

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Map(node, self)


def recorded(module: nn.Module) -> fx.GraphModule:
    """The operations of a module in evaluation, in plain operations of torch.

    Raises:
        ConfigError: The module is in training.
    """
    if module.training:
        raise ConfigError("torch.jit.script records a network's evaluation; call eval() first")
    with plain_operations(), torch.no_grad():
        graph = _Tracer(next(module.parameters())).trace(module)
    return fx.GraphModule(module, graph)
