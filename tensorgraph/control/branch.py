"""`cond` and `case`: one of several branches is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from tensorgraph.base import dtypes, nest, shapes
from tensorgraph.control.bodies import (
    HoldsBodies,
    add_gradients,
    apply_bodies,
    as_tensors,
    as_values,
    backward_through,
    call_body,
    check_function,
    named,
    no_change,
)
from tensorgraph.graph.body import BodyGraph, Replay
from tensorgraph.graph.defaults import convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Arg, Call, Gradients, KernelContext, Spec, register
from tensorgraph.ops.blocks import stack
from tensorgraph.ops.checks import assert_
from tensorgraph.ops.lists import TensorList
from tensorgraph.ops.math import cast, less_equal
from tensorgraph.ops.reduction import reduce_sum
from tensorgraph.ops.sources import identity


@register
class StatelessIf(HoldsBodies):
    """What one of two bodies returns: ``then`` where the predicate holds, or ``otherwise``."""

    type = "StatelessIf"
    inputs = (Arg("predicate", (dtypes.bool_,), group=""),)

    def infer(self, op: Operation) -> Sequence[Spec]:
        predicate, then, otherwise = op.inputs[0], op.attrs["then"], op.attrs["otherwise"]
        if predicate.dtype is not dtypes.bool_:
            raise TypeError(f"the predicate must be of bool: it is of {predicate.dtype.name}")
        if predicate.dims not in (None, ()):
            raise ValueError(f"the predicate must be a scalar, not of shape {predicate.shape}")
        pairs = zip(then.outputs, otherwise.outputs, strict=True)
        results = (Spec(a.dtype, shapes.common(a.dims, b.dims)) for a, b in pairs)
        return (*results, Spec(dtypes.variant, ()))

    def calls(self, op: Operation, wanted: Sequence[bool]) -> Sequence[Call]:
        first, second = _split(op, op.inputs[1:])
        return (
            call_body(op.attrs["then"], first, wanted[-1]),
            call_body(op.attrs["otherwise"], second, wanted[-1]),
        )

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        taken = 0 if inputs[0] else 1
        values = k.functions[taken](_split(k.op, inputs[1:])[taken])
        count = len(k.op.outputs) - 1
        tape = TensorList(1, {(0, slot): value for slot, value in enumerate(values[count:])})
        return (*values[:count], tape) if count else tape

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        given = {i: g for i, g in enumerate(grads[:-1]) if g is not None}
        outer = get_default_graph()
        bodies: dict[str, BodyGraph] = {}
        found: list[dict[Tensor, Tensor]] = []
        for name, inputs in zip(("then", "otherwise"), _split(op, op.inputs[1:]), strict=True):
            forward = op.attrs[name]
            bodies[name] = BodyGraph(outer)
            with bodies[name].as_default():
                step = convert_to_tensor(0)
                captured = dict(zip(forward.captured.values(), inputs, strict=True))
                bodies[name].replay = Replay(forward, op.outputs[-1], step, captured)
                results = backward_through(forward, given, grads[-1], step)
                found.append(_by_input(inputs, results))
        wanted = list(found[0] | found[1])
        if not wanted:
            return [None] * len(op.inputs)
        for body, grads_found in zip(bodies.values(), found, strict=True):
            body.build(partial(_with_zeros, wanted, grads_found))
        totals = dict(zip(wanted, apply_bodies("If", op.inputs[:1], bodies), strict=True))
        # A tensor that both branches use has one gradient, given where it is used first.
        return (None, *(totals.pop(t, None) for t in op.inputs[1:]))


@register
class If(StatelessIf):
    """A branch whose bodies may have another result in another run."""

    type = "If"
    stateful = True


@register
class MutatingIf(If):
    """A branch whose bodies may change variables."""

    type = "MutatingIf"
    mutates = True


def _split(op: Operation, values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return what the two bodies are called with."""
    count = len(op.attrs["then"].captured)
    return values[:count], values[count:]


def _by_input(inputs: Sequence[Tensor], grads: Sequence[Tensor | None]) -> dict[Tensor, Tensor]:
    """Return the gradient of each tensor that has one, added up where it is given twice."""
    found: dict[Tensor, Tensor] = {}
    for t, grad in zip(inputs, grads, strict=True):
        if grad is not None:
            found[t] = add_gradients(found[t], grad) if t in found else grad
    return found


def _with_zeros(wanted: Sequence[Tensor], found: Mapping[Tensor, Tensor]) -> Sequence[Tensor]:
    """Return the gradient of each tensor, zero for those that a branch does not use."""
    return [found[t] if t in found else no_change(t) for t in wanted]


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Callable[[], Any] | None = None,
    fn2: Callable[[], Any] | None = None,
) -> Any:
    """Return what one of two functions returns; only that one's operations run.

    Operations that were made outside of the two functions always run.

    Parameters
    ----------
    pred : Tensor of bool
        A scalar: which function.
    true_fn, false_fn : callable
        Functions without arguments that return tensors, or nested structures of them, of the same
        structure and element types. ``fn1`` and ``fn2`` are their older names.
    strict : bool, default False
        Keep lists and tuples of one item, which are replaced by the item else.
    name : str, default "cond"
        The scope of all nodes.
    fn1, fn2 : callable
        The older names.

    Raises
    ------
    TypeError
        If `pred` is no tensor of bool, or the functions cannot be called.
    ValueError
        If the functions return different structures or types, or nothing.

    Examples
    --------
    >>> tf.cond(x > 0, lambda: tf.sqrt(x), lambda: tf.zeros_like(x))
    """
    then_function = true_fn if fn1 is None else fn1
    else_function = false_fn if fn2 is None else fn2
    if isinstance(pred, bool):
        raise TypeError("pred must not be a Python bool: use Python's `if`, or a tensor")
    if then_function is None or else_function is None:
        raise TypeError("cond needs both true_fn and false_fn")
    with get_default_graph().name_scope(name or "cond"):
        predicate = convert_to_tensor(pred)
        then, structure = _branch(then_function, "true_fn", strict)
        otherwise, other = _branch(else_function, "false_fn", strict)
        nest.check_same(structure, other)
        _check_types(then, otherwise)
        results = apply_bodies("If", [predicate], {"then": then, "otherwise": otherwise})
        return as_values(structure, named(results, "Merge"))


def _branch(function: Callable[[], Any], what: str, strict: bool) -> tuple[BodyGraph, Any]:
    """Return the body of a branch, and the structure that it returns."""
    check_function(function, what)
    body = BodyGraph(get_default_graph())
    structure: Any = None

    def build() -> Sequence[Tensor]:
        nonlocal structure
        structure = function()
        if structure is None:
            raise ValueError(f"{what} must have a return value")
        if not strict and isinstance(structure, list | tuple) and len(structure) == 1:
            structure = structure[0]
        return as_tensors(structure)

    body.build(build)
    return body, structure


def _check_types(then: BodyGraph, otherwise: BodyGraph) -> None:
    first, second = ([t.dtype.name for t in b.outputs] for b in (then, otherwise))
    if first != second:
        raise ValueError(
            f"true_fn and false_fn must return the same types: {', '.join(first)} is not"
            f" {', '.join(second)}"
        )


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """Return what the first function returns whose predicate holds.

    Parameters
    ----------
    pred_fn_pairs : list of (Tensor, callable), or dict
        Scalars of bool, and functions as in `cond`.
    default : callable, optional
        The function for when no predicate holds, which is an error without one.
    exclusive : bool, default False
        It is an error if several predicates hold.
    strict : bool
        As in `cond`.
    name : str, default "case"
        The scope of all nodes.

    Raises
    ------
    TypeError
        If `pred_fn_pairs` is not as described.
    InvalidArgumentError
        When run, if no predicate holds, or several do that must not.
    """
    pairs = list(pred_fn_pairs.items()) if isinstance(pred_fn_pairs, Mapping) else pred_fn_pairs
    if not isinstance(pairs, list | tuple) or not pairs:
        raise TypeError("pred_fn_pairs must be a list of pairs, or a dict, and not empty")
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or isinstance(pair[0], bool):
            raise TypeError(f"each of pred_fn_pairs must be a tensor and a function, not {pair!r}")
        check_function(pair[1], "each function of pred_fn_pairs")
    with get_default_graph().name_scope(name):
        predicates = [convert_to_tensor(p) for p, _ in pairs]
        functions = [f for _, f in pairs]
        if default is None:
            default = partial(_if_any, predicates, functions.pop())
        result = default
        for predicate, function in reversed(list(zip(predicates, functions, strict=False))):
            result = partial(cond, predicate, function, result, strict)
        if exclusive and len(pairs) > 1:
            count = reduce_sum(cast(stack(predicates), dtypes.int32))
            message = "more than one condition of tf.case holds, but exclusive=True"
            check = assert_(less_equal(count, 1), [message, stack(predicates)])
            with get_default_graph().control_dependencies([check]):
                return result()
        return result()


def _if_any(predicates: Sequence[Tensor], function: Callable[[], Any]) -> Any:
    """Call the last function of `case`, where one of the conditions must hold."""
    check = assert_(predicates[-1], ["none of the conditions of tf.case holds", stack(predicates)])
    with get_default_graph().control_dependencies([check]):
        result = function()
        return as_values(result, [identity(t) for t in as_tensors(result)])
