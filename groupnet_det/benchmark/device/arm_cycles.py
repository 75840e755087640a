"""A model of two ARM cores: the cycles that executed instructions take at least.

It adds up what the instructions occupy and divides by what a core has: the vector pipes, the load
and store pipes, and the instructions that are dispatched in a cycle. It knows no latencies, caches
or branches, so it is a lower bound and no measurement.

Sources: Arm's software optimization guides of the Cortex-A72 (UAN 0016A) and of the Cortex-A76
(PJDOC-466751330-7215); the pipes of each instruction as in LLVM's models of the Cortex-A57, whose
vector instructions the A72's are like, and of the Neoverse N1, a Cortex-A76 for servers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Executed instructions by mnemonic and the kind of their first operand, such as ("eor", "v").
Counts = Mapping[tuple[str, str], int]

_LOADS, _STORES = re.compile(r"ld"), re.compile(r"st")
_MULTIPLIES = re.compile(r"[su]q?r?d?m(ul|ull2?|lal?2?|lsl?2?)$|mul$|ml[as]$|p?mull2?$")
_FLOATS = re.compile(r"f(add|sub|mul|ml[as]|cm(gt|ge|eq)|max|min|cvt|rint).*|[su]cvtf")
_INSERTS = re.compile(r"bit|bif|bsl")


@dataclass(frozen=True, kw_only=True)
class ArmCore:
    """What a core does in a cycle, and what some instructions of 128 bits take.

    Attributes:
        clock_ghz: Of the board that the name mentions.
        dispatch: Instructions in a cycle.
        vector_pipes, load_pipes, store_pipes: Operations in a cycle.
        insert: Vector operations of `bit`, `bif` and `bsl`.
        float_operation: Vector operations of float arithmetic.
        store_vector: Store operations of a vector.
        shares_stores: Whether stores go through the load pipes.
    """

    name: str
    clock_ghz: float
    dispatch: int
    vector_pipes: int
    load_pipes: int
    store_pipes: int
    insert: int
    float_operation: int
    store_vector: int
    shares_stores: bool


CORTEX_A72 = ArmCore(
    name="Cortex-A72 (Raspberry Pi 4)",
    clock_ghz=1.8,
    dispatch=3,
    vector_pipes=2,
    load_pipes=1,
    store_pipes=1,
    insert=2,
    float_operation=2,
    store_vector=2,
    shares_stores=False,
)
CORTEX_A76 = ArmCore(
    name="Cortex-A76 (Raspberry Pi 5)",
    clock_ghz=2.4,
    dispatch=4,
    vector_pipes=2,
    load_pipes=2,
    store_pipes=2,
    insert=1,
    float_operation=1,
    store_vector=2,
    shares_stores=True,
)


def least_cycles(counts: Counts, core: ArmCore) -> dict[str, float]:
    """Cycles by what limits them; the greatest is the bound."""
    vector = one_pipe = loads = stores = instructions = 0
    for (name, kind), count in counts.items():
        instructions += count
        wide = kind in ("v", "q")
        both = 2 if name.endswith("p") and kind == "q" else 1  # a pair of registers
        if _LOADS.match(name):
            loads += count * both
            vector += count if name == "ld1r" else 0
        elif _STORES.match(name):
            stores += count * both * (core.store_vector if wide else 1)
        elif wide:
            operations = _operations(name, core)
            vector += count * operations
            one_pipe += count if _MULTIPLIES.match(name) else 0
    memory = {"loads": loads / core.load_pipes, "stores": stores / core.store_pipes}
    if core.shares_stores:
        memory = {"loads and stores": (loads + stores) / core.load_pipes}
    return {
        "vector pipes": vector / core.vector_pipes,
        "multiplier": float(one_pipe),
        **memory,
        "dispatch": instructions / core.dispatch,
    }


def _operations(name: str, core: ArmCore) -> int:
    if _INSERTS.fullmatch(name):
        return core.insert
    return core.float_operation if _FLOATS.fullmatch(name) else 1


def read_counts(text: str) -> dict[tuple[str, str], int]:
    """What the plugin of ``tools/count_instructions.py`` writes: ``number mnemonic kind`` in each
    line, where the kind may be missing."""
    counts: dict[tuple[str, str], int] = {}
    for line in text.splitlines():
        number, name, *kind = line.split()
        key = (name, kind[0] if kind else "")
        counts[key] = counts.get(key, 0) + int(number)
    return counts
