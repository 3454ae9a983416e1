"""`check_op` and `check_random_graph`: what a registered op, or a graph of them, must hold to.

Needs hypothesis: ``pip install 'tensorgraph-engine[testing]'``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import DType
from tensorgraph.graph.defaults import convert_to_tensor
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import OpDef, Sample, lookup
from tensorgraph.ops.sources import placeholder
from tensorgraph.runtime.session import Session
from tensorgraph.testing.check import check_gradients
from tensorgraph.testing.differences import Array, Comparison
from tensorgraph.testing.random_graphs import RandomGraph
from tensorgraph.testing.strategies import samples

Use = tuple[Sample, tuple[Array, ...]]


def check_op(
    op_type: str,
    *,
    order: int = 2,
    method: str = "central",
    kinks: str = "fail",
    max_examples: int = 40,
) -> None:
    """Check a registered op on random samples of its own.

    The kernel must give what the shape rule says, in float64 and float32 and with shapes that are
    unknown while the graph is built; results of both types must be close; gradients must be right.

    Parameters
    ----------
    op_type : str
        The type of an op that has samples: its class defines `OpDef.sample`, or has it from
        `Unary`, `Binary` or `Elementwise`.
    order : int, default 2
        To which order to check gradients, if it is differentiable.
    method, kinks : str
        As for `check_gradients`; a kink means that the op's domain must keep samples away from it.
    max_examples : int, default 40
        How many samples to draw.

    Raises
    ------
    AssertionError
        If shapes, types or values are wrong.
    GradientError
        If a gradient is wrong.
    LookupError
        If there is no such op.
    ValueError
        If it has no samples.

    Examples
    --------
    >>> def test_cube():
    ...     check_op("Cube")
    """
    definition = lookup(op_type)
    if type(definition).sample is OpDef.sample:
        raise ValueError(
            f"op type {op_type!r} has no samples: define its method sample(draw), or derive it"
            " from Unary, Binary or Elementwise"
        )

    @settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(samples(op_type))
    def check(use: Use) -> None:
        check_sample(op_type, use, order, method, kinks)

    check()


def check_sample(op_type: str, use: Use, order: int, method: str, kinks: str) -> None:
    """Check one use of an op; see `check_op`."""
    op, feeds = _built(op_type, use, dtypes.float64)
    with Session(graph=op.graph) as session:
        wide = _run(session, op, feeds)
    unknown, unknown_feeds = _built(op_type, use, dtypes.float64, known=False)
    with Session(graph=unknown.graph) as session:
        _run(session, unknown, unknown_feeds)
    narrow, narrow_feeds = _built(op_type, use, dtypes.float32)
    with Session(graph=narrow.graph) as session:
        for t, a, b in zip(op.outputs, wide, _run(session, narrow, narrow_feeds), strict=True):
            if t.dtype.is_floating and "seeds" not in op.attrs:
                np.testing.assert_allclose(
                    b, a, rtol=1e-3, atol=1e-4, err_msg=f"{op.type} in float32"
                )
    ys = [t for t in op.outputs if t.dtype.is_floating]
    xs = [t for t in feeds if t.dtype.is_floating]
    if op.definition.differentiable and ys and xs:
        with op.graph.as_default(), Session(graph=op.graph) as session:
            check_gradients(ys, xs, feeds, session=session, order=order, method=method, kinks=kinks)


def _built(
    op_type: str, use: Use, dtype: DType, known: bool = True
) -> tuple[Operation, dict[Tensor, Array]]:
    """Add an op to a new graph, on placeholders; return it and what to feed."""
    sample, arrays = use
    feeds: dict[Tensor, Array] = {}
    inputs: list[Any] = []
    with Graph().as_default() as graph:
        for given_input, array in zip(sample.inputs, arrays, strict=True):
            free = given_input.dtype is None and array.dtype.kind == "f"
            value = array.astype(dtype.np_dtype) if free else array
            if given_input.constant:
                inputs.append(convert_to_tensor(value))
            else:
                shape = value.shape if known else [None] * value.ndim
                inputs.append(placeholder(value.dtype, shape))
                feeds[inputs[-1]] = value
        # Messages name the rule's own line.
        rule = type(lookup(op_type)).gradient.__code__
        with graph.source(f"{rule.co_filename}:{rule.co_firstlineno}"):
            return graph.apply(op_type, *inputs, **sample.attrs), feeds


def _run(session: Session, op: Operation, feeds: dict[Tensor, Array]) -> list[Array]:
    """Run an operation, and check its results against what the shape rule says."""
    results = [np.asarray(a) for a in session.run(list(op.outputs), feeds)]
    for t, a in zip(op.outputs, results, strict=True):
        assert a.dtype == t.dtype.np_dtype, (
            f"{op.type} gave {a.dtype}, its shape rule says {t.dtype.name}"
        )
        assert shapes.compatible(a.shape, t.dims), (
            f"{op.type} gave shape {a.shape}, its shape rule says {t.shape}"
        )
    return results


def check_random_graph(drawn: RandomGraph, *, order: int = 1) -> list[Comparison]:
    """Build a random graph and check its gradients.

    Parameters
    ----------
    drawn : RandomGraph
        What `random_graphs` gave.
    order : int, default 1
        To which order.

    Raises
    ------
    GradientError
        If a gradient is wrong; it names the operation whose rule is. Where hypothesis made the
        graph smaller, the script of the error is that of the smallest.

    Examples
    --------
    >>> @given(random_graphs())
    ... def test_graphs(drawn):
    ...     check_random_graph(drawn, order=2)
    """
    with Graph().as_default() as graph:
        built = drawn.build()
        feeds = dict(zip(built.inputs, drawn.inputs, strict=True))
        with Session(graph=graph) as session:
            return check_gradients(built.last, built.inputs, feeds, session=session, order=order)
