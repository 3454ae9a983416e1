"""What runs cells along sequences: `static_rnn`, `dynamic_rnn` and their two-way forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.base import dtypes, nest, shapes
from tensorgraph.control.loop import while_loop
from tensorgraph.graph.defaults import control_dependencies, convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Tensor
from tensorgraph.ops.arrangement import reverse, reverse_sequence, unstack
from tensorgraph.ops.array import expand_dims, shape, transpose
from tensorgraph.ops.blocks import concat, stack
from tensorgraph.ops.checks import assert_
from tensorgraph.ops.gather import gather, gather_nd
from tensorgraph.ops.math import cast, equal, greater_equal, less, maximum, minimum, where
from tensorgraph.ops.ranges import range_
from tensorgraph.ops.reduction import reduce_max
from tensorgraph.ops.sources import identity, zeros_like
from tensorgraph.ops.tensor_array import TensorArray
from tensorgraph.rnn.cells import AllSteps, RNNCell, batch_of
from tensorgraph.rnn.wrappers import check_cell
from tensorgraph.scopes import variable_scope


def static_rnn(
    cell: Any,
    inputs: Sequence[Any],
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """Run a cell along a list of inputs, with a copy of the cell's graph for each.

    Parameters
    ----------
    cell : RNNCell
        The cell.
    inputs : list of Tensor of shape (batch, size)
        The input of each step.
    initial_state : Tensor or nested structure of them, optional
        The state before the first step; default is zeros.
    dtype : DType, optional
        The element type of that state, needed where none is given.
    sequence_length : Tensor of shape (batch,), optional
        How long each sequence is: beyond it outputs are zeros and the state stays.
    scope : str or VariableScope, default "rnn"
        Where the variables are.

    Returns
    -------
    outputs : list of Tensor
        The output of each step.
    state
        The last state.

    Raises
    ------
    TypeError
        If `cell` is no cell, or `inputs` no list.
    ValueError
        If `inputs` is empty, or there is neither a state nor a dtype.
    """
    check_cell(cell)
    if not isinstance(inputs, list | tuple):
        raise TypeError(f"inputs must be a list of tensors, one a step, not {inputs!r}")
    if not inputs:
        raise ValueError("inputs must not be empty")
    steps = [nest.map_leaves(convert_to_tensor, x) for x in inputs]
    with variable_scope("rnn" if scope is None else scope) as inside:
        first = nest.flatten(steps[0])[0]
        state = _first_state(cell, initial_state, dtype, batch_of(first, 0))
        lengths = None
        if sequence_length is not None:
            lengths = _checked_lengths(sequence_length, first, 0)
        outputs = []
        for time, x in enumerate(steps):
            if time:
                inside.reuse_variables()
            output, after = cell(x, state)
            if lengths is not None:
                output, after = _past_the_end(time, lengths, output, state, after)
            state = after
            outputs.append(output)
    return outputs, state


def dynamic_rnn(
    cell: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[Any, Any]:
    """Run a cell along sequences in a loop, so that their length may vary from run to run.

    Parameters
    ----------
    cell : RNNCell
        The cell.
    inputs : Tensor of shape (batch, time, …), or nested structure of them
        The sequences.
    sequence_length : Tensor of shape (batch,), optional
        How long each sequence is: beyond it outputs are zeros and the state stays.
    initial_state : Tensor or nested structure of them, optional
        The state before the first step; default is zeros.
    dtype : DType, optional
        The element type of that state, needed where none is given.
    parallel_iterations, swap_memory : object
        Accepted for TensorFlow's sake.
    time_major : bool, default False
        Inputs and outputs have the axis of time first, then the batch.
    scope : str or VariableScope, default "rnn"
        Where the variables are.

    Returns
    -------
    outputs : Tensor of shape (batch, time, size)
        The output of each step.
    state
        The last state.

    Raises
    ------
    TypeError
        If `cell` is no cell.
    ValueError
        If there is neither a state nor a dtype, or `sequence_length` is no vector.
    InvalidArgumentError
        When run, if there is not one length for each sequence.
    """
    del parallel_iterations, swap_memory
    check_cell(cell)
    with variable_scope("rnn" if scope is None else scope):
        sequences = nest.map_leaves(convert_to_tensor, inputs)
        if not time_major:
            sequences = nest.map_leaves(_swapped, sequences)
        first = nest.flatten(sequences)[0]
        if first.dims is not None and len(first.dims) < 2:
            raise ValueError(f"inputs need axes of batch and time, but have shape {first.shape}")
        lengths = None
        if sequence_length is not None:
            lengths = _checked_lengths(sequence_length, first, 1)
        state = _first_state(cell, initial_state, dtype, batch_of(first, 1))
        outputs, state = _loop(cell, sequences, state, lengths, dtype)
        return outputs if time_major else nest.map_leaves(_swapped, outputs), state


def _loop(cell: Any, sequences: Any, state: Any, lengths: Tensor | None, dtype: Any) -> Any:
    """Run the cell over tensors whose first axis is time."""
    leaves = nest.flatten(sequences)
    # Wrappers and cells of users need not derive from RNNCell.
    if isinstance(cell, RNNCell) and isinstance(sequences, Tensor):
        at_once = cell.along(sequences, state)
        if at_once is not None:
            return at_once[:2] if lengths is None else _until_the_end(at_once, state, lengths)
    time_steps = batch_of(leaves[0], 0)
    with get_default_graph().name_scope("dynamic_rnn"):
        arrays = [TensorArray(x.dtype, time_steps).unstack(x) for x in leaves]
        types = [dtype or nest.flatten(state)[0].dtype] * len(nest.flatten(cell.output_size))
        empty = [TensorArray(t, time_steps) for t in types]
    last: Any = time_steps
    if lengths is not None:
        # Beyond the longest sequence there is nothing to do; outputs not written are zeros.
        last = minimum(time_steps, maximum(1, reduce_max(lengths)))
    sizes = [x.dims for x in leaves]

    def body(time: Tensor, written: Any, before: Any) -> Any:
        steps = [a.read(time) for a in arrays]
        for x, dims in zip(steps, sizes, strict=True):
            x.set_shape(None if dims is None else dims[1:])
        output, after = cell(nest.pack(sequences, steps), before)
        nest.check_same(before, after)
        if lengths is not None:
            output, after = _past_the_end(time, lengths, output, before, after)
        flat = nest.flatten(output)
        return time + 1, [a.write(time, t) for a, t in zip(written, flat, strict=True)], after

    _, written, state = while_loop(
        lambda time, *_: less(time, last), body, (0, empty, state), maximum_iterations=time_steps
    )
    outputs = [a.stack() for a in written]
    for t, size in zip(outputs, nest.flatten(cell.output_size), strict=True):
        first = leaves[0].dims
        lead = (None, None) if first is None else first[:2]
        t.set_shape((*lead, *(shapes.as_shape(size) or ())))
    return nest.pack(cell.output_size, outputs), state


def _until_the_end(at_once: AllSteps, before: Any, lengths: Tensor) -> tuple[Tensor, Any]:
    """Return outputs with zeros where a sequence has ended, and the states at their ends."""
    outputs = at_once.outputs
    # Taken one by one, so that it is the check that fails where there are too few or too many.
    numbers = range_(shape(outputs)[1])
    lengths = gather(lengths, numbers)
    times = range_(shape(outputs)[0])
    going = expand_dims(less(expand_dims(times, 1), expand_dims(lengths, 0)), 2)
    kept = where(going, outputs, zeros_like(outputs))
    kept.set_shape(outputs.dims)
    ends = maximum(minimum(lengths, shape(outputs)[0]), 0)
    places = stack([ends, numbers], 1)

    def at_the_end(first: Tensor, states: Tensor) -> Tensor:
        result = gather_nd(concat([expand_dims(first, 0), states], 0), places)
        result.set_shape(first.dims)
        return result

    return kept, nest.map_leaves(at_the_end, before, at_once.states)


def _swapped(x: Tensor) -> Tensor:
    """Return a tensor with its first two axes swapped."""
    if x.dims is None:
        raise ValueError(f"the rank of {x.name!r} must be known, to tell batch from time")
    return transpose(x, [1, 0, *range(2, len(x.dims))])


def _first_state(cell: Any, initial_state: Any, dtype: Any, batch_size: Any) -> Any:
    if initial_state is not None:
        return nest.map_leaves(convert_to_tensor, initial_state)
    if dtype is None:
        raise ValueError("without an initial_state the dtype must be given")
    return cell.zero_state(batch_size, dtype)


def _checked_lengths(sequence_length: Any, like: Tensor, batch_axis: int) -> Tensor:
    """Return the lengths as int32, one for each sequence."""
    lengths = cast(convert_to_tensor(sequence_length), dtypes.int32)
    if lengths.dims is not None and len(lengths.dims) != 1:
        raise ValueError(
            f"sequence_length must be a vector, one length for each sequence: it has shape"
            f" {lengths.shape}"
        )
    lengths = identity(lengths, name="sequence_length")
    batch = shape(like)[batch_axis]
    count = shape(lengths)[0]
    message = f"{lengths.name} does not have one length for each sequence of {like.name}:"
    with control_dependencies([assert_(equal(count, batch), [message, count, batch])]):
        return identity(lengths, name="CheckSeqLen")


def _past_the_end(
    time: Any, lengths: Tensor, output: Any, before: Any, after: Any
) -> tuple[Any, Any]:
    """Return zeros in place of the output, and the old state, where a sequence has ended."""
    ended = greater_equal(time, lengths)

    def choose(old: Any, new: Any) -> Any:
        if isinstance(new, TensorArray) or new.dims == ():
            return new
        if new.dims is None:
            raise ValueError(f"the rank of {new.name!r} must be known, for sequences that end")
        condition = ended
        for _ in new.dims[1:]:
            condition = expand_dims(condition, -1)
        result = where(condition, old, new)
        result.set_shape(new.dims)
        return result

    output = nest.map_leaves(lambda new: choose(zeros_like(new), new), output)
    return output, nest.map_leaves(choose, before, after)


def bidirectional_dynamic_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Run two cells along sequences, one from the beginning and one from the end.

    Parameters
    ----------
    cell_fw, cell_bw : RNNCell
        The cells.
    inputs, sequence_length, dtype, parallel_iterations, swap_memory, time_major
        As of `dynamic_rnn`.
    initial_state_fw, initial_state_bw : optional
        The first states.
    scope : str or VariableScope, default "bidirectional_rnn"
        Where the variables are, in ``fw`` and ``bw``.

    Returns
    -------
    outputs : pair
        The outputs of both, in the order of the inputs.
    states : pair
        The last states of both.

    Raises
    ------
    TypeError, ValueError
        As `dynamic_rnn`.
    """
    del parallel_iterations, swap_memory
    check_cell(cell_fw, "cell_fw")
    check_cell(cell_bw, "cell_bw")
    time_axis = 0 if time_major else 1

    def turned(values: Any) -> Any:
        return nest.map_leaves(lambda x: _reversed(x, sequence_length, time_axis), values)

    with variable_scope("bidirectional_rnn" if scope is None else scope):
        with variable_scope("fw") as inside:
            forward, state_fw = dynamic_rnn(
                cell_fw, inputs, sequence_length, initial_state_fw, dtype,
                time_major=time_major, scope=inside,
            )  # fmt: skip
        with variable_scope("bw") as inside:
            backward, state_bw = dynamic_rnn(
                cell_bw, turned(inputs), sequence_length, initial_state_bw, dtype,
                time_major=time_major, scope=inside,
            )  # fmt: skip
    return (forward, turned(backward)), (state_fw, state_bw)


def _reversed(x: Any, lengths: Any, time_axis: int) -> Tensor:
    """Return sequences from their ends, as far as they go."""
    if lengths is None:
        return reverse(x, [time_axis])
    return reverse_sequence(x, lengths, seq_axis=time_axis, batch_axis=1 - time_axis)


def static_bidirectional_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Sequence[Any],
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any, Any]:
    """Run two cells along a list of inputs, one from the beginning and one from the end.

    Parameters are those of `bidirectional_dynamic_rnn` and `static_rnn`.

    Returns
    -------
    outputs : list of Tensor
        The outputs of both, joined along axis 1.
    state_fw, state_bw
        The last states of both.

    Raises
    ------
    TypeError, ValueError
        As `static_rnn`.
    """
    check_cell(cell_fw, "cell_fw")
    check_cell(cell_bw, "cell_bw")
    if not isinstance(inputs, list | tuple):
        raise TypeError(f"inputs must be a list of tensors, one a step, not {inputs!r}")
    with variable_scope("bidirectional_rnn" if scope is None else scope):
        with variable_scope("fw") as inside:
            forward, state_fw = static_rnn(
                cell_fw, inputs, initial_state_fw, dtype, sequence_length, inside
            )
        with variable_scope("bw") as inside:
            turned = _reversed_list(inputs, sequence_length)
            backward, state_bw = static_rnn(
                cell_bw, turned, initial_state_bw, dtype, sequence_length, inside
            )
    back_again = _reversed_list(backward, sequence_length)
    joined = [
        nest.map_leaves(lambda *both: concat(both, 1), f, b)
        for f, b in zip(forward, back_again, strict=True)
    ]
    return joined, state_fw, state_bw


def _reversed_list(steps: Sequence[Any], lengths: Any) -> list[Any]:
    """Return the steps of sequences from their ends, as far as they go."""
    if lengths is None:
        return list(reversed(steps))
    leaves = zip(*(nest.flatten(step) for step in steps), strict=True)
    turned = [unstack(_reversed(stack(leaf), lengths, 0), len(steps)) for leaf in leaves]
    return [nest.pack(steps[0], list(leaf)) for leaf in zip(*turned, strict=True)]
