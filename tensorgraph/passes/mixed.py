"""Mixed precision: products in float16, everything else in float32 (Micikevicius et al. 2018).

Matrix products and convolutions take most of a step's time, and tensor cores compute them from
float16 several times as fast, adding up in float32. So what they take is cast, and what they give
is cast back. Variables stay as they are, and so do sums, normalizations and losses, which need the
digits. The same tensor is cast once, however many products take it: merging equal nodes sees to
that.

Unlike the passes of the pipeline this changes results, so it is part of what a program means: it
runs where the graph says so, whatever passes a session has.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorgraph.base import dtypes
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.program import Program, derive, rebuild

# The collection that says so, where it has a member.
MIXED_PRECISION = "mixed_precision"

PRODUCTS = frozenset(
    (
        *("MatMul", "Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"),
        *("Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2"),
        *("DepthwiseConv2dNative", "DepthwiseConv2dNativeBackpropInput"),
        "DepthwiseConv2dNativeBackpropFilter",
    )
)


def products_in_half(program: Program) -> Program:
    """Compute products of float32 in float16.

    Parameters
    ----------
    program : Program
        As the user wrote it.
    """

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        if op.type not in PRODUCTS or op.outputs[0].dtype is not dtypes.float32:
            return None
        halves = [
            derive(graph, op, "Cast", (t,), {"dtype": dtypes.float16}, f"half_{n}")
            if t.dtype is dtypes.float32
            else t
            for n, t in enumerate(inputs)
        ]
        product = derive(graph, op, op.type, halves, op.attrs, "product")
        return [derive(graph, op, "Cast", (product,), {"dtype": dtypes.float32})]

    return rebuild(program, rule)
