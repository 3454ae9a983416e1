"""Pooling before bias and activation: the largest of max(x + b, 0) is max(largest x + b, 0).

A bias is the same at all places of a channel, and the rectifier never turns two numbers around. So
both may come after the pooling, where there are four times fewer numbers, and their gradients with
them. The pooling's own gradient goes to the same places: where a window's largest number is not
positive, nothing is handed on either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.program import Program, Uses, derive, rebuild


class _Chain(NamedTuple):
    """Operations that follow each other.

    Attributes
    ----------
    bias : Operation or None
        What comes before the activation, if it is a bias.
    pool : Operation
        The pooling after it.
    pool_grad, relu_grad : Operation or None
        Their gradients, if there are any.
    """

    bias: Operation | None
    pool: Operation
    pool_grad: Operation | None
    relu_grad: Operation | None


def pool_first(program: Program, backend: Backend) -> Program:
    """Let max-pooling come before the bias and the rectifier."""
    del backend
    uses = Uses(program)
    chains = [chain for op in uses.operations if (chain := _find(op, uses))]
    if not chains:
        return program
    pools = {chain.pool: chain for chain in chains}
    grads = {chain.relu_grad: chain for chain in chains if chain.relu_grad is not None}
    pooled: dict[_Chain, tuple[Tensor, Tensor, Tensor]] = {}
    masked: dict[Tensor, Tensor] = {}

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        if op in pools:
            chain = pools[op]
            (x,) = inputs[0].op.inputs
            bias = () if chain.bias is None else x.op.inputs[1:]
            x = x if chain.bias is None else x.op.inputs[0]
            largest = derive(graph, op, op.type, (x,), op.attrs)
            y = largest
            if chain.bias is not None:
                y = derive(graph, chain.bias, chain.bias.type, (y, *bias))
            y = derive(graph, op.inputs[0].op, "Relu", (y,))
            pooled[chain] = x, largest, y
            return [y]
        if op in grads:
            chain = grads[op]
            x, largest, y = pooled[chain]
            grad = inputs[0].op
            masked[op.outputs[0]] = derive(graph, op, op.type, (grad.inputs[2], y))
            given = (x, largest, masked[op.outputs[0]])
            return [derive(graph, grad, grad.type, given, grad.attrs)]
        if op.type == "BiasAddGrad" and op.inputs[0] in masked:
            return [derive(graph, op, op.type, (masked[op.inputs[0]],))]
        return None

    return rebuild(program, rule)


def _find(relu: Operation, uses: Uses) -> _Chain | None:
    """Return what is around an activation, if nothing else needs what would be there no more."""
    if relu.type != "Relu" or relu.control_inputs or not uses.is_inner(relu):
        return None
    takers = uses.takers(relu.outputs[0])
    found = {op.type: op for op in takers}
    pool, pool_grad, relu_grad = map(found.get, ("MaxPool", "MaxPoolGrad", "ReluGrad"))
    alone = pool is not None and len(takers) == 1
    followed = (
        pool is not None
        and len(takers) == 3
        and pool_grad is not None
        and relu_grad is not None
        and uses.only_taker(pool_grad.outputs[0]) is relu_grad
        and pool_grad.inputs[:2] == (relu.outputs[0], pool.outputs[0])
        and relu_grad.inputs == (pool_grad.outputs[0], relu.outputs[0])
    )
    if pool is None or not (alone or followed):
        return None
    if any(op is not None and op.control_inputs for op in (pool, pool_grad, relu_grad)):
        return None
    before = relu.inputs[0].op
    takes_bias = (
        before.type == "BiasAdd"
        and not before.control_inputs
        and uses.only_taker(relu.inputs[0]) is relu
    )
    return _Chain(before if takes_bias else None, pool, pool_grad, relu_grad)
