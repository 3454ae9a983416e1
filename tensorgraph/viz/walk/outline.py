"""`Outline`: what is drawn, and what is said at each step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tensorgraph.autodiff.gradients import RuleCall
from tensorgraph.base import dtypes
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.viz import labels
from tensorgraph.viz.walk.examples import Worked, work_out, work_out_rule
from tensorgraph.viz.walk.formulas import describe, is_setting, write, write_rule
from tensorgraph.viz.walk.numbers import cell_of, describe_array, short_text
from tensorgraph.viz.walk.tracing import Trace
from tensorgraph.viz.walk.view import View


@dataclass(frozen=True)
class Node:
    """A box of the picture.

    Attributes
    ----------
    id : str
        Unique, of letters and digits.
    kind : str
        ``input``, ``variable``, ``constant`` or ``operation``.
    name : str
        The shortest name that no other node has.
    type : str
        The kind of operation.
    scope : str
        The layer: the outermost scope of its name.
    formula : str
        How its result is written; "" of what is given.
    gradient : str
        The whole gradient of its result, where it is used several times or is asked for; else "".
    """

    id: str
    kind: str
    name: str
    type: str
    scope: str
    formula: str = ""
    gradient: str = ""


@dataclass(frozen=True)
class Edge:
    """An arrow, with the texts of the value that goes forward and of the gradient that comes back.

    Attributes
    ----------
    id : str
        Unique, of letters and digits.
    tail, head : str
        Ids of nodes.
    value, gradient : str
        The texts; no gradient is "".
    """

    id: str
    tail: str
    head: str
    value: str
    gradient: str


@dataclass(frozen=True)
class Outline:
    """All that a page shows.

    Attributes
    ----------
    loss : str
        The name of the loss.
    nodes, edges : tuple
        The picture.
    steps : tuple of dict
        What is said at each step, as JSON can hold it. Values are numbers of `values`.
    values : tuple of dict
        From `describe_array`.
    """

    loss: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    steps: tuple[dict[str, Any], ...]
    values: tuple[dict[str, Any], ...]


def make_outline(trace: Trace) -> Outline:
    """Return what to show of a trace."""
    return _Writer(View(trace)).outline()


class _Writer:
    """Writes an outline; the values that its steps speak of are collected on the way."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._trace = view.trace
        self._ids = {op: f"n{place}" for place, op in enumerate(view.shown)}
        self._computing = [op for op in view.shown if view.kind(op) == "operation"]
        self._values: list[dict[str, Any]] = []
        self._places: dict[tuple[int, bool], int] = {}
        self._kept: list[Any] = []

    def outline(self) -> Outline:
        """Return the outline."""
        steps = (self._given(), *self._forward_steps(), *self._backward_steps(), self._result())
        return Outline(
            self._view.loss,
            tuple(map(self._node, self._view.shown)),
            tuple(self._edges()),
            steps,
            tuple(self._values),
        )

    # Values

    def _value(self, t: Tensor, of: Tensor | None = None) -> int | None:
        """Return the number of a tensor's value among all; `of` is what it is the gradient of."""
        array = self._trace.values.get(t)
        return None if array is None else self._array(array, t if of is None else of)

    def _array(self, array: Any, of: Tensor) -> int:
        is_filter = self._view.is_filter(of)
        key = (id(array), is_filter)
        if key not in self._places:
            self._kept.append(array)  # an id is one's own only as long as its object lives
            self._places[key] = len(self._values)
            self._values.append(describe_array(array, is_filter))
        return self._places[key]

    def _incoming(self, t: Tensor) -> dict[str, Any] | None:
        """Return what is said of the gradient that comes to a tensor."""
        sums = self._view.sums(t)
        if not sums:
            return None
        parts = [
            {
                "from": "" if part.op is None else self._view.name(part.op),
                "value": self._value(part.value, t),
            }
            for part in self._view.parts(t)
        ]
        total = self._array(sums[-1], t)
        return {"name": self._view.derivative(t), "parts": parts, "total": total}

    # Steps

    def _given(self) -> dict[str, Any]:
        leaves = [op for op in self._view.shown if self._view.kind(op) != "operation"]
        items = [
            {
                "kind": self._view.kind(op),
                "name": self._view.name(op),
                "value": self._value(op.outputs[0]),
            }
            for op in leaves
        ]
        return {"phase": "given", "nodes": [self._ids[op] for op in leaves], "items": items}

    def _heading(self, op: Operation) -> dict[str, Any]:
        original = self._trace.originals[op]
        return {
            "node": self._ids[op],
            "name": self._view.name(op),
            "type": labels.type_name(original),
            "settings": ", ".join(labels.details(op, {})[labels.is_named(op) :]),
            "words": describe(original),
            # Folders are private.
            "source": re.split(r"[/\\]", original.source)[-1],
        }

    def _forward_steps(self) -> Iterator[dict[str, Any]]:
        for op in self._computing:
            operands = [self._view.operand(t) for t in op.inputs]
            worked = work_out(op, self._trace.values)
            yield {
                "phase": "forward",
                **self._heading(op),
                "formula": f"{self._view.name(op)} = {write(op, operands)}",
                "worked": worked.text,
                "marks": self._marks(worked),
                "inputs": [
                    {"name": name, "value": self._value(t)}
                    for place, (name, t) in enumerate(zip(operands, op.inputs, strict=True))
                    if not is_setting(op, place) and not self._view.is_plain(self._view.source(t))
                ],
                "outputs": [
                    {"name": self._view.operand(t), "value": self._value(t)} for t in op.outputs
                ],
            }

    def _marks(self, worked: Worked) -> list[list[int]]:
        """Return value, row and column of each number that was worked with."""
        found = []
        for t, index in worked.cells:
            array = self._trace.values[t]
            cell = cell_of(array, index, self._view.is_filter(t))
            place = self._value(t)
            if cell is not None and place is not None:
                found.append([place, *cell])
        return found

    def _backward_steps(self) -> Iterator[dict[str, Any]]:
        told: dict[Tensor, int] = {}
        for call in self._trace.calls:
            if not self._view.is_shown(call.op) or self._view.passes_on(call.op):
                continue
            several = sum(grad is not None for grad in call.grads) > 1
            letters = {
                t: f"g{_SUBSCRIPTS[t.value_index % 10]}" if several else "g"
                for t, grad in zip(call.op.outputs, call.grads, strict=True)
                if grad is not None
            }
            known = {call.grads[t.value_index]: letter for t, letter in letters.items()}
            given = {grad: letter for grad, letter in known.items() if grad is not None}
            incoming = [(letter, self._incoming(t)) for t, letter in letters.items()]
            yield {
                "phase": "backward",
                **self._heading(call.op),
                "incoming": [{**said, "letter": letter} for letter, said in incoming if said],
                "handed": [
                    self._handed(call.op, place, value, given, told)
                    for place, value in enumerate(call.handed)
                    if value is not None
                ],
                "lost": list(self._lost(call)),
            }

    def _handed(
        self,
        op: Operation,
        place: int,
        value: Tensor,
        given: Mapping[Tensor, str],
        told: dict[Tensor, int],
    ) -> dict[str, Any]:
        """Return what is said of the gradient that goes to an input."""
        t, view = op.inputs[place], self._view
        target = view.source(t)
        number = told[target] = told.get(target, 0) + 1
        sums = view.sums(target)
        return {
            "edge": self._edge_id(op, place),
            "name": view.derivative(t),
            "rule": write_rule(value, given, view.operand),
            "words": self._rule_words(value, given),
            "worked": work_out_rule(value, given, self._trace.values, view.is_forward),
            "value": self._value(value, t),
            "number": number,
            "of": len(view.parts(target)),
            "sum": self._array(sums[number - 1], t) if number > 1 and sums else None,
        }

    def _rule_words(self, value: Tensor, given: Mapping[Tensor, str]) -> list[str]:
        """Return in words what the nodes of a rule do that no formula says."""
        words: dict[str, None] = {}
        pending, seen = [value], set[Operation]()
        while pending:
            t = pending.pop()
            if t in given or self._view.is_forward(t.op) or t.op in seen:
                continue
            seen.add(t.op)
            if not t.op.definition.formula_of(t.op) and t.op.type != "Const":
                words[f"{labels.type_name(t.op)}: {describe(t.op)}"] = None
            pending.extend(i for p, i in enumerate(t.op.inputs) if not is_setting(t.op, p))
        return list(words)

    def _lost(self, call: RuleCall) -> Iterator[dict[str, str]]:
        """Yield the inputs that get no gradient, and why."""
        for place, (t, value) in enumerate(zip(call.op.inputs, call.handed, strict=True)):
            source = self._view.source(t)
            if value is None and not is_setting(call.op, place) and self._view.is_shown(source.op):
                yield {"name": self._view.operand(t), "why": _why_lost(source)}

    def _result(self) -> dict[str, Any]:
        items = [
            {
                "name": self._view.name(t.op),
                "value": self._value(t),
                "gradient": self._incoming(t),
            }
            for t in self._trace.sources
            if self._view.is_shown(t.op)
        ]
        return {
            "phase": "result",
            "loss": self._view.loss,
            "value": self._value(self._trace.loss),
            "items": items,
        }

    # The picture

    def _node(self, op: Operation) -> Node:
        view = self._view
        kind, sums, formula = view.kind(op), view.sums(op.outputs[0]), ""
        if kind == "operation":
            formula = write(op, [view.operand(t).rpartition(".")[2] for t in op.inputs])
        told = sums and sums[-1].size == 1 and (len(sums) > 1 or kind != "operation")
        return Node(
            self._ids[op],
            kind,
            view.name(op),
            labels.type_name(self._trace.originals[op]),
            view.scope(op),
            formula,
            short_text(sums[-1]) if told else "",
        )

    def _edge_id(self, op: Operation, place: int) -> str:
        return f"e{self._ids[op][1:]}x{place}"

    def _edges(self) -> Iterator[Edge]:
        values = self._trace.values
        handed = {(c.op, i): v for c in self._trace.calls for i, v in enumerate(c.handed)}
        for op in self._computing:
            for place, t in enumerate(op.inputs):
                source = self._view.source(t)
                if is_setting(op, place) or not self._view.is_shown(source.op):
                    continue
                gradient = handed.get((op, place))
                back = None if gradient is None else values.get(gradient)
                yield Edge(
                    self._edge_id(op, place),
                    self._ids[source.op],
                    self._ids[op],
                    short_text(values[t]) if t in values else "",
                    "" if back is None else short_text(back),
                )


_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"


def _why_lost(t: Tensor) -> str:
    if not t.dtype.is_floating and t.dtype is not dtypes.variant:
        return f"it is of {t.dtype.name}, and only floats have gradients"
    if t.op.type == "Const":
        return "it is a constant: nobody asks"
    return "what is asked for does not lie that way, or the result does not depend on it smoothly"
