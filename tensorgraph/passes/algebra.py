"""The identities of algebra that `simplify` uses, one rule for each kind of operation.

A rule is asked with an operation, its inputs in the new graph, and that graph, and returns the
tensor that equals the output, or None. It looks at what made the inputs; as they are simplified
already, a chain of any length becomes one step.

An identity has to hold for NaN and infinity, too: x · 0 is not 0, for ∞ · 0 is NaN. Only the sign
of a zero may be lost, by x + 0 = x. Sums are not written in another order; constant factors in a
row are multiplied, which may round differently in the last bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.base.dtypes import DType
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Elementwise
from tensorgraph.passes.program import derive

Rule = Callable[[Operation, Sequence[Tensor], Graph], Tensor | None]

# A constant of more elements is not looked at.
_LARGEST_LOOK = 1 << 18


def simpler(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """Return the tensor that equals the only output of an operation, by a rule for its kind."""
    given = _narrowed(op, inputs, graph) if isinstance(op.definition, Elementwise) else inputs
    rule = _RULES.get(op.type)
    found = None if rule is None else rule(op, given, graph)
    if found is None and given is not inputs:
        return derive(graph, op, op.type, given, op.attrs)
    return found


# What is known of a tensor


def uniform(t: Tensor) -> Any:
    """Return the number that all elements of a tensor are, None where they differ or may."""
    source = _spread_source(t)
    op = t.op if source is None else source.op
    value = op.attrs["value"] if op.type == "Const" else None
    if value is None or not 0 < value.size <= _LARGEST_LOOK or value.dtype.kind not in "iufb":
        return None
    first = value.flat[0]
    if value.flat[-1] != first or value.flat[value.size // 2] != first:
        return None  # NaN as well, which is no number to look for
    # By their bytes, so that zeros of both signs differ.
    same = value.size == 1 or value.tobytes() == first.tobytes() * value.size
    return first if same else None


def _spread_source(t: Tensor) -> Tensor | None:
    """Return what is repeated to make a tensor, None where it is not made so."""
    op = made_by(t, "Fill", "BroadcastTo")
    return None if op is None else op.inputs[op.type == "Fill"]


def made_by(t: Tensor, *types: str) -> Operation | None:
    """Return the operation behind a tensor, if it is of one of these types and may be undone.

    Not where it waits for another one, or takes a variable itself: when it runs matters then.
    """
    op = t.op
    if op.type not in types or op.control_inputs or any(x.is_ref for x in op.inputs):
        return None
    return op


def _is(t: Tensor, op: Operation) -> bool:
    """Return whether a tensor has the shape and type of an operation's output for certain."""
    y = op.outputs[0]
    return t.dtype is y.dtype and (t.dims == y.dims and shapes.is_full(t.dims))


def _dims(op: Operation) -> tuple[int, ...] | None:
    """Return the shape of the output, where it is known."""
    dims = op.outputs[0].dims
    return dims if shapes.is_full(dims) else None  # type: ignore[return-value]


def _constant(graph: Graph, op: Operation, value: Any, dtype: DType) -> Tensor:
    array = np.asarray(value, dtype.np_dtype)
    return derive(graph, op, "Const", (), {"value": array}, "const")


# Arithmetic


def _narrowed(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor]:
    """Return the inputs without repetition to the shape of the others: that the operation does."""
    dims = _dims(op)
    if dims is None or len(inputs) < 2:
        return inputs
    narrow = list(inputs)
    for place, t in enumerate(inputs):
        small = _small_shape(t)
        if small is None:
            continue
        shape: shapes.Shape = small
        for i, other in enumerate(narrow):
            shape = shape if i == place else shapes.broadcast(shape, other.dims)
        if shape == dims:
            source = _spread_source(t)
            narrow[place] = _constant(graph, op, uniform(t), t.dtype) if source is None else source
    same = all(new is old for new, old in zip(narrow, inputs, strict=True))
    return inputs if same else narrow


def _small_shape(t: Tensor) -> shapes.Shape:
    """Return the shape of what is repeated to make a tensor, None where it is not made so."""
    source = _spread_source(t)
    if source is not None:
        return source.dims
    # A constant that has been computed may be a number, repeated.
    return () if t.dims != () and t.op.type == "Const" and uniform(t) is not None else None


def _add(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """Use x + 0 = x; x + (-y) = x - y."""
    for x, y in (inputs, inputs[::-1]):
        if uniform(y) == 0 and _is(x, op):
            return x
        negated = made_by(y, "Neg")
        if negated:
            return derive(graph, op, "Sub", (x, negated.inputs[0]))
    return None


def _sub(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """Use x - 0 = x; x - (-y) = x + y."""
    x, y = inputs
    if uniform(y) == 0 and _is(x, op):
        return x
    negated = made_by(y, "Neg")
    return derive(graph, op, "Add", (x, negated.inputs[0])) if negated else None


def _mul(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """Use x · 1 = x; x · (-1) = -x; x · x = x²; a · (b · x) = (a · b) · x of constants a and b."""
    for x, y in (inputs, inputs[::-1]):
        factor = uniform(y)
        if factor is None:
            continue
        if factor == 1 and _is(x, op):
            return x
        if factor == -1 and _is(x, op):
            return derive(graph, op, "Neg", (x,))
        if y.dims == () and x.dtype.is_floating:
            return _scaled(op, x, factor, graph)
    if inputs[0] is inputs[1]:
        return derive(graph, op, "Square", inputs[:1])
    return None


def _scaled(op: Operation, x: Tensor, factor: Any, graph: Graph, part: str = "") -> Tensor | None:
    """Return factor · x as a single product, where x is one with a constant, or a negation."""
    inner = made_by(x, "Mul", "Neg")
    if inner is None:
        return None
    base, given = inner.inputs[0], -1
    if inner.type == "Mul":
        pairs = [(a, uniform(b)) for a, b in (inner.inputs, inner.inputs[::-1]) if b.dims == ()]
        found = [(a, number) for a, number in pairs if number is not None]
        if not found:
            return None
        base, given = found[0]
    # In Python's numbers, so that nothing warns.
    both = float(factor) * float(given)
    limits = np.finfo(x.dtype.np_dtype)
    # Neither may the product overflow, nor lose digits, where one after the other would not.
    if not float(limits.tiny) <= abs(both) <= float(limits.max):
        return None
    return derive(graph, op, "Mul", (base, _constant(graph, op, both, x.dtype)), part=part)


def _div(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """Use x / 1 = x."""
    x, y = inputs
    return x if uniform(y) == 1 and _is(x, op) else None


def _pow(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """Use x ** 1 = x; x ** 2 = x²."""
    x, y = inputs
    exponent = uniform(y)
    if exponent is None or not _is(x, op):
        return None
    if exponent == 1:
        return x
    return derive(graph, op, "Square", (x,)) if exponent == 2 else None


def _neg(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """Use -(-x) = x; -(c · x) = (-c) · x."""
    inner = made_by(inputs[0], "Neg")
    if inner:
        return inner.inputs[0]
    return _scaled(op, inputs[0], -1, graph) if inputs[0].dtype.is_floating else None


def _add_n(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """A sum without zeros, and of equal terms as a product with their number."""
    if not all(_is(t, op) for t in inputs):
        return None
    counts = Counter(t for t in inputs if uniform(t) != 0)
    terms = []
    for t, count in counts.items():
        if count > 1 and not t.dtype.is_floating:
            return None
        terms.append(t if count == 1 else _times(op, t, count, graph))
    if len(terms) > 2:
        shorter = len(terms) < len(inputs)
        return derive(graph, op, "AddN", terms) if shorter else None
    if len(terms) == 2:
        return derive(graph, op, "Add", terms)
    return terms[0] if terms else inputs[0]


def _times(op: Operation, t: Tensor, count: int, graph: Graph) -> Tensor:
    scaled = _scaled(op, t, count, graph, "times")
    if scaled is not None:
        return scaled
    return derive(graph, op, "Mul", (t, _constant(graph, op, count, t.dtype)), part="times")


def _select(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """The choice that a constant makes."""
    condition, x, y = inputs
    known = uniform(condition)
    if known is None:
        return None
    chosen = x if known else y
    return chosen if _is(chosen, op) else None


def _once(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """Use f(f(x)) = f(x)."""
    return inputs[0] if made_by(inputs[0], op.type) else None


def _twice(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """Use f(f(x)) = x."""
    inner = made_by(inputs[0], op.type)
    return None if inner is None else inner.inputs[0]


# Shapes


_RESHAPES = ("Reshape", "ExpandDims", "Squeeze")


def _reshape(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """The second of two reshapes in a row alone; none, where the shape is the first again."""
    dims, x = _dims(op), inputs[0]
    if dims is None:
        return None
    if x.dims == dims:
        return x
    return _in_shape(op, x, dims, graph) if made_by(x, *_RESHAPES) else None


def _in_shape(op: Operation, x: Tensor, dims: tuple[int, ...], graph: Graph) -> Tensor:
    """Return x, or what it is a reshape of, where that is of the shape, else a reshape of it."""
    inner = made_by(x, *_RESHAPES)
    if inner is not None:
        x = inner.inputs[0]
    if x.dims == dims:
        return x
    shape = derive(graph, op, "Const", (), {"value": np.array(dims, np.int32)}, "shape")
    return derive(graph, op, "Reshape", (x, shape))


def _transpose(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """One transpose for two in a row; a reshape where only axes of size 1 move."""
    x, dims = inputs[0], _dims(op)
    if dims is None or x.dims is None:
        return None
    perm = _perm(op)
    inner = made_by(x, "Transpose")
    if inner is not None:
        first = _perm(inner)
        perm, x = tuple(first[i] for i in perm), inner.inputs[0]
    if list(perm) == sorted(perm):
        return x
    moved = [i for i in perm if x.dims is not None and x.dims[i] != 1]
    if moved == sorted(moved):
        return _in_shape(op, x, dims, graph)
    return derive(graph, op, "Transpose", (x,), {"perm": perm}) if x is not inputs[0] else None


def _perm(op: Operation) -> tuple[int, ...]:
    """Return the order of axes of a transpose of known rank."""
    rank = len(op.outputs[0].dims or ())
    perm: tuple[int, ...] | None = op.attrs["perm"]
    return tuple(range(rank))[::-1] if perm is None else perm


def _repeat(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """The second of two repetitions in a row alone."""
    source = _spread_source(inputs[0])
    if source is None or _dims(op) is None:
        return None
    return derive(graph, op, "BroadcastTo", (source, inputs[1]))


def _of_nothing(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """What keeps the shape keeps all: cutting, padding and repeating nothing."""
    return inputs[0] if _is(inputs[0], op) else None


def _strided_slice(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """A cut of everything, unless it goes backwards."""
    strides = inputs[3].op.attrs.get("value") if inputs[3].op.type == "Const" else None
    forwards = strides is not None and all(s > 0 for s in strides.tolist())
    return inputs[0] if forwards and _is(inputs[0], op) else None


def _concat(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """Joining without what is empty."""
    filled = [t for t in inputs if shapes.num_elements(t.dims) != 0]
    if len(filled) == len(inputs) or not filled or _dims(op) is None:
        return None
    return filled[0] if len(filled) == 1 else derive(graph, op, op.type, filled, op.attrs)


def _reduce(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Tensor | None:
    """A reduction over no axes, or over axes of size 1, reduces nothing."""
    x, dims = inputs[0], _dims(op)
    if dims is None or not shapes.is_full(x.dims) or x.dims is None:
        return None
    axes = shapes.normalize_axes(op.attrs["axes"], len(x.dims))
    return _in_shape(op, x, dims, graph) if all(x.dims[i] == 1 for i in axes) else None


_RULES: Mapping[str, Rule] = {
    "Add": _add,
    "AddN": _add_n,
    "Sub": _sub,
    "Mul": _mul,
    "RealDiv": _div,
    "Pow": _pow,
    "Neg": _neg,
    "Select": _select,
    "Abs": _once,
    "Relu": _once,
    "Relu6": _once,
    "LogicalNot": _twice,
    **dict.fromkeys(_RESHAPES, _reshape),
    "Transpose": _transpose,
    "BroadcastTo": _repeat,
    **dict.fromkeys(("Slice", "Unpad", "MirrorPad", "MirrorPadGrad", "Tile"), _of_nothing),
    "StridedSlice": _strided_slice,
    "ConcatV2": _concat,
    **dict.fromkeys(("Sum", "Mean", "Max", "Min", "Prod", "All", "Any"), _reduce),
}
