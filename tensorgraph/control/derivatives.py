"""Derivatives beyond the gradient: Jacobians, Hessians, and products with them.

A Jacobian has a row for each element of what is differentiated. The rows are computed by a loop of
the graph, so that the graph grows by one backward pass, however many rows there are, and their
number need not be known.
"""

from __future__ import annotations

from typing import Any

from tensorgraph.autodiff.gradients import connected, gradients
from tensorgraph.base import dtypes
from tensorgraph.control.functional import map_fn
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Tensor, graph_element
from tensorgraph.ops.array import reshape
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.ranges import range_
from tensorgraph.ops.sources import fill, stop_gradient, zeros_like


def jacobian(
    output: Any, inputs: Any, use_pfor: bool = True, parallel_iterations: int | None = None
) -> Any:
    """Return the derivative of every element of `output` by every element of `inputs`.

    TensorFlow 1.15 has it as ``tensorflow.python.ops.parallel_for.gradients.jacobian``.

    Parameters
    ----------
    output : Tensor
        What to differentiate.
    inputs : Tensor, Variable, or nested lists of them
        By what.
    use_pfor, parallel_iterations
        Accepted for TensorFlow's sake; the rows are computed one by one.

    Returns
    -------
    Tensor, or a structure of them like `inputs`
        Each of the shape of `output` followed by that of the input; None where `output` does not
        depend on it.

    Raises
    ------
    LookupError
        If an op on the way has no gradient rule.
    TypeError
        If `output` is not of floating-point type.

    Examples
    --------
    >>> x = tf.placeholder(tf.float64, [3])
    >>> tf.jacobian(tf.cumsum(x), x).shape
    TensorShape([3, 3])
    """
    del use_pfor
    with convert_to_tensor(output).graph.building().name_scope("jacobian"):
        return _rows(convert_to_tensor(output), inputs, parallel_iterations)


def hessians(
    ys: Any,
    xs: Any,
    name: str = "hessians",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
) -> list[Tensor | None]:
    """Return the second derivatives of the sum of `ys` by each of `xs` with itself.

    Parameters
    ----------
    ys : Tensor or list of Tensor
        What to differentiate.
    xs : Tensor, Variable, or list of them
        By what.
    name : str, default "hessians"
        Scope of the new nodes.
    colocate_gradients_with_ops, gate_gradients, aggregation_method
        As for `gradients`.

    Returns
    -------
    list of (Tensor or None)
        One for each x, of its shape twice; zeros where `ys` are linear in it, None where they do
        not depend on it.

    Raises
    ------
    LookupError
        If an op on the way has no gradient rule.
    TypeError
        If a y is not of floating-point type.
    """
    del colocate_gradients_with_ops, gate_gradients, aggregation_method
    sources = list(xs) if isinstance(xs, list | tuple) else [xs]
    first = gradients(ys, sources, name=name)
    found: list[Tensor | None] = []
    for x, gradient in zip(sources, first, strict=True):
        if gradient is None:
            found.append(None)
            continue
        with gradient.graph.building().name_scope(name):
            rows = _rows(gradient, x, None)
            # A gradient that does not depend on x is that of a linear function.
            found.append(_no_rows(gradient, _element(x)) if rows is None else rows)
    return found


def hessian_vector_product(ys: Any, xs: Any, vs: Any) -> list[Tensor | None]:
    """Return the Hessian of the sum of `ys` times a vector, without computing the Hessian.

    TensorFlow 1.15 has it as ``_hessian_vector_product`` of ``tensorflow.python.ops.gradients``.

    Parameters
    ----------
    ys : Tensor or list of Tensor
        What to differentiate.
    xs : Tensor, Variable, or list of them
        By what.
    vs : Tensor or list of Tensor
        The vector: a part for each x, of its shape. It is taken for a constant.

    Returns
    -------
    list of (Tensor or None)
        A part for each x, of its shape; None where it is zero, as the gradient does not depend on
        that x.

    Raises
    ------
    LookupError
        If an op on the way has no gradient rule.
    TypeError
        If a y is not of floating-point type.
    ValueError
        If there are not as many `vs` as `xs`, or one is not of the shape of its x.
    """
    sources = list(xs) if isinstance(xs, list | tuple) else [xs]
    vectors = list(vs) if isinstance(vs, list | tuple) else [vs]
    if len(sources) != len(vectors):
        raise ValueError(f"{len(vectors)} vs for {len(sources)} xs")
    first = gradients(ys, sources)
    parts = [
        (g, stop_gradient(convert_to_tensor(v, g.dtype)))
        for g, v in zip(first, vectors, strict=True)
        if g is not None
    ]
    if not parts:
        return [None] * len(sources)
    # The gradient of (first derivative · v) is (Hessian · v).
    return gradients([g for g, _ in parts], sources, [v for _, v in parts])


def _rows(y: Tensor, xs: Any, parallel_iterations: int | None) -> Any:
    """Return the Jacobian of `y` by one or several x, None where there is none."""
    if isinstance(xs, list | tuple):
        sources = [_element(x) for x in xs]
        return type(xs)(_rows(y, x, parallel_iterations) for x in sources)
    x = _element(xs)
    if not y.dtype.is_floating:
        raise TypeError(
            f"only floating-point tensors can be differentiated; {y.name!r} is {y.dtype.name}"
        )
    if not connected([y], [x]):
        return None
    flat = reshape(y, [-1])
    gone: list[bool] = []

    def row(j: Tensor) -> Tensor:
        (gradient,) = gradients(flat[j], x)
        gone.append(gradient is None)
        return zeros_like(x) if gradient is None else gradient

    rows = map_fn(row, range_(apply("Size", flat, out_type=dtypes.int32)), x.dtype)
    if all(gone):
        return None
    return _shaped(rows, y, x)


def _no_rows(y: Tensor, x: Tensor) -> Tensor:
    """Return the Jacobian of what does not depend on `x`."""
    shape = concat([_shape(y), _shape(x)], 0)
    return _shaped(fill(shape, convert_to_tensor(0, x.dtype)), y, x)


def _shaped(rows: Tensor, y: Tensor, x: Tensor) -> Tensor:
    result = reshape(rows, concat([_shape(y), _shape(x)], 0))
    if y.dims is not None and x.dims is not None:
        result.set_shape((*y.dims, *x.dims))
    return result


def _shape(t: Tensor) -> Tensor:
    return apply("Shape", t, out_type=dtypes.int32)


def _element(x: Any) -> Tensor:
    element = graph_element(x)
    if element is None:
        raise TypeError(f"{x!r} is no tensor or variable to differentiate by")
    return element
