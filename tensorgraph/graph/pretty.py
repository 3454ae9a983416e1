"""A graph as typed lines, to be read.

%1: float32[?,784] = Placeholder()  # x, softmax.py:3
%4: float32[?,10] = MatMul(%1, %3)  # MatMul, softmax.py:5
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tensorgraph.base.dtypes import DType
from tensorgraph.graph.node import Operation, Tensor

# Longer constants are shown by their type alone.
MOST_ELEMENTS = 6


def format_operations(operations: Iterable[Operation]) -> str:
    """Return operations as one line each, in the order given.

    Every tensor has a number, with its type and static shape; ``^`` marks what only has to run
    before. After ``#`` stand the operation's name and the user's line that made it. Attributes
    that are not set are left out.

    Parameters
    ----------
    operations : iterable of Operation
        What to show; `Graph.get_operations` gives all of a graph.
    """
    numbers: dict[Tensor | Operation, str] = {}
    return "".join(f"{_line(op, numbers)}\n" for op in operations)


def _line(op: Operation, numbers: dict[Tensor | Operation, str]) -> str:
    arguments = [
        *(_number(t, numbers) for t in op.inputs),
        *(f"^{_number(c.outputs[0] if c.outputs else c, numbers)}" for c in op.control_inputs),
        *_attributes(op.attrs),
    ]
    names = [_number(t, numbers) for t in op.outputs] or [_number(op, numbers)]
    types = ", ".join(_type(t) for t in op.outputs)
    left = f"{', '.join(names)}: {types}" if types else names[0]
    return f"{left} = {op.type}({', '.join(arguments)})  # {op.name}, {_place(op.source)}"


def _number(element: Tensor | Operation, numbers: dict[Tensor | Operation, str]) -> str:
    if element not in numbers:
        numbers[element] = f"%{len(numbers)}"
    return numbers[element]


def _type(t: Tensor) -> str:
    ref = "&" if t.is_ref else ""
    if t.dims is None:
        return f"{t.dtype.name}{ref}[…]"
    return f"{t.dtype.name}{ref}[{','.join('?' if d is None else str(d) for d in t.dims)}]"


def _attributes(attrs: Mapping[str, Any]) -> list[str]:
    if isinstance(value := attrs.get("value"), np.ndarray):
        if value.size > MOST_ELEMENTS:
            return []
        return [np.array2string(value, separator=", ", precision=6)]
    return [f"{key}={_value(v)}" for key, v in attrs.items() if v is not None and v is not False]


def _value(value: Any) -> str:
    if isinstance(value, DType):
        return value.name
    if isinstance(value, int | float | str | tuple | list):
        return repr(value)
    return f"<{type(value).__name__}>"


def _place(source: str) -> str:
    """Return a source without its folders."""
    return os.path.basename(source)
