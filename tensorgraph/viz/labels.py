"""What a picture says of operations and tensors: titles, settings, shapes, numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import DType
from tensorgraph.base.shapes import Shape, num_elements
from tensorgraph.graph.node import Operation, Tensor

TIMES = "×"
LONGEST_TITLE = 20

# Names that the engine gives where the user gives none.
_DEFAULT_NAMES = {"add", "sub", "mul", "truediv", "pow", "matmul", "stack", "read", "mask", "value"}

# How an operation with a constant operand reads.
_FORMULAS = {
    "Add": "{} + {}",
    "Sub": "{} − {}",
    "Mul": "{} × {}",
    "RealDiv": "{} ÷ {}",
    "Pow": "{} ^ {}",
    "Maximum": "max({}, {})",
    "Minimum": "min({}, {})",
    "Less": "{} < {}",
    "LessEqual": "{} ≤ {}",
    "Greater": "{} > {}",
    "GreaterEqual": "{} ≥ {}",
    "Equal": "{} = {}",
    "NotEqual": "{} ≠ {}",
}

# Attributes that the picture shows otherwise, or that no reader needs.
_SILENT = {"dtype", "shape", "value", "seeds", "validate_shape", "out_type", "output_type"}


def shape_text(shape: Shape) -> str:
    """Return ``?×28×28×6``, ``(10)``, ``scalar``, or ``shape ?`` where the rank is not known."""
    if shape is None:
        return "shape ?"
    if len(shape) == 1:
        return f"({'?' if shape[0] is None else shape[0]})"
    return TIMES.join("?" if d is None else str(d) for d in shape) or "scalar"


def tensor_text(tensor: Tensor) -> str:
    """Return the shape, and the element type where it is not the usual one."""
    return _typed(shape_text(tensor.dims), tensor.dtype)


def _typed(text: str, dtype: DType) -> str:
    return text if dtype is dtypes.float32 else f"{text} {dtype.name}"


def base_name(name: str) -> str:
    """Return the last part of a name without the number that made it unique."""
    return re.sub(r"_\d+$", "", name.rpartition("/")[2])


def is_named(op: Operation) -> bool:
    """Return whether the user gave the operation its name."""
    plain = base_name(op.name).replace("_", "").lower()
    if plain == type_name(op).lower() or plain in _DEFAULT_NAMES:
        return False
    return not _is_argument(op)


def _is_argument(op: Operation) -> bool:
    """Return whether an operation was made of a number that another one was given: ``add/y``."""
    scope = op.name.rpartition("/")[0]
    try:
        user = op.graph.get_operation_by_name(scope)
    except KeyError:
        return False
    return any(t.op is op for t in user.inputs)


def type_name(op: Operation) -> str:
    """Return the type without TensorFlow's version number: ``Concat`` for ``ConcatV2``."""
    return re.sub(r"V\d$", "", op.type)


def wrapped(name: str) -> str:
    """Return a long CamelCase name on several lines."""
    lines = [""]
    for word in re.findall(r"[A-Z0-9]*[^A-Z]*|[A-Z]+", name):
        if lines[-1] and len(lines[-1]) + len(word) > LONGEST_TITLE:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


def title(op: Operation) -> str:
    """Return the line that names an operation: the user's name for it, else its type."""
    last = op.name.rpartition("/")[2]
    return last if is_named(op) else wrapped(type_name(op))


def details(op: Operation, operands: Mapping[int, str]) -> tuple[str, ...]:
    """Return the settings that matter.

    Parameters
    ----------
    op : Operation
        The operation.
    operands : mapping of int to str
        What to call the inputs that are not drawn, by place.
    """
    lines = [wrapped(type_name(op))] if is_named(op) else []
    window = _window(op)
    if window:
        lines.append(window)
    lines.extend(_operand_lines(op, operands))
    for name, value in op.attrs.items():
        if name not in _SILENT and not (window and name in _WINDOW_ATTRS):
            lines.extend(_attr(op, name, value))
    return tuple(lines)


# Only these are counted in multiplications with an addition, as books do it.
_PRODUCT = re.compile("Conv|Depthwise|(Batch)?MatMul|Einsum")
_WINDOW_ATTRS = {"ksize", "strides", "dilations", "padding"}


def _window(op: Operation) -> str:
    """Return ``5×5, stride 1, SAME`` for what slides a window, else nothing."""
    attrs = op.attrs
    if "strides" not in attrs or "padding" not in attrs:
        return ""
    size = attrs.get("ksize") or _filter_size(op)
    parts = [] if size is None else [_pair(size, always=True)]
    parts.append(f"stride {_pair(attrs['strides'])}")
    if any(d != 1 for d in attrs.get("dilations", ())):
        parts.append(f"dilation {_pair(attrs['dilations'])}")
    padding = attrs["padding"]
    parts.append(padding if isinstance(padding, str) else f"pad {_numbers(np.ravel(padding))}")
    return ", ".join(parts)


def _filter_size(op: Operation) -> tuple[int | None, ...] | None:
    """Return height and width of a convolution's filter, which is an input or the output."""
    dims = op.outputs[0].dims if op.type.endswith("Filter") else op.inputs[1].dims
    return None if dims is None or len(dims) < 3 else dims[:-2]


def _pair(values: Iterable[int | None], always: bool = False) -> str:
    sizes = ["?" if v is None else str(v) for v in values]
    return sizes[0] if len(set(sizes)) == 1 and not always else TIMES.join(sizes)


def _operand_lines(op: Operation, known: Mapping[int, str]) -> list[str]:
    formula = _FORMULAS.get(op.type)
    if formula and len(op.inputs) == 2 and known:
        return [formula.format(known.get(0, "x"), known.get(1, "x"))]
    args = op.definition.args(len(op.inputs))
    return [
        f"{args[i].name} {text}"
        for i, text in known.items()
        if not (args[i].group == "shape" or args[i].name == "shape")
    ]


def constant_text(op: Operation, longest: int = 6) -> str:
    """Return the value of a small constant, nothing for anything else."""
    value = op.attrs.get("value") if op.type == "Const" else None
    if not isinstance(value, np.ndarray) or value.size > longest or value.ndim > 1:
        return ""
    text = _numbers(value.ravel())
    return text if value.ndim == 0 else f"[{text}]"


def _numbers(values: Iterable[Any]) -> str:
    return " ".join(
        f"{v:.6g}".replace("-", "−") if isinstance(v, float | np.floating) else str(v)
        for v in values
    )


def _attr(op: Operation, name: str, value: Any) -> list[str]:
    """Return a line on one attribute, none where it says nothing new."""
    if value is None or value is False or value == ():
        return []
    if name == "axis" and value == -1:
        return []
    if name in ("axis", "axes"):
        axes = value if isinstance(value, tuple) else (value,)
        return [f"{'axis' if len(axes) == 1 else 'axes'} {_numbers(axes)}"]
    spoken = name.replace("_", " ")
    if value is True:
        return [spoken]
    if isinstance(value, int | float | str | np.generic):
        return [f"{spoken} {_short(str(value))}"]
    if isinstance(value, tuple):
        return [f"{spoken} {_short(_numbers(np.ravel(np.asarray(value, object))))}"]
    return []


def _short(text: str, longest: int = 32) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def variable_text(variable: Operation) -> str:
    """Return ``5×5×1×6 = 150``: the shape of a variable and how many numbers it holds."""
    tensor = variable.outputs[0]
    count = num_elements(tensor.dims)
    text = shape_text(tensor.dims)
    if count is not None and tensor.dims is not None and len(tensor.dims) > 1:
        text = f"{text} = {count:,}"
    return _typed(text, tensor.dtype)


def multiply_adds(op: Operation) -> int:
    """Return the multiplications with an addition of a product; sizes not known count as 1."""
    return op.definition.flops(op) // 2 if _PRODUCT.match(op.type) else 0


def tooltip(op: Operation) -> str:
    """Return name, type, output and where the node was made; without folders, which are private."""
    lines = [f"{op.name} ({op.type})"]
    lines.extend(f"→ {t.dtype.name} {shape_text(t.dims)}" for t in op.outputs)
    file_and_line = re.split(r"[/\\]", op.source)[-1]
    lines.append(f"made at {file_and_line}")
    return "\n".join(lines)
