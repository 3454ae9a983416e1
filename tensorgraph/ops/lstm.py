"""Long short-term memory along a whole sequence, as one operation.

Step by step, a sequence is hundreds of small operations. Here a step is one product, of input,
state and a one with all weights and biases, and a few passes over some kilobytes. Sequences do not
depend on each other, so workers take some of them each, from the first step to the last. The way
back is the same, and ends in one product for the gradient of all weights at all steps.

On the way forward a gate is a matrix of its own, so that what is done to it goes along whole lines:
o, i, f and the candidate j, in this order, for then the three that are sigmoids are neighbours. The
weights, and the gradients on the way back, have TensorFlow's order: i, j, f, o.

σ(x) = ½ + ½ tanh(½x): one function for all gates, if the weights of three are halved before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorgraph.base import shapes
from tensorgraph.graph.defaults import apply_op
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Arg, Gradients, KernelContext, OpDef, Spec, elements, register
from tensorgraph.ops.array import shape, transpose
from tensorgraph.ops.einsum import tensordot
from tensorgraph.ops.memory_order import made_output
from tensorgraph.ops.products import in_column_parts, product_with_parts
from tensorgraph.ops.shares import Block, for_blocks

# Where the gates o, i, f and j stand in the weights.
_COLUMNS = (3, 0, 2, 1)
_O, _I, _F, _J = range(4)
# The outputs that a gradient may come from, before those that the gradient needs.
_RESULTS = 4
_ONCE = (
    "a sequence of an LSTM in one operation can be differentiated once only: to differentiate it"
    " again, run the cell step by step with tf.nn.static_rnn"
)
# How much of the factors of the way back is made at a time.
_FACTOR_BYTES = 1 << 18


def _by_gate(k: KernelContext, weights: Any, bias: Any, forget_bias: float) -> Any:
    """Return weights and biases (rows + 1, 4 · units) as (gates, rows + 1, units), three halved."""
    rows, units = len(weights), len(bias) // 4
    result = k.scratch("weights", (4, rows + 1, units), weights.dtype)
    for gate, column in enumerate(_COLUMNS):
        factor = weights.dtype.type(1 if gate == _J else 0.5)
        part = slice(column * units, (column + 1) * units)
        k.xp.multiply(weights[:, part], factor, out=result[gate, :rows])
        k.xp.multiply(bias[part], factor, out=result[gate, rows])
    result[_F, rows] += weights.dtype.type(0.5 * forget_bias)
    return result


def for_sequences(k: KernelContext, x: Any, units: int, task: Callable[[Block], None]) -> None:
    """Have each worker do a task for its share of the sequences, all at once."""
    steps, batch, _ = x.shape
    for_blocks(k, batch, 8 * steps * units * x.dtype.itemsize, task, fewest=batch)


@register
class BlockLSTM(OpDef):
    """Outputs and memories of an LSTM along sequences, time first; then the last of both.

    Inputs are the sequences, the first memory and output, the weights of inputs and outputs for
    the gates i, j, f, o, and their biases; ``forget_bias`` is added to that of f. What follows the
    first four outputs is for the gradient: the gates o, i, f and the candidate j, the tanh of the
    memories, and what is multiplied by the weights: input, output before, and a one.
    """

    type = "BlockLSTM"
    inputs = (Arg("x"), Arg("cs_prev"), Arg("h_prev"), Arg("w"), Arg("b"))
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, memory, state, w, b = op.inputs
        for t, rank in ((x, 3), (memory, 2), (state, 2), (w, 2), (b, 1)):
            if t.dims is not None and len(t.dims) != rank:
                raise ValueError(f"BlockLSTM needs {t.name!r} of rank {rank}, not {t.shape}")
        steps, batch, size = x.dims or (None,) * 3
        before = shapes.merge(shapes.merge(memory.dims, state.dims), (batch, None)) or (None, None)
        batch, units = before
        columns = shapes.merge(w.dims and w.dims[1:], b.dims)
        if columns and columns[0] is not None:
            units = (shapes.merge((units,), (columns[0] // 4,)) or (None,))[0]
        if units is not None:
            rows = None if size is None else size + units
            if not shapes.compatible(w.dims, (rows, 4 * units)):
                raise ValueError(
                    f"weights of shape {w.shape} do not suit inputs of {size} and {units} units:"
                    f" the shape must be ({rows}, {4 * units})"
                )
        along, last = (steps, batch, units), (batch, units)
        width = None if size is None or units is None else size + units + 1
        results = (along, along, last, last, (4, *along), along, (steps, batch, width))
        return [Spec(x.dtype, dims) for dims in results]

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, c_first, h_first, w, b = inputs
        steps, batch, size = x.shape
        units = h_first.shape[1]
        xp, along, half = k.xp, (steps, batch, units), x.dtype.type(0.5)
        dims = (along, along, along[1:], along[1:], (4, *along), along, (steps, batch, len(w) + 1))
        made = [made_output(k, i, d, x.dtype) for i, d in enumerate(dims)]
        h, c, last_h, last_c, gates, tanh_c, rows = made
        weights = _by_gate(k, w, b, k.op.attrs["forget_bias"])

        def task(block: Block) -> None:
            part = block.part
            new = block.scratch("new", (block.size, units), x.dtype)
            rows[:, part, :size] = x[:, part]
            rows[:, part, -1] = 1
            state, memory = h_first[part], c_first[part]
            for step in range(steps):
                rows[step, part, size:-1] = state
                here = xp.matmul(rows[step, part], weights, out=gates[:, step, part])
                xp.tanh(here, out=here)
                xp.multiply(here[:_J], half, out=here[:_J])
                xp.add(here[:_J], half, out=here[:_J])
                memory = xp.multiply(here[_F], memory, out=c[step, part])
                xp.multiply(here[_I], here[_J], out=new)
                xp.add(memory, new, out=memory)
                xp.tanh(memory, out=tanh_c[step, part])
                state = xp.multiply(here[_O], tanh_c[step, part], out=h[step, part])
            last_h[part], last_c[part] = state, memory

        for_sequences(k, x, units, task)
        return tuple(made)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        if any(g is not None for g in grads[_RESULTS:]):
            raise LookupError("the gates of a BlockLSTM have no gradient rule")
        x, memory, state, w, b = op.inputs
        _, c, _, _, gates, tanh_c, rows = op.outputs
        given = tuple(i for i, g in enumerate(grads) if g is not None)
        needed = (memory, state, w, b, c, gates, tanh_c, rows, *(grads[i] for i in given))
        op_grad = apply_op(BlockLSTMGrad.type, *needed, given=given)
        by_gates, *others = op_grad.outputs

        def by_x() -> Tensor:
            size = shape(x)[2]
            result = tensordot(by_gates, transpose(w[:size]), 1)
            result.set_shape(x.dims)
            return result

        return (by_x, *others)

    def flops(self, op: Operation) -> int:
        steps, batch, size = op.inputs[0].dims or (None,) * 3
        units = op.outputs[0].dims[-1] if op.outputs[0].dims else None
        return 8 * (steps or 0) * (batch or 0) * ((size or 0) + (units or 0)) * (units or 0)


@register
class BlockLSTMGrad(OpDef):
    """The gradients of `BlockLSTM` by what is given to the gates i, j, f, o, and by all but x.

    Inputs are those of the forward op but for x, its outputs that are for the gradient, and the
    gradients of those outputs that ``given`` numbers.
    """

    type = "BlockLSTMGrad"
    inputs = (
        *BlockLSTM.inputs[1:],
        *(Arg(name) for name in ("cs", "gates", "co", "rows", "grads")),
    )
    variadic = True
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        memory, state, w, b, c, *_ = op.inputs
        steps, batch, units = c.dims or (None,) * 3
        by_gates = (steps, batch, None if units is None else 4 * units)
        return [Spec(w.dtype, by_gates), *(Spec(t.dtype, t.dims) for t in (memory, state, w, b))]

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        c_first, h_first, w, b, c, gates, tanh_c, rows, *grads = inputs
        given = dict(zip(k.op.attrs["given"], grads, strict=True))
        steps, batch, units = c.shape
        shapes_of = ((steps, batch, 4 * units), *(a.shape for a in (c_first, h_first, w, b)))
        made = [made_output(k, i, dims, w.dtype) for i, dims in enumerate(shapes_of)]
        d_gates, by_memory, by_state, by_w, by_b = made
        xp, by_column = k.xp, d_gates.reshape(steps, batch, 4, units)
        share = -(-batch // k.backend.workers)
        turned = in_column_parts(k, "turned", w[len(w) - units :].T, share)

        def back(block: Block) -> None:
            part = block.part
            new = block.scratch("new", (block.size, units), w.dtype)
            dh, dc = by_state[part], by_memory[part]
            dh[...] = given[2][part] if 2 in given else 0
            dc[...] = given[3][part] if 3 in given else 0
            several = max(1, _FACTOR_BYTES // max(gates[:, :1, part].nbytes, 1))
            for stop in range(steps, 0, -several):
                start = max(0, stop - several)
                factors, through = _factors(
                    block, gates[:, start:stop, part], tanh_c[start:stop, part]
                )
                for step in reversed(range(start, stop)):
                    factor, forget = factors[:, step - start], gates[_F, step, part]
                    xp.multiply(
                        factor[_F], c[step - 1, part] if step else c_first[part], factor[_F]
                    )
                    if 0 in given:
                        xp.add(dh, given[0][step, part], out=dh)
                    if 1 in given:
                        xp.add(dc, given[1][step, part], out=dc)
                    xp.multiply(dh, through[step - start], out=new)
                    xp.add(dc, new, out=dc)
                    here = by_column[step, part]
                    for gate, column in enumerate(_COLUMNS):
                        xp.multiply(dc if gate else dh, factor[gate], out=here[:, column])
                    xp.multiply(dc, forget, out=dc)
                    product_with_parts(xp, d_gates[step, part], turned, dh)

        for_sequences(k, c, units, back)
        flat = d_gates.reshape(steps * batch, 4 * units)
        across = rows.reshape(steps * batch, len(w) + 1).T
        both = k.scratch("both", (len(w) + 1, 4 * units), w.dtype)

        def by_weights(block: Block) -> None:
            xp.matmul(across, flat[:, block.part], out=both[:, block.part])

        for_blocks(k, 4 * units, 8 * steps * batch, by_weights, fewest=4 * units)
        by_w[...], by_b[...] = both[:-1], both[-1]
        return tuple(made)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        raise LookupError(_ONCE)

    def flops(self, op: Operation) -> int:
        rows = op.inputs[2].dims[0] if op.inputs[2].dims else None
        return 4 * elements(op.outputs[:1]) * (rows or 0)


def _factors(block: Block, gates: Any, tanh_c: Any) -> tuple[Any, Any]:
    """Return what is multiplied by on the way back, for some steps.

    Returns
    -------
    array of shape (gates, time, sequences, units)
        From the gradient of the output to that of gate o; from the memory's to those of i, of f
        (but for the memory before), and of the candidate.
    array of shape (time, sequences, units)
        From the gradient of the output to that of the memory.
    """
    xp = block.k.xp
    factors = block.scratch("factors", gates.shape, gates.dtype)
    through = block.scratch("through", tanh_c.shape, gates.dtype)
    xp.subtract(1, gates[:_J], out=factors[:_J])
    xp.multiply(factors[:_J], gates[:_J], out=factors[:_J])
    xp.multiply(factors[_O], tanh_c, out=factors[_O])
    xp.multiply(factors[_I], gates[_J], out=factors[_I])
    for of_tanh, gate, target in ((gates[_J], _I, factors[_J]), (tanh_c, _O, through)):
        xp.multiply(of_tanh, of_tanh, out=target)
        xp.subtract(1, target, out=target)
        xp.multiply(target, gates[gate], out=target)
    return factors, through


def lstm_sequence(
    x: Any, memory: Any, state: Any, weights: Any, bias: Any, forget_bias: float = 1.0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return outputs and memories of an LSTM at all steps, and the last output and memory.

    Parameters
    ----------
    x : Tensor of shape (time, batch, size)
        The sequences.
    memory, state : Tensor of shape (batch, units)
        Memory and output before the first step.
    weights : Tensor of shape (size + units, 4 · units)
        Those of the gates i, j, f, o, first for the inputs and then for the outputs.
    bias : Tensor of shape (4 · units,)
        Those of the gates.
    forget_bias : float, default 1
        Is added to that of the gate f.

    Returns
    -------
    outputs, memories : Tensor of shape (time, batch, units)
    last_output, last_memory : Tensor of shape (batch, units)
    """
    inputs = (x, memory, state, weights, bias)
    outputs = apply_op(BlockLSTM.type, *inputs, forget_bias=float(forget_bias)).outputs
    return outputs[0], outputs[1], outputs[2], outputs[3]
