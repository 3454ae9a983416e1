"""What branches and loops have in common: how bodies are built, called and differentiated.

The gradient of an operation that holds a body holds another body: the gradient of the first, made
by walking it backwards. What that needs of the forward computation is not computed again, for
random numbers and variables might be others by then: it is recorded on a tape, an output of the
forward operation, and recalled. As recording and recalling have gradients themselves, gradients
can be taken of gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tensorgraph.autodiff.gradients import backward
from tensorgraph.base import dtypes, nest, shapes
from tensorgraph.graph.body import BodyGraph
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Arg, Call, OpDef
from tensorgraph.ops.lists import recall
from tensorgraph.ops.sources import zeros_like
from tensorgraph.ops.tensor_array import TensorArray

# Any value; a variable is handed to the body as such, not as its value.
ANYTHING = Arg("input", (*dtypes.ALL, dtypes.variant), group="", ref=True)


class HoldsBodies(OpDef):
    """An op whose kernel calls bodies.

    Beside `inputs` it takes what the bodies are called with. The last output is the tape: what the
    tensors of `BodyGraph.saved` were in each run of a body. It is recorded only where something
    takes it.
    """

    def args(self, count: int) -> Sequence[Arg]:
        return (*self.inputs, *[ANYTHING] * (count - len(self.inputs)))


def call_body(body: BodyGraph, inputs: Sequence[Tensor], recorded: bool, feedback: int = 0) -> Call:
    """Return the call of a body that returns its outputs, and what is saved if it is recorded."""
    known = [shapes.merge(p.dims, t.dims) for p, t in zip(body.inputs, inputs, strict=True)]
    return Call(body, [*body.outputs, *body.saved] if recorded else body.outputs, known, feedback)


def apply_bodies(
    kind: str, inputs: Sequence[Tensor], bodies: Mapping[str, BodyGraph], **attrs: Any
) -> list[Tensor]:
    """Add an operation that holds bodies, and return its outputs but for the tape.

    Parameters
    ----------
    kind : str
        ``"If"`` or ``"While"``. Whether the bodies have state, and whether they change any,
        decides which op of the kind it is.
    inputs : sequence of Tensor
        Its inputs but for what the bodies captured.
    bodies : mapping of str to BodyGraph
        The bodies, by the names of the attributes.
    **attrs
        Further attributes.
    """
    graphs = list(bodies.values())
    if any(b.mutates for b in graphs):
        prefix = "Mutating"
    else:
        prefix = "" if any(b.stateful for b in graphs) else "Stateless"
    outer = graphs[0].outer
    captured = [t for body in graphs for t in body.captured]
    with outer.control_dependencies([op for body in graphs for op in body.outside]):
        op = outer.create_op(prefix + kind, [*inputs, *captured], {**bodies, **attrs})
    return list(op.outputs[:-1])


def backward_through(
    body: BodyGraph, grads: Mapping[int, Tensor], tape_grad: Tensor | None, step: Tensor
) -> list[Tensor | None]:
    """Add the gradient of a body to the body that is being built, and replays it.

    Parameters
    ----------
    body : BodyGraph
        The body to differentiate.
    grads : mapping of int to Tensor
        The gradients of its outputs, where there are any.
    tape_grad : Tensor or None
        The gradient of its tape.
    step : Tensor
        Which of its runs is meant.

    Returns
    -------
    list of (Tensor or None)
        The gradients of its inputs.
    """
    targets = [body.outputs[i] for i in grads]
    seeds = list(grads.values())
    if tape_grad is not None:
        smooth = {t: slot for t, slot in body.saved.items() if has_gradient(t)}
        targets += smooth
        seeds += [recall(tape_grad, step, t, slot) for t, slot in smooth.items()]
    return backward(targets, seeds, body.inputs) if targets else [None] * len(body.inputs)


def has_gradient(t: Tensor) -> bool:
    """Return whether a tensor is of a type that has gradients."""
    return t.dtype.is_floating or t.dtype is dtypes.variant


def no_change(t: Tensor) -> Tensor:
    """Return the gradient that is zero everywhere."""
    return apply("EmptyTensorList") if t.dtype is dtypes.variant else zeros_like(t)


def add_gradients(x: Tensor, y: Tensor) -> Tensor:
    """Return the sum of two gradients, which may be lists."""
    return apply("AddLists" if x.dtype is dtypes.variant else "Add", x, y)


# Values of users: tensors, whatever becomes one, and arrays


def as_tensors(structure: Any, like: Sequence[Any] | None = None) -> list[Tensor]:
    """Return the leaves of a nested structure as tensors; a `TensorArray` is its flow.

    Parameters
    ----------
    structure
        Nested values.
    like : sequence, optional
        Leaves whose types numbers take.
    """
    leaves = nest.flatten(structure)
    types = [None] * len(leaves) if like is None else [getattr(x, "dtype", None) for x in like]
    return [_as_tensor(x, dtype) for x, dtype in zip(leaves, types, strict=True)]


def _as_tensor(value: Any, dtype: Any) -> Tensor:
    if isinstance(value, TensorArray):
        return value.flow
    if isinstance(value, Operation):
        with value.graph.building().control_dependencies([value]):
            return convert_to_tensor(True)
    return convert_to_tensor(value, preferred_dtype=dtype)


def as_values(structure: Any, tensors: Sequence[Tensor]) -> Any:
    """Return a structure like one that `as_tensors` took, with other tensors in it."""
    leaves = nest.flatten(structure)
    values: list[Any] = [
        x.with_flow(t) if isinstance(x, TensorArray) else t
        for x, t in zip(leaves, tensors, strict=True)
    ]
    return nest.pack(structure, values)


def named(tensors: Sequence[Tensor], name: str) -> list[Tensor]:
    """Return the results under the name that TensorFlow gives them."""
    return [t.graph.building().apply("Identity", t, name=name).outputs[0] for t in tensors]


def check_function(function: Callable[..., Any], name: str) -> None:
    """Raise TypeError if `function` cannot be called."""
    if not callable(function):
        raise TypeError(f"{name} must be callable, not {function!r}")
