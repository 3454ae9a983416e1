"""`while_loop`: a body is run again and again while a condition holds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from tensorgraph.autodiff.gradients import connected
from tensorgraph.base import dtypes, nest, shapes
from tensorgraph.base.shapes import Shape
from tensorgraph.control.bodies import (
    HoldsBodies,
    add_gradients,
    apply_bodies,
    as_tensors,
    as_values,
    backward_through,
    call_body,
    check_function,
    has_gradient,
    named,
    no_change,
)
from tensorgraph.graph.body import BodyGraph, Replay
from tensorgraph.graph.defaults import apply, convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Call, Gradients, KernelContext, Spec, register
from tensorgraph.ops.lists import TensorList
from tensorgraph.ops.math import greater_equal, less, logical_and
from tensorgraph.ops.tensor_array import TensorArray


@register
class StatelessWhile(HoldsBodies):
    """The loop variables after the last run of ``body``, while ``condition`` holds of them.

    Inputs are the loop variables, then what the condition and the body captured.
    """

    type = "StatelessWhile"

    def infer(self, op: Operation) -> Sequence[Spec]:
        arguments = op.attrs["body"].arguments
        return (*(Spec(t.dtype, t.dims) for t in arguments), Spec(dtypes.variant, ()))

    def calls(self, op: Operation, wanted: Sequence[bool]) -> Sequence[Call]:
        condition, body = op.attrs["condition"], op.attrs["body"]
        start, for_condition, for_body = _split(op, op.inputs)
        return (
            call_body(condition, [*condition.arguments, *for_condition], False),
            call_body(body, [*start, *for_body], wanted[-1], feedback=len(start)),
        )

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        condition, body = k.functions
        variables, for_condition, for_body = _split(k.op, inputs)
        count = len(variables)
        recorded: dict[Hashable, Any] = {}
        step = 0
        while condition([*variables, *for_condition])[0]:
            values = body([*variables, *for_body])
            variables = values[:count]
            for slot, value in enumerate(values[count:]):
                recorded[step, slot] = value
            step += 1
        if not step:
            # What came in lies in buffers of others.
            variables = [v if isinstance(v, TensorList) else k.xp.array(v) for v in variables]
        return (*variables, TensorList(step, recorded))

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        if not op.attrs["back_prop"]:
            return [None] * len(op.inputs)
        return _gradient(op, grads[:-1], grads[-1])


@register
class While(StatelessWhile):
    """A loop whose bodies may have another result in another run."""

    type = "While"
    stateful = True


@register
class MutatingWhile(While):
    """A loop whose bodies may change variables."""

    type = "MutatingWhile"
    mutates = True


def _split(
    op: Operation, values: Sequence[Any]
) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
    """Return the loop variables, what the condition captured, and what the body captured."""
    first = len(op.attrs["body"].arguments)
    second = first + len(op.attrs["condition"].captured)
    return values[:first], values[first:second], values[second:]


def _gradient(op: Operation, grads: Sequence[Tensor | None], tape_grad: Tensor | None) -> Gradients:
    """Return the gradient of a loop: another one, which goes through the runs backwards.

    Its loop variables are the number of the run, the gradients of the loop variables, and the sums
    of the gradients of what the body captured.
    """
    body = op.attrs["body"]
    variables, for_condition, captured = _split(op, op.inputs)
    carried = _carried(body, grads, tape_grad is not None)
    summed: list[int] = []
    back = BodyGraph(get_default_graph())

    def build() -> list[Tensor]:
        step = back.add_argument(dtypes.int32, (), "step")
        arguments = {i: body.arguments[i] for i in carried}
        incoming = {i: back.add_argument(t.dtype, t.dims, "grad") for i, t in arguments.items()}
        given = dict(zip(body.captured.values(), captured, strict=True))
        back.replay = Replay(body, op.outputs[-1], step, given)
        found = backward_through(body, incoming, tape_grad, step)
        outgoing = []
        for i, coming in incoming.items():
            going = found[i]
            outgoing.append(no_change(coming) if going is None else going)
        sums = []
        for place, grad in enumerate(found[len(variables) :]):
            if grad is not None:
                so_far = back.add_argument(grad.dtype, captured[place].dims, "sum")
                summed.append(place)
                sums.append(add_gradients(so_far, grad))
        return [step - 1, *outgoing, *sums]

    back.build(build)
    if len(back.outputs) == 1:
        return [None] * len(op.inputs)
    start = [apply("TensorArraySizeV3", op.outputs[-1]) - 1]
    for i in carried:
        given = grads[i]
        start.append(no_change(op.outputs[i]) if given is None else given)
    start.extend(no_change(captured[place]) for place in summed)
    condition = _condition_of(back, lambda step, *rest: greater_equal(step, 0))
    results = apply_bodies("While", start, {"condition": condition, "body": back}, back_prop=True)
    first = len(variables) + len(for_condition)
    places = [*carried, *(first + place for place in summed)]
    by_input = dict(zip(places, results[1:], strict=True))
    return [by_input.get(i) for i in range(len(op.inputs))]


def _carried(body: BodyGraph, grads: Sequence[Tensor | None], taped: bool) -> list[int]:
    """Return which loop variables have a gradient after some run, given which have one at last."""
    carried = {i for i, g in enumerate(grads) if g is not None}
    while True:
        targets = [body.outputs[i] for i in carried]
        if taped:
            targets += [t for t in body.saved if has_gradient(t)]
        reached = connected(targets, body.arguments)
        more = carried | {i for i, t in enumerate(body.arguments) if t in reached}
        if more == carried:
            return sorted(carried)
        carried = more


def _condition_of(body: BodyGraph, function: Callable[..., Tensor]) -> BodyGraph:
    """Return the condition of a loop as a body with the same arguments."""
    condition = BodyGraph(body.outer)

    def build() -> list[Tensor]:
        return [
            function(*(condition.add_argument(t.dtype, t.dims, "Merge") for t in body.arguments))
        ]

    condition.build(build)
    return condition


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """Return the loop variables after `body` was repeated while `cond` holds.

    Parameters
    ----------
    cond : callable
        From the loop variables to a scalar of bool.
    body : callable
        From the loop variables to their next values: a list or tuple of the same structure.
    loop_vars : list or tuple
        Their first values: tensors, numbers, `TensorArray`, or nested structures of them.
    shape_invariants : list or tuple of TensorShape, optional
        What stays true of the shapes of the loop variables; default is their first static shapes.
    parallel_iterations, swap_memory : object
        Accepted for TensorFlow's sake: iterations run one after the other.
    back_prop : bool, default True
        Gradients flow through the loop.
    name : str, default "while"
        The scope of all nodes.
    maximum_iterations : int or Tensor, optional
        The loop ends after so many.
    return_same_structure : bool, default False
        Return a list of one item as such; else it is replaced by the item.

    Raises
    ------
    TypeError
        If `cond` or `body` cannot be called, `cond` does not give a bool, or a loop variable
        changes its element type.
    ValueError
        If there are no loop variables, or the body returns another structure or shapes than the
        invariants allow.

    Examples
    --------
    >>> i, total = tf.while_loop(lambda i, s: i < 10, lambda i, s: (i + 1, s + i), [0, 0])
    """
    check_function(cond, "cond")
    check_function(body, "body")
    if not isinstance(parallel_iterations, int) or parallel_iterations < 1:
        raise TypeError(f"parallel_iterations must be a positive integer: {parallel_iterations!r}")
    if not nest.is_nested(loop_vars) or not loop_vars:
        raise ValueError("while_loop needs loop_vars: a list of at least one")
    del swap_memory
    with get_default_graph().name_scope(name or "while"):
        if maximum_iterations is None:
            results = _build_loop(cond, body, loop_vars, shape_invariants, back_prop)
        else:
            results = _build_counted(
                cond, body, loop_vars, shape_invariants, back_prop, maximum_iterations
            )
    return results if len(loop_vars) > 1 or return_same_structure else results[0]


def _build_counted(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any,
    back_prop: bool,
    maximum_iterations: Any,
) -> Any:
    """Build a loop that counts its runs in a loop variable of its own."""
    limit = convert_to_tensor(maximum_iterations, dtypes.int32)
    if limit.dims not in (None, ()):
        raise ValueError(f"maximum_iterations must be a scalar, not of shape {limit.shape}")

    def counted_body(count: Tensor, variables: Any) -> tuple[Any, Any]:
        return count + 1, _as_list(body(*variables), variables)

    invariants = None
    if shape_invariants is not None:
        invariants = (shapes.TensorShape(()), shape_invariants)
    _, results = _build_loop(
        lambda count, variables: logical_and(less(count, limit), cond(*variables)),
        counted_body,
        (0, loop_vars),
        invariants,
        back_prop,
    )
    return results


def _as_list(result: Any, variables: Any) -> Any:
    """Return what a body returned in a list or tuple like that of the loop variables."""
    if not isinstance(result, list | tuple) or hasattr(result, "_fields"):
        result = [result]
    return type(variables)(result) if isinstance(variables, list | tuple) else result


def _build_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any,
    back_prop: bool,
) -> Any:
    """Build the two bodies and the operation; return the results in the structure of the start."""
    start = as_tensors(loop_vars)
    invariants = _invariants(loop_vars, start, shape_invariants)
    graph = BodyGraph(get_default_graph())

    def build() -> list[Tensor]:
        arguments = [
            graph.add_argument(t.dtype, dims, "Identity")
            for t, dims in zip(start, invariants, strict=True)
        ]
        result = _as_list(body(*as_values(loop_vars, arguments)), loop_vars)
        nest.check_same(loop_vars, result)
        tensors = as_tensors(result, arguments)
        for first, argument, t in zip(start, arguments, tensors, strict=True):
            _check_next(first, argument, t)
        return tensors

    graph.build(build)
    condition = _condition_of(
        graph, lambda *variables: _holds(cond(*as_values(loop_vars, variables)))
    )
    bodies = {"condition": condition, "body": graph}
    results = named(apply_bodies("While", start, bodies, back_prop=back_prop), "Exit")
    return as_values(loop_vars, results)


def _invariants(loop_vars: Any, start: Sequence[Tensor], given: Any) -> list[Shape]:
    """Return what is to stay true of the shapes of the loop variables."""
    if given is None:
        return [t.dims for t in start]
    leaves = nest.flatten(given)
    if len(leaves) != len(start):
        raise ValueError(f"{len(leaves)} shape_invariants for {len(start)} loop variables")
    result: list[Shape] = []
    for value, t, leaf in zip(nest.flatten(loop_vars), start, leaves, strict=True):
        invariant = () if isinstance(value, TensorArray) else shapes.as_shape(leaf)
        if not _fits(t.dims, invariant):
            raise ValueError(
                f"the shape invariant {shapes.format_shape(invariant)} does not suit {t.name!r},"
                f" which enters the loop with shape {t.shape}"
            )
        result.append(invariant)
    return result


def _fits(shape: Shape, invariant: Shape) -> bool:
    """Return whether all that an invariant says is known of a shape."""
    return invariant is None or shapes.common(invariant, shape) == invariant


def _check_next(first: Tensor, argument: Tensor, t: Tensor) -> None:
    """Check that a loop variable keeps its type, and its shape as far as it must."""
    if t.dtype is not argument.dtype:
        raise TypeError(
            f"loop variable {first.name!r} enters the loop with type {first.dtype.name}, but has"
            f" type {t.dtype.name} after one iteration"
        )
    if not _fits(t.dims, argument.dims):
        raise ValueError(
            f"loop variable {first.name!r} enters the loop with shape {argument.shape}, but has"
            f" shape {t.shape} after one iteration: say with shape_invariants what may vary"
        )


def _holds(value: Any) -> Tensor:
    """Return what a condition gave as a scalar of bool."""
    result = convert_to_tensor(value)
    if result.dtype is not dtypes.bool_:
        raise TypeError(f"the condition of a loop must be of bool: it is of {result.dtype.name}")
    if result.dims not in (None, ()):
        raise ValueError(f"the condition of a loop must be a scalar, not of shape {result.shape}")
    return result
