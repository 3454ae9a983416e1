"""Which operation is to blame: each one's own rule, checked by itself.

Where the gradient of a whole graph is wrong, every operation between x and y is built anew in a
graph of its own, on placeholders of float64 that are fed what the operation was given. Then its
rule alone is compared with differences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tensorgraph.autodiff.gradients import gradients
from tensorgraph.base import dtypes, shapes
from tensorgraph.base.errors import OpError
from tensorgraph.graph.body import BodyGraph
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.sources import placeholder
from tensorgraph.passes.program import needed
from tensorgraph.testing.differences import Array, Comparison, Finding
from tensorgraph.testing.gradients import compare_gradients, form_flaw, session_of
from tensorgraph.testing.point import Point
from tensorgraph.testing.scripts import script_of

# Of larger inputs so many elements are looked at.
MOST_ELEMENTS = 200


@dataclass(frozen=True)
class Fault:
    """An operation whose rule is wrong.

    Attributes
    ----------
    op : Operation
        The operation, in the graph that was checked.
    inner : Operation or None
        The rule of `op` is right, but the operation `inner` of the gradient that it makes has a
        wrong one itself.
    comparison : Comparison
        What is wrong.
    script : str
        A script that shows it; empty where there is none.
    """

    op: Operation
    inner: Operation | None
    comparison: Comparison
    script: str

    @property
    def op_type(self) -> str:
        """The type of the op whose rule is wrong."""
        return (self.inner or self.op).type

    def __str__(self) -> str:
        where = f"({self.op.describe()}, made at {self.op.source})"
        if self.inner is None:
            return f"the rule of {self.op.name!r} is wrong {where}\n  {self.comparison}"
        return (
            f"the rule of {self.op.name!r} {where} makes a {self.inner.type}, whose own rule is"
            f" wrong ({self.inner.describe()})\n  {self.comparison}"
        )


class _Alone:
    """One operation in a graph of its own.

    Parameters
    ----------
    op : Operation
        The operation.
    arrays : sequence of array
        What its inputs were.
    sharp : bool
        Whether to build it in float64, whatever it is of.

    Raises
    ------
    TypeError, ValueError
        If it cannot be built in that way.
    """

    def __init__(self, op: Operation, arrays: Sequence[Any], sharp: bool) -> None:
        self.graph = Graph()
        self.feeds: dict[Tensor, Array] = {}
        inputs = []
        with self.graph.as_default(), self.graph.source(op.source):
            for given, arg in zip(arrays, op.definition.args(len(arrays)), strict=True):
                array = np.asarray(given)
                if array.dtype.kind == "f":
                    wide = array.astype(np.float64) if sharp else array
                    inputs.append(placeholder(wide.dtype, wide.shape, name=arg.name))
                    self.feeds[inputs[-1]] = wide
                else:
                    inputs.append(convert_to_tensor(array))
                if inputs[-1].dtype not in arg.dtypes:
                    raise TypeError(f"{op.type} takes no {inputs[-1].dtype.name}")
            name = op.name.rpartition("/")[2]
            self.op = self.graph.create_op(op.type, inputs, op.attrs, name)
        self.inputs = inputs
        self.ys = [t for t in self.op.outputs if t.dtype.is_floating]
        self.xs = list(self.feeds)


def find_faults(
    point: Point, ys: Sequence[Tensor], xs: Sequence[Tensor], order: int, kinks: str = "skip"
) -> list[Fault]:
    """Return the operations between `xs` and `ys` whose own rules are wrong, in order.

    Parameters
    ----------
    point : Point
        The values of all tensors.
    ys, xs : sequence of Tensor
        What is differentiated by what.
    order : int
        To which order to check.
    kinks : str, default "skip"
        As for `compare_gradients`.
    """
    operations = _between(ys, xs)
    inputs = list(dict.fromkeys(t for op in operations for t in op.inputs))
    values = dict(zip(inputs, point.values(inputs, point.xs), strict=True))
    faults = []
    for op in operations:
        try:
            fault = _fault(op, [values[t] for t in op.inputs], order, kinks)
        except (OpError, LookupError, TypeError, ValueError):
            continue  # it cannot be checked by itself, which must not hide what was found
        if fault is not None:
            faults.append(fault)
    return faults


def _between(ys: Sequence[Tensor], xs: Sequence[Tensor]) -> list[Operation]:
    """Return, in order, the operations that can be checked by themselves."""
    reached = set(xs)
    found = []
    for op in needed(ys, (), {}):
        if op not in {x.op for x in xs} and any(t in reached for t in op.inputs):
            reached.update(op.outputs)
            if op.definition.differentiable and _is_plain(op):
                found.append(op)
    return found


def _is_plain(op: Operation) -> bool:
    """Return whether an operation has inputs and outputs that are arrays, and no random ones."""
    if "seeds" in op.attrs or op.definition.mutates:
        return False
    args = op.definition.args(len(op.inputs))
    if any(t.is_ref and arg.ref for t, arg in zip(op.inputs, args, strict=True)):
        return False
    tensors = [*op.inputs, *op.outputs]
    if _holds_body(op):
        tensors.pop()  # the tape
    return all(t.dtype in dtypes.ALL for t in tensors)


def _holds_body(op: Operation) -> bool:
    """Return whether an operation is a branch or a loop, whose bodies are of their types."""
    return any(isinstance(value, BodyGraph) for value in op.attrs.values())


def _fault(op: Operation, arrays: Sequence[Any], order: int, kinks: str) -> Fault | None:
    """Check one operation by itself."""
    alone = _built(op, arrays)
    if alone is None or not alone.xs or not alone.ys:
        return None
    script = script_of(alone.ys, alone.xs, alone.feeds, 1)
    broken = _broken_form(alone)
    if broken is not None:
        return Fault(op, None, broken, script)
    wrong = _first_wrong(alone.ys, alone.xs, alone.feeds, kinks)
    if wrong is not None:
        return Fault(op, None, wrong, script)
    return _second_order_fault(op, alone, kinks) if order == 2 else None


def _first_wrong(
    ys: Sequence[Tensor], xs: Sequence[Tensor], feeds: Mapping[Tensor, Array], kinks: str
) -> Comparison | None:
    comparisons = compare_gradients(
        ys, xs, feeds, session=session_of(ys[0].graph), kinks=kinks, max_elements=MOST_ELEMENTS
    )
    return next((c for c in comparisons if not c.ok), None)


def _second_order_fault(op: Operation, alone: _Alone, kinks: str) -> Fault | None:
    """Check the gradient of an operation as a function of its inputs and of what it is handed."""
    feeds = dict(alone.feeds)
    values = session_of(alone.graph).run(alone.ys, feeds)
    with alone.graph.as_default():
        handed = [placeholder(y.dtype, np.shape(v)) for y, v in zip(alone.ys, values, strict=True)]
        rng = np.random.default_rng(0)
        for t, v in zip(handed, values, strict=True):
            feeds[t] = rng.uniform(0.5, 1.5, np.shape(v)).astype(t.dtype.np_dtype)
        found = [g for g in gradients(alone.ys, alone.xs, handed) if g is not None]
        squares = [y * y for y in alone.ys]
    xs = [*alone.xs, *handed]
    wrong = _first_wrong(found, xs, feeds, kinks) if found else None
    if wrong is None:
        return None
    point = Point(session_of(alone.graph), xs, feeds, found)
    for fault in find_faults(point, found, xs, 1, kinks):
        if fault.op is not alone.op:
            return Fault(op, fault.op, fault.comparison, fault.script)
    # With squares, what the rule is handed depends on the inputs.
    script = script_of(squares, alone.xs, alone.feeds, 2)
    return Fault(op, None, replace(wrong, order=2), script)


def _built(op: Operation, arrays: Sequence[Any]) -> _Alone | None:
    """Build an operation by itself, in float64 if it can be."""
    for sharp in (False,) if _holds_body(op) else (True, False):
        try:
            return _Alone(op, arrays, sharp)
        except (TypeError, ValueError):
            continue
    return None


def _broken_form(alone: _Alone) -> Comparison | None:
    """Return what is wrong with the form of what the rule gives, None if nothing is."""
    with alone.graph.as_default():
        grads = [
            convert_to_tensor(np.ones([d or 1 for d in t.dims or ()], t.dtype.np_dtype))
            if t.dtype.is_floating
            else None
            for t in alone.op.outputs
        ]
        try:
            found = [
                g() if callable(g) else g for g in alone.op.definition.gradient(alone.op, *grads)
            ]
        except (TypeError, ValueError) as error:
            text = f"the rule fails: {error}"
            return Comparison(alone.xs[0].name, 1, 0, 0, finding=Finding.WRONG, flaw=text)
    for t, g in zip(alone.inputs, found, strict=False):
        if g is None or t not in alone.feeds or not shapes.is_full(g.dims):
            continue
        flaw = form_flaw(np.empty([d or 0 for d in g.dims or ()], g.dtype.np_dtype), alone.feeds[t])
        if flaw is not None:
            return Comparison(t.name, 1, 0, 0, finding=flaw[0], flaw=flaw[1])
    return None
