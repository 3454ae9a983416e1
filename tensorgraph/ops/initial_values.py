"""Initial values that are computed from other variables.

``w = tf.Variable(2 * v)`` must work where one run initialises both, whichever comes first. So what
reads `v` on the way to an initial value reads its initial value instead, as long as it has no
other.
"""

from __future__ import annotations

from tensorgraph.graph.graph import Graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.state import InitializedValue, VariableOp


def initialized(ref: Tensor, initial_value: Tensor) -> Tensor:
    """Return a tensor that is the value of a variable, or its initial value before it has one."""
    return ref.graph.apply(InitializedValue.type, ref, initial_value).outputs[0]


def guarded(value: Tensor, name: str) -> Tensor:
    """Return an initial value that does not need other variables to be initialised.

    Parameters
    ----------
    value : Tensor
        What a new variable is to begin with.
    name : str
        The name of that variable; what must be computed anew has it at its end.

    Returns
    -------
    Tensor
        `value` itself where it reads no variable.
    """
    graph = value.graph
    operations = _ancestors(value)
    read = [op for op in operations if op.type == VariableOp.type]
    if not read:
        return value
    known = _initial_values(graph)
    replaced: dict[Tensor, Tensor] = {}
    with graph.name_scope(None):
        for op in read:
            if op in known:
                replaced[op.outputs[0]] = initialized(op.outputs[0], known[op])
        for op in operations:
            if _takes_reference(op) or not any(t in replaced for t in op.inputs):
                continue
            inputs = [replaced.get(t, t) for t in op.inputs]
            copy = graph.create_op(op.type, inputs, op.attrs, f"{op.name}_{name}")
            replaced.update(zip(op.outputs, copy.outputs, strict=True))
    return replaced.get(value, value)


def _ancestors(value: Tensor) -> list[Operation]:
    """Return all operations that a tensor is computed from, in order."""
    seen: set[Operation] = set()
    pending = [value.op]
    while pending:
        op = pending.pop()
        if op not in seen:
            seen.add(op)
            pending.extend(t.op for t in op.inputs)
    return sorted(seen, key=lambda op: op.index)


def _initial_values(graph: Graph) -> dict[Operation, Tensor]:
    """Return the initial values of the graph's variables, by their nodes."""
    keys = (GraphKeys.GLOBAL_VARIABLES, GraphKeys.LOCAL_VARIABLES)
    return {v.op: v.initial_value for key in keys for v in graph.get_collection(key)}


def _takes_reference(op: Operation) -> bool:
    """Return whether the operation is about a variable itself, not about its value."""
    return any(arg.ref for arg in op.definition.args(len(op.inputs)))
