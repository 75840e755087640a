"""Programs, and other dataclasses, as JSON and back. ``None`` and what is empty is left out."""

import dataclasses
import types
import typing
from typing import Any, Union

from groupnet_det.errors import PackedFileError, shortened

from .program import Program


def to_json(value: Any) -> Any:
    """Dataclasses -> JSON values."""
    if dataclasses.is_dataclass(value):
        members = {
            f.name.rstrip("_"): to_json(getattr(value, f.name)) for f in dataclasses.fields(value)
        }
        op = {"op": value.op} if hasattr(value, "op") else {}
        kept = {key: v for key, v in members.items() if v is not None and v != [] and v != {}}
        return {**op, **kept}
    if isinstance(value, tuple):
        return [to_json(v) for v in value]
    if isinstance(value, dict):
        return {key: to_json(v) for key, v in value.items()}
    return value


def from_json(value: Any) -> Program:
    """The inverse of `to_json`.

    Raises:
        PackedFileError: A member is missing, unknown or of a wrong type.
    """
    try:
        program: Program = read_value(Program, value, "program")
    except RecursionError as error:  # parts of parts of parts
        raise PackedFileError("program is nested too deeply") from error
    return program


def read_value(kind: Any, value: Any, where: str) -> Any:
    """JSON -> a value of `kind`: a dataclass, a union of such by their ``op``, ``tuple[X, ...]``,
    ``dict[str, X]`` or a plain type; the inverse of `to_json`.

    Args:
        where: What messages call it.

    Raises:
        PackedFileError: A member is missing, unknown or of a wrong type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return _read_union(arguments, value, where)
    if origin is tuple:
        items = _expect(list, value, where)
        return tuple(read_value(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(items))
    if origin is dict:
        members = _expect(dict, value, where)
        return {key: read_value(arguments[1], v, f"{where}.{key}") for key, v in members.items()}
    if dataclasses.is_dataclass(kind):
        return _read_members(kind, _expect(dict, value, where), where)
    if kind is float and type(value) is int:
        value = float(value)
    return _expect(kind, value, where)


def _read_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    candidates = [kind for kind in kinds if kind is not type(None)]
    if len(candidates) == 1:
        return read_value(candidates[0], value, where)
    known = {candidate.op: candidate for candidate in candidates}
    op = _expect(dict, value, where).get("op")
    if not isinstance(op, str) or op not in known:
        raise PackedFileError(
            f"{where} has the op {shortened(op)}; this version knows {list(known)}"
        )
    return read_value(known[op], {k: v for k, v in value.items() if k != "op"}, where)


def _read_members(kind: Any, members: dict[str, Any], where: str) -> Any:
    hints = typing.get_type_hints(kind)
    fields = {f.name.rstrip("_"): f for f in dataclasses.fields(kind)}
    unknown = sorted(set(members) - set(fields))
    required = {
        name
        for name, f in fields.items()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    missing = sorted(required - set(members))
    if unknown or missing:
        raise PackedFileError(f"{where}: unknown members {unknown}, missing members {missing}")
    return kind(
        **{
            fields[name].name: read_value(hints[fields[name].name], v, f"{where}.{name}")
            for name, v in members.items()
        }
    )


def _expect(kind: type, value: Any, where: str) -> Any:
    if type(value) is not kind:
        raise PackedFileError(f"{where} is of the type {type(value).__name__}, not {kind.__name__}")
    return value
