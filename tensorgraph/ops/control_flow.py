"""Operations whose purpose is an order of execution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.graph.defaults import apply, get_default_graph
from tensorgraph.graph.node import Operation, Tensor, as_operation, graph_element
from tensorgraph.graph.opdef import KernelContext, OpDef, Spec, register


@register
class NoOp(OpDef):
    """Nothing but its control inputs."""

    type = "NoOp"
    stateful = True
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        return ()

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return ()


def no_op(name: str | None = None) -> Operation:
    """Return an operation that does nothing."""
    return get_default_graph().create_op("NoOp", (), name=name)


def group(*inputs: Any, name: str | None = None) -> Operation:
    """Return an operation that has run when all `inputs` have.

    Parameters
    ----------
    *inputs : Operation, Tensor, Variable, or lists of them
        What to run.
    name : str, default "group_deps"
        Its name.
    """
    operations: list[Operation] = []
    pending = list(inputs)
    while pending:
        item = pending.pop(0)
        if isinstance(item, list | tuple):
            pending[:0] = item
        elif item is not None:
            operations.append(as_operation(item))
    graph = operations[0].graph.building() if operations else get_default_graph()
    with graph.control_dependencies(operations):
        return graph.create_op("NoOp", (), name=name or "group_deps")


def tuple_(
    tensors: Any, name: str | None = None, control_inputs: Any = None
) -> list[Tensor | None]:
    """Return the tensors, each of which exists only when all of them do.

    Parameters
    ----------
    tensors : list of (Tensor or None)
        What to wait for.
    name : str, default "tuple"
        Its scope.
    control_inputs : list of Operation, optional
        What else to wait for.

    Raises
    ------
    ValueError
        If there is no tensor among them.
    """
    present = [t for t in tensors if t is not None]
    if not present:
        raise ValueError("tf.tuple needs at least one tensor")
    with get_default_graph().name_scope(name or "tuple"):
        gate = group(*present, *(control_inputs or []), name="group_deps")
        with gate.graph.control_dependencies([gate]):
            name = "control_dependency"
            return [None if t is None else apply("Identity", _value(t), name=name) for t in tensors]


def _value(obj: Any) -> Any:
    return obj if isinstance(obj, Tensor) else graph_element(obj)
