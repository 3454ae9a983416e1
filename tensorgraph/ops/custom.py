"""`custom_gradient`: a function whose gradient its author gives."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from tensorgraph.base import dtypes, nest
from tensorgraph.graph.defaults import apply_op, convert_to_tensor, get_default_graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Arg, Gradients, KernelContext, OpDef, Spec, register
from tensorgraph.ops.sources import identity, zeros_like


@register
class CustomGradient(OpDef):
    """The first ``count`` inputs; the gradients of the others are what ``function`` gives."""

    type = "IdentityN"
    uses_out = True

    def args(self, count: int) -> Sequence[Arg]:
        return [Arg("input", dtypes.ALL, group="")] * count

    def infer(self, op: Operation) -> Sequence[Spec]:
        return [Spec(t.dtype, t.dims) for t in op.inputs[: op.attrs["count"]]]

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        results = []
        for x, out in zip(inputs, k.outs, strict=False):
            if out is None:
                out = k.xp.empty_like(x)  # noqa: PLW2901 - the array to write to
            k.xp.copyto(out, x)
            results.append(out)
        return results[0] if len(results) == 1 else tuple(results)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        present = [
            zeros_like(t) if g is None else g for t, g in zip(op.outputs, grads, strict=True)
        ]
        return [*[None] * len(op.outputs), *op.attrs["function"](present)]


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function a gradient of its own; a decorator.

    Parameters
    ----------
    f : callable
        From tensors to a pair: the result, and a function from the gradient of the result to the
        gradients of the arguments. With several results it takes as many gradients. Where `f` uses
        trainable variables it must accept ``variables=``, their list, and return a pair: the
        gradients of the arguments, and those of the variables.

    Returns
    -------
    callable
        From the same arguments to the result.

    Raises
    ------
    TypeError
        When called, if `f` uses variables and its gradient knows of none.
    ValueError
        When differentiated, if the number of gradients is not that of the arguments.

    Examples
    --------
    >>> @tf.custom_gradient
    ... def log1pexp(x):
    ...     e = tf.exp(x)
    ...     return tf.log(1 + e), lambda dy: dy * (1 - 1 / (1 + e))
    """

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        arguments = [identity(convert_to_tensor(x)) for x in args]
        result, gradient = f(*arguments, **kwargs)
        results = [convert_to_tensor(t) for t in nest.flatten(result)]
        variables = _variables_between(results, arguments)
        if variables and "variables" not in inspect.signature(gradient).parameters:
            names = ", ".join(v.name for v in variables)
            raise TypeError(
                f"the function uses the variables {names}, so its gradient must take variables="
            )

        def function(grads: Sequence[Tensor]) -> list[Any]:
            if not variables:
                return _as_many(gradient(*grads), arguments)
            by_argument, by_variable = gradient(*grads, variables=variables)
            return [*_as_many(by_argument, arguments), *_as_many(by_variable, variables)]

        inputs = [*results, *arguments, *variables]
        op = apply_op("IdentityN", *inputs, count=len(results), function=function)
        return nest.pack(result, op.outputs)

    return decorated


def _as_many(grads: Any, things: Sequence[Any]) -> list[Any]:
    """Return gradients as a list with one for each thing."""
    flat = nest.flatten(grads)
    if len(flat) != len(things):
        raise ValueError(f"a custom gradient gave {len(flat)} gradients for {len(things)} inputs")
    return [g if g is None else convert_to_tensor(g) for g in flat]


def _variables_between(results: Sequence[Tensor], arguments: Sequence[Tensor]) -> list[Any]:
    """Return the trainable variables that the results depend on other than by the arguments."""
    seen: set[Operation] = {t.op for t in arguments}
    pending = [t.op for t in results]
    while pending:
        op = pending.pop()
        if op not in seen:
            seen.add(op)
            pending.extend(t.op for t in op.inputs)
    trainable = get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES)
    return [v for v in trainable if v.op in seen]
