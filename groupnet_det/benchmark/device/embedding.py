"""C++ that carries packed files in a program."""

import json
from collections.abc import Sequence

from .device_models import DeviceModel

# Symbols are global: linkers for ARM lose the place of a local one in its section.
_FILE = """asm(R"(.section .rodata
.globl model{number}, model{number}_end
.balign 64
model{number}: .incbin {path}
model{number}_end: .byte 0
.previous)");
extern "C" const uint8_t begin{number}[] asm("model{number}");
extern "C" const uint8_t end{number}[] asm("model{number}_end");
"""
_TABLE = """
namespace groupnet_benchmark {{
extern const EmbeddedModel kModels[] = {{
{rows}}};
extern const size_t kNumModels = {count};
}}  // namespace groupnet_benchmark
"""


def embedding_source(models: Sequence[DeviceModel]) -> str:
    """The file that defines ``kModels`` of ``csrc/device_benchmark/embedded_models.h``."""
    files = [
        _FILE.format(number=number, path=json.dumps(str(model.path)))
        for number, model in enumerate(models)
    ]
    rows = [_row(number, model) for number, model in enumerate(models)]
    table = _TABLE.format(rows="".join(rows), count=len(models))
    return '#include "device_benchmark/embedded_models.h"\n\n' + "".join(files) + table


def _row(number: int, model: DeviceModel) -> str:
    sizes = ", ".join(f"{{{h}, {w}}}" for h, w in (model.timed, model.checked))
    begin, end = f"begin{number}", f"end{number}"
    return (
        f"    {{{json.dumps(model.name)}, {begin}, static_cast<size_t>({end} - {begin}), "
        f"{sizes}, {model.checksum:#x}}},\n"
    )
