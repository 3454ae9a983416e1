"""Gated recurrent units along a whole sequence, as one operation; see `tensorgraph.ops.lstm`.

A step has two products, for the candidate looks at what the gate r leaves of the state: all of the
first with r and u, and then the candidate's. What the inputs add to either is one product for all
steps. The gates r and u and the candidate c are kept as (gates, time, sequences, units).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.base import shapes
from tensorgraph.graph.defaults import apply_op
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Arg, Gradients, KernelContext, OpDef, Spec, elements, register
from tensorgraph.ops.array import shape, transpose
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.einsum import tensordot
from tensorgraph.ops.lstm import for_sequences
from tensorgraph.ops.memory_order import made_output
from tensorgraph.ops.products import in_column_parts, product_with_parts
from tensorgraph.ops.shares import Block, for_blocks

_R, _U, _C = range(3)
# The outputs that a gradient may come from: all states, and the last one.
_RESULTS = 2
_ONCE = (
    "a sequence of a GRU in one operation can be differentiated once only: to differentiate it"
    " again, run the cell step by step with tf.nn.static_rnn"
)


@register
class BlockGRU(OpDef):
    """The states of a GRU along sequences, time first, and the last one.

    Inputs are the sequences, the first state, the weights of inputs and states for the gates r and
    u, those of the candidate, and the biases of both. The third output is for the gradient: gates
    and candidate.
    """

    type = "BlockGRU"
    inputs = tuple(Arg(name) for name in ("x", "h_prev", "w_ru", "w_c", "b_ru", "b_c"))
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, state, w, w_c, _, _ = op.inputs
        for t, rank in ((x, 3), (state, 2), (w, 2), (w_c, 2)):
            if t.dims is not None and len(t.dims) != rank:
                raise ValueError(f"BlockGRU needs {t.name!r} of rank {rank}, not {t.shape}")
        steps, batch, size = x.dims or (None,) * 3
        known, units = state.dims or (None, None)
        batch = (shapes.merge((batch,), (known,)) or (None,))[0]
        if units is None and w_c.dims is not None:
            units = w_c.dims[1]
        rows = None if size is None or units is None else size + units
        double = None if units is None else 2 * units
        for t, wanted in ((w, (rows, double)), (w_c, (rows, units))):
            if not shapes.compatible(t.dims, wanted):
                raise ValueError(
                    f"weights of shape {t.shape} do not suit inputs of {size} and {units} units:"
                    f" the shape must be {shapes.format_shape(wanted)}"
                )
        along = (steps, batch, units)
        return [Spec(x.dtype, dims) for dims in (along, (batch, units), (3, *along))]

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, first, w_ru, w_c, b_ru, b_c = inputs
        steps, batch, size = x.shape
        units = first.shape[1]
        xp, along, half = k.xp, (steps, batch, units), x.dtype.type(0.5)
        dims = (along, along[1:], (3, *along))
        h, last, gates = made = [made_output(k, i, d, x.dtype) for i, d in enumerate(dims)]
        weights = k.scratch("weights", (3, size + units, units), x.dtype)
        biases = k.scratch("biases", (3, units), x.dtype)
        for gate in (_R, _U):
            part = slice(gate * units, (gate + 1) * units)
            xp.multiply(w_ru[:, part], half, out=weights[gate])
            xp.multiply(b_ru[part], half, out=biases[gate])
        weights[_C], biases[_C] = w_c, b_c
        rows, given = x.reshape(steps * batch, size), gates.reshape(3, steps * batch, units)

        def by_inputs(block: Block) -> None:
            for gate in range(block.start, block.stop):
                xp.matmul(rows, weights[gate, :size], out=given[gate])
                xp.add(given[gate], biases[gate], out=given[gate])

        def by_states(block: Block) -> None:
            part = block.part
            sums = block.scratch("sums", (2, block.size, units), x.dtype)
            new = block.scratch("new", (block.size, units), x.dtype)
            state = first[part]
            for step in range(steps):
                both, candidate = gates[:_C, step, part], gates[_C, step, part]
                xp.matmul(state, weights[:_C, size:], out=sums)
                xp.add(both, sums, out=both)
                xp.tanh(both, out=both)
                xp.multiply(both, half, out=both)
                xp.add(both, half, out=both)
                xp.multiply(both[_R], state, out=new)
                xp.add(candidate, xp.matmul(new, weights[_C, size:], out=sums[0]), out=candidate)
                xp.tanh(candidate, out=candidate)
                # u · state + (1 - u) · candidate
                xp.subtract(state, candidate, out=new)
                xp.multiply(new, both[_U], out=new)
                state = xp.add(candidate, new, out=h[step, part])
            last[part] = state

        for_blocks(k, 3, gates.nbytes // 3, by_inputs)
        for_sequences(k, x, units, by_states)
        return tuple(made)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        if any(g is not None for g in grads[_RESULTS:]):
            raise LookupError("the gates of a BlockGRU have no gradient rule")
        x, first, w_ru, w_c, b_ru, b_c = op.inputs
        h, _, gates = op.outputs
        given = tuple(i for i, g in enumerate(grads) if g is not None)
        needed = (x, first, w_ru, w_c, b_ru, b_c, h, gates, *(grads[i] for i in given))
        by_gates, *others = apply_op(BlockGRUGrad.type, *needed, given=given).outputs

        def by_x() -> Tensor:
            weights = concat([w_ru, w_c], 1)[: shape(x)[2]]
            result = tensordot(by_gates, transpose(weights), 1)
            result.set_shape(x.dims)
            return result

        return (by_x, *others)

    def flops(self, op: Operation) -> int:
        rows = op.inputs[3].dims[0] if op.inputs[3].dims else None
        return 6 * elements(op.outputs[:1]) * (rows or 0)


@register
class BlockGRUGrad(OpDef):
    """The gradients of `BlockGRU` by what is given to r, u and the candidate, and by all but x.

    Inputs are those of the forward op, its states and gates, and the gradients of those outputs
    that ``given`` numbers.
    """

    type = "BlockGRUGrad"
    inputs = (*BlockGRU.inputs, *(Arg(name) for name in ("h", "gates", "grads")))
    variadic = True
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        _, first, w_ru, w_c, b_ru, b_c, h, *_ = op.inputs
        steps, batch, units = h.dims or (None,) * 3
        by_gates = (steps, batch, None if units is None else 3 * units)
        return [
            Spec(h.dtype, by_gates),
            *(Spec(t.dtype, t.dims) for t in (first, w_ru, w_c, b_ru, b_c)),
        ]

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, first, w_ru, w_c, b_ru, b_c, h, gates, *grads = inputs
        given = dict(zip(k.op.attrs["given"], grads, strict=True))
        steps, batch, size = x.shape
        units, xp = first.shape[1], k.xp
        dims = ((steps, batch, 3 * units), *(a.shape for a in (first, w_ru, w_c, b_ru, b_c)))
        made = [made_output(k, i, d, x.dtype) for i, d in enumerate(dims)]
        d_gates, by_state, by_w_ru, by_w_c, by_b_ru, by_b_c = made
        # What the weights of r and u meet, and what those of the candidate meet; and a one.
        rows = k.scratch("rows", (2, steps, batch, size + units + 1), x.dtype)

        share = -(-batch // k.backend.workers)
        turned_c = in_column_parts(k, "turned c", w_c[size:].T, share)
        turned_ru = in_column_parts(k, "turned ru", w_ru[size:].T, share)

        def back(block: Block) -> None:
            part = block.part
            r, u, c = gates[:, :, part]
            rows[:, :, part, :size] = x[:, part]
            rows[:, :, part, -1] = 1
            before = rows[0, :, part, size:-1]
            before[:1], before[1:] = first[part], h[:-1, part]
            xp.multiply(r, before, out=rows[1, :, part, size:-1])
            shape_of = (block.size, units)
            new = block.scratch("new", shape_of, x.dtype)
            through = block.scratch("through", shape_of, x.dtype)
            dh = by_state[part]
            dh[...] = given[1][part] if 1 in given else 0
            for step in reversed(range(steps)):
                if 0 in given:
                    xp.add(dh, given[0][step, part], out=dh)
                here = d_gates[step, part]
                d_r, d_u, d_c = (here[:, i * units : (i + 1) * units] for i in range(3))
                xp.subtract(1, u[step], out=new)
                xp.multiply(dh, new, out=through)
                # By u: dh · (state - c) · u (1 - u).
                xp.multiply(through, u[step], out=new)
                xp.multiply(new, xp.subtract(before[step], c[step], out=d_u), out=d_u)
                # By c: dh · (1 - u) · (1 - c²).
                xp.multiply(c[step], c[step], out=new)
                xp.subtract(1, new, out=new)
                xp.multiply(through, new, out=d_c)
                xp.multiply(dh, u[step], out=dh)
                # By what r leaves of the state, and from there by r and by the state.
                product_with_parts(xp, d_c, turned_c, through)
                xp.multiply(through, r[step], out=new)
                xp.add(dh, new, out=dh)
                xp.multiply(new, before[step], out=d_r)
                xp.subtract(1, r[step], out=new)
                xp.multiply(d_r, new, out=d_r)
                product_with_parts(xp, here[:, : 2 * units], turned_ru, new)
                xp.add(dh, new, out=dh)

        for_sequences(k, x, units, back)
        both = _by_weights(k, rows, d_gates)
        by_w_ru[...], by_b_ru[...] = both[:-1, : 2 * units], both[-1, : 2 * units]
        by_w_c[...], by_b_c[...] = both[:-1, 2 * units :], both[-1, 2 * units :]
        return tuple(made)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        raise LookupError(_ONCE)

    def flops(self, op: Operation) -> int:
        rows = op.inputs[3].dims[0] if op.inputs[3].dims else None
        return 4 * elements(op.outputs[:1]) * (rows or 0)


def _by_weights(k: KernelContext, rows: Any, d_gates: Any) -> Any:
    """Return the gradient by all weights, r's, u's and the candidate's, with biases as last row.

    Parameters
    ----------
    k : KernelContext
        The node.
    rows : array of shape (2, time, batch, weights)
        What the weights of the gates are multiplied by, and what those of the candidate are.
    d_gates : array of shape (time, batch, 3 · units)
        The gradient by the products.
    """
    _, steps, batch, width = rows.shape
    units = d_gates.shape[2] // 3
    flat = d_gates.reshape(steps * batch, 3 * units)
    across = rows.reshape(2, steps * batch, width).transpose(0, 2, 1)
    result = k.scratch("both", (width, 3 * units), d_gates.dtype)

    def task(block: Block) -> None:
        for gate in range(block.start, block.stop):
            part = slice(gate * units, (gate + 1) * units)
            k.xp.matmul(across[int(gate == _C)], flat[:, part], out=result[:, part])

    for_blocks(k, 3, d_gates.nbytes // 3, task)
    return result


def gru_sequence(
    x: Any,
    state: Any,
    gate_weights: Any,
    gate_bias: Any,
    candidate_weights: Any,
    candidate_bias: Any,
) -> tuple[Tensor, Tensor]:
    """Return the states of a GRU at all steps, and the last one.

    Parameters
    ----------
    x : Tensor of shape (time, batch, size)
        The sequences.
    state : Tensor of shape (batch, units)
        The state before the first step.
    gate_weights : Tensor of shape (size + units, 2 · units)
        Those of the gates r and u, first for the inputs and then for the states.
    gate_bias : Tensor of shape (2 · units,)
        Those of the gates.
    candidate_weights : Tensor of shape (size + units, units)
        Those of the candidate.
    candidate_bias : Tensor of shape (units,)
        Those of the candidate.

    Returns
    -------
    states : Tensor of shape (time, batch, units)
    last : Tensor of shape (batch, units)
    """
    inputs = (x, state, gate_weights, candidate_weights, gate_bias, candidate_bias)
    outputs = apply_op(BlockGRU.type, *inputs).outputs
    return outputs[0], outputs[1]
