"""`trace`: one forward and one backward pass, with every number on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorgraph.autodiff.gradients import RuleCall, traced_gradients
from tensorgraph.base import dtypes
from tensorgraph.base.constants import feed_array
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor, graph_element
from tensorgraph.graph.stacks import get_default_session
from tensorgraph.passes.program import Program
from tensorgraph.runtime.session import Session

Array = np.ndarray[Any, Any]

_VARIABLE = "VariableV2"
_SILENT = frozenset([_VARIABLE, "Placeholder", "Const", "Identity", "Shape"])
"""What computes nothing."""


class TooManyOperationsError(ValueError):
    """A graph is too large to be walked through one operation at a time."""


@dataclass(frozen=True)
class Trace:
    """What happened in one forward and one backward pass.

    The operations are those of a copy of the graph, so that nothing is added to the user's.

    Attributes
    ----------
    loss : Tensor
        What was computed, and differentiated.
    operations : tuple of Operation
        The forward pass, in order.
    originals : mapping of Operation to Operation
        The user's operation for each.
    calls : tuple of RuleCall
        The backward pass, in order.
    sources : mapping of Tensor to (Tensor or None)
        By what the loss was differentiated, with the gradient; None where there is none.
    values : mapping of Tensor to ndarray
        The value of every tensor of both passes.
    """

    loss: Tensor
    operations: tuple[Operation, ...]
    originals: Mapping[Operation, Operation]
    calls: tuple[RuleCall, ...]
    sources: Mapping[Tensor, Tensor | None]
    values: Mapping[Tensor, Array]

    def is_variable(self, op: Operation) -> bool:
        """Return whether an operation of the forward pass is a variable."""
        return self.originals[op].type == _VARIABLE

    def is_input(self, op: Operation) -> bool:
        """Return whether an operation of the forward pass was fed."""
        return op.type == "Placeholder" and not self.is_variable(op)


def trace(
    loss: Any,
    feed: Mapping[Any, Any] | None = None,
    *,
    xs: Sequence[Any] | None = None,
    session: Session | None = None,
    most: int | None = None,
) -> Trace:
    """Run a forward and a backward pass, and keep all values.

    Parameters
    ----------
    loss : Tensor
        What to compute and to differentiate.
    feed : mapping, optional
        Values of placeholders, or of any other tensors.
    xs : sequence of Tensor or Variable, optional
        By what; default are all variables and all that is fed, and constants where there is
        neither.
    session : Session, optional
        Holds the values of the variables; default is the default session, and without one the
        variables have their initial values.
    most : int, optional
        How many operations the forward pass may have.

    Raises
    ------
    TypeError, ValueError
        If the loss is no tensor of floats, or a feed does not suit.
    TooManyOperationsError
        If there are more operations than `most`.
    LookupError
        If an operation on the way has no gradient rule.
    OpError
        If an operation fails.
    """
    target = convert_to_tensor(loss)
    if target.graph.outer is not None:
        raise ValueError("the loss must not be inside of a branch or loop")
    if not target.dtype.is_floating:
        raise TypeError(f"the loss must be of floats: {target.name!r} is {target.dtype.name}")
    holder = session or _default_session(target)
    session = holder or Session(graph=target.graph)
    given = _fed(target, feed or {})
    program = session.program(target, given, optimized=False)
    _check_size(program, most)
    variables = [op.name for op in program.graph.get_operations() if op.type == _VARIABLE]
    if holder is None:
        _initialize(session, target.graph, variables)
    values = session.run([f"{name}:0" for name in variables])
    for name, value in zip(variables, values, strict=True):
        given[target.graph.get_tensor_by_name(f"{name}:0")] = value
    program = session.program(target, given, optimized=False)
    return _run(program, target.graph, given, _sources(xs, given, program))


def _default_session(target: Tensor) -> Session | None:
    """Return the default session if it is one of the target's graph."""
    session = get_default_session()
    return session if isinstance(session, Session) and session.graph is target.graph else None


def _fed(target: Tensor, feed: Mapping[Any, Any]) -> dict[Tensor, Any]:
    """Return the values that are fed, by tensor."""
    found = {}
    for key, value in feed.items():
        t = target.graph.as_graph_element(key)
        if not isinstance(t, Tensor):
            raise TypeError(f"{key!r} is an operation: only tensors can be fed")
        found[t] = feed_array(value, t.dtype)
    return found


def _check_size(program: Program, most: int | None) -> None:
    count = sum(op.type not in _SILENT for op in program.graph.get_operations())
    if most is not None and count > most:
        raise TooManyOperationsError(
            f"{program.fetches[0].name!r} needs {count:,} operations, too many to walk through one"
            f" by one (at most {most:,}): take an earlier tensor, or a smaller network"
        )


def _initialize(session: Session, graph: Graph, names: Sequence[str]) -> None:
    """Give variables their initial values."""
    keys = (GraphKeys.GLOBAL_VARIABLES, GraphKeys.LOCAL_VARIABLES)
    known = {v.op.name: v for key in keys for v in graph.get_collection(key)}
    session.run([known[name].initializer for name in names if name in known])


def _sources(
    xs: Sequence[Any] | None, given: Mapping[Tensor, Any], program: Program
) -> list[Tensor]:
    """Return by what to differentiate, in the copy of the graph."""
    copies = dict(zip(given, program.feeds, strict=True))
    if xs is None:
        chosen = [t for t in copies.values() if t.dtype.is_floating]
        used = {t for op in program.graph.get_operations() for t in op.inputs}
        return [t for t in chosen if t in used] or _constants(program)
    found = []
    for x in xs:
        element = graph_element(x)
        if element is None:
            raise TypeError(f"{x!r} is no tensor or variable to differentiate by")
        copy = copies.get(element)
        found.append(program.graph.get_tensor_by_name(element.name) if copy is None else copy)
    return found


def _constants(program: Program) -> list[Tensor]:
    operations = program.graph.get_operations()
    return [
        o.outputs[0] for o in operations if o.type == "Const" and o.outputs[0].dtype.is_floating
    ]


def _run(program: Program, user: Graph, given: Mapping[Tensor, Any], xs: list[Tensor]) -> Trace:
    graph, (loss,) = program.graph, program.fetches
    operations = graph.get_operations()
    for op in operations:
        graph.unique_name(op.name)  # copies have not taken their names from new nodes
    with graph.as_default():
        found, calls = traced_gradients(loss, xs)
    # Names are the user's, but for those of outputs that are fed beside others.
    by_name = {op.name: op for op in user.get_operations()}
    originals = {op: by_name[op.name] for op in operations if op.name in by_name}
    originals |= {new.op: old.op for old, new in zip(given, program.feeds, strict=True)}
    wanted = [t for op in operations for t in op.outputs]
    for call in calls:
        wanted.extend(t for part in call.parts for t in part)
        wanted.extend(t for t in (*call.grads, *call.handed) if t is not None)
    wanted.extend(t for t in found if t is not None)
    wanted = [t for t in dict.fromkeys(wanted) if t.dtype is not dtypes.variant]
    feeds = dict(zip(program.feeds, given.values(), strict=True))
    with Session(graph=graph) as session:
        values = session.run(wanted, feeds)
    return Trace(
        loss,
        tuple(operations),
        originals,
        tuple(calls),
        dict(zip(xs, found, strict=True)),
        {t: np.asarray(v) for t, v in zip(wanted, values, strict=True)},
    )
