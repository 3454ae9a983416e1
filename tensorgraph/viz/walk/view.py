"""`View`: which nodes of a trace are shown, what they are called, and what adds up at them.

A reader thinks of fewer nodes than the graph has: reading a variable is the variable, a number in a
formula needs no box, and the arithmetic of shapes is not shown. What a hidden node passes on
belongs to the node that it passes on.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.viz import labels
from tensorgraph.viz.walk.formulas import is_setting, write
from tensorgraph.viz.walk.tracing import Trace

_SHAPES = frozenset(["Shape", "Size", "Rank"])


@dataclass(frozen=True)
class Part:
    """A contribution to the gradient of a tensor.

    Attributes
    ----------
    op : Operation or None
        Whose rule gave it; None for the first gradient of all.
    value : Tensor
        What was given.
    """

    op: Operation | None
    value: Tensor


class View:
    """What is shown of a trace.

    Parameters
    ----------
    trace : Trace
        The trace.

    Attributes
    ----------
    trace : Trace
        As given.
    shown : list of Operation
        In order.
    loss : str
        What the loss is called.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._forward = set(trace.operations)
        self._of_shapes = self._find_arithmetic_of_shapes()
        self.shown = self._find_shown()
        self._names = self._find_names()
        self._filters = self._find_filters()
        self._parts = self._find_parts()
        self.loss = self._names[trace.loss.op]

    # Operations

    def kind(self, op: Operation) -> str:
        """Return whether it is an ``input``, ``variable``, ``constant`` or ``operation``."""
        if self.trace.is_variable(op):
            return "variable"
        if self.trace.is_input(op):
            return "input"
        return "constant" if op.type == "Const" else "operation"

    def name(self, op: Operation) -> str:
        """Return the shortest name of a shown operation that no other one has."""
        return self._names[op]

    def scope(self, op: Operation) -> str:
        """Return the layer: the outermost scope of its name."""
        return self.trace.originals[op].name.rpartition("/")[0].partition("/")[0]

    def is_shown(self, op: Operation) -> bool:
        """Return whether it is."""
        return op in self._names

    def is_forward(self, op: Operation) -> bool:
        """Return whether no gradient rule made it."""
        return op in self._forward

    # Tensors

    def source(self, t: Tensor) -> Tensor:
        """Return where a value comes from, looking through what only passes it on."""
        while self.passes_on(t.op):
            t = t.op.inputs[0]
        return t

    def passes_on(self, op: Operation) -> bool:
        """Return whether an operation only passes its input on, as the reading of a variable."""
        if op not in self._forward or op is self.trace.loss.op:
            return False
        same = op.type == "Cast" and op.inputs[0].dtype is op.outputs[0].dtype
        return same or (op.type == "Identity" and not labels.is_named(op))

    def is_plain(self, t: Tensor) -> bool:
        """Return whether it needs no box: a number in a formula, or what says a shape."""
        if t.op in self._of_shapes:
            return True
        if t.op.type != "Const" or t in self.trace.sources:
            return False
        return t.dims == () and not labels.is_named(t.op)

    def is_filter(self, t: Tensor) -> bool:
        """Return whether it is the filter of a convolution."""
        return self.source(t) in self._filters

    def operand(self, t: Tensor) -> str:
        """Return how a formula calls a tensor; "" for what a gradient rule made."""
        if t.op not in self._forward:
            return ""
        source = self.source(t)
        name = self._names.get(source.op, "")
        if name and source.value_index:
            operands = [self.operand(i) for i in source.op.inputs]
            formula = write(source.op, operands, source.value_index)
            return formula or f"{name}:{source.value_index}"
        if name:
            return name
        return labels.constant_text(source.op) or _ends(source.op.name)[-1]

    def derivative(self, t: Tensor) -> str:
        """Return how the gradient of a tensor is written."""
        return f"∂{self.loss}/∂{self.operand(t)}"

    def parts(self, t: Tensor) -> list[Part]:
        """Return the contributions to the gradient of a shown tensor."""
        return self._parts.get(t, [])

    def sums(self, t: Tensor) -> list[Any]:
        """Return the sums of the first, the first two, … contributions."""
        total, found = None, []
        for part in self.parts(t):
            value = self.trace.values.get(part.value)
            if value is None:
                return []
            total = value if total is None else total + value
            found.append(total)
        return found

    # Finding out

    def _find_arithmetic_of_shapes(self) -> set[Operation]:
        """Return the operations that compute whole numbers of shapes and constants alone."""
        found: set[Operation] = set()
        for op in self.trace.operations:
            whole = all(t.dtype.is_integer for t in op.outputs)
            others = [t.op for t in op.inputs if t.op.type != "Const"]
            if op.type in _SHAPES or (whole and others and found.issuperset(others)):
                found.add(op)
        return found

    def _find_shown(self) -> list[Operation]:
        """Return the operations that matter to the loss, in order."""
        found: set[Operation] = set()
        pending = [self.trace.loss.op]
        while pending:
            op = pending.pop()
            if op in found:
                continue
            found.add(op)
            for place, given in enumerate(op.inputs):
                source = self.source(given)
                if not is_setting(op, place) and not self.is_plain(source):
                    pending.append(source.op)
        return [op for op in self.trace.operations if op in found]

    def _find_names(self) -> dict[Operation, str]:
        """Return for each operation the shortest end of its name that no other one has.

        The only operation of a layer has the layer's name, and a loss without a name is ``loss``.
        """
        full = {op: _short(self.trace.originals[op].name) for op in self.shown}
        computing = [op for op in self.shown if self.kind(op) == "operation"]
        alone = Counter(full[op].rpartition("/")[0] for op in computing)
        for op in computing:
            scope = full[op].rpartition("/")[0]
            if alone[scope] == 1 and scope and not labels.is_named(self.trace.originals[op]):
                full[op] = scope
        if not labels.is_named(self.trace.originals[self.trace.loss.op]):
            full[self.trace.loss.op] = "loss"
        taken = Counter(end for name in full.values() for end in _ends(name))
        return {
            op: next((end for end in _ends(name) if taken[end] == 1), _ends(name)[-1])
            for op, name in full.items()
        }

    def _find_filters(self) -> set[Tensor]:
        found: set[Tensor] = set()
        for op in self.trace.operations:
            args = op.definition.args(len(op.inputs))
            pairs = zip(args, op.inputs, strict=True)
            found.update(self.source(t) for arg, t in pairs if arg.name == "filter")
        return found

    def _find_parts(self) -> dict[Tensor, list[Part]]:
        """Return what is handed to each tensor, by whom."""
        found: dict[Tensor, list[Part]] = {}
        loss = self.trace.loss
        for call in self.trace.calls:
            if loss in call.op.outputs and loss not in found:
                found[loss] = [Part(None, call.parts[loss.value_index][0])]
            if self.passes_on(call.op):
                continue
            for t, value in zip(call.op.inputs, call.handed, strict=True):
                if value is not None:
                    found.setdefault(self.source(t), []).append(Part(call.op, value))
        return found


def _short(name: str) -> str:
    """Return a name without the length of TensorFlow's name for the cross-entropy."""
    return re.sub(r"(Sparse)?SoftmaxCrossEntropyWithLogits", "cross_entropy", name)


def _ends(name: str) -> list[str]:
    """Return the ends of a name, the shortest first: ``c``, ``b.c``, ``a.b.c``.

    In a formula a slash would divide.
    """
    parts = name.split("/")
    return [".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1)]
