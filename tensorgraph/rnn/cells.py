"""The cells of recurrent networks: one step from input and state to output and next state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tensorgraph.base import nest, shapes
from tensorgraph.base.shapes import TensorShape
from tensorgraph.graph.defaults import convert_to_tensor, name_scope
from tensorgraph.graph.node import Tensor
from tensorgraph.initializers import Constant, Zeros
from tensorgraph.layers.base import Layer
from tensorgraph.ops.arrangement import split
from tensorgraph.ops.array import shape
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.clip import clip_by_value
from tensorgraph.ops.gru import gru_sequence
from tensorgraph.ops.linalg import matmul
from tensorgraph.ops.lstm import lstm_sequence
from tensorgraph.ops.math import sigmoid, tanh
from tensorgraph.ops.nn import bias_add
from tensorgraph.ops.sources import zeros

Activation = Callable[[Any], Tensor] | None


class LSTMStateTuple(NamedTuple):
    """The state of an LSTM: what it remembers, and what it gave last.

    Attributes
    ----------
    c : Tensor
        The memory.
    h : Tensor
        The output.
    """

    c: Any
    h: Any

    @property
    def dtype(self) -> Any:
        """The element type of both.

        Raises
        ------
        TypeError
            If they differ.
        """
        if self.c.dtype is not self.h.dtype:
            raise TypeError(f"c and h differ: {self.c.dtype.name} and {self.h.dtype.name}")
        return self.c.dtype


class AllSteps(NamedTuple):
    """What a cell gives along sequences.

    Attributes
    ----------
    outputs : Tensor of shape (time, batch, size)
        The output of each step.
    last : Tensor or nested structure of them
        The last state.
    states : Tensor or nested structure of them
        The state after each step, time first.
    """

    outputs: Tensor
    last: Any
    states: Any


class RNNCell(Layer):
    """What all cells have in common.

    A subclass has the properties `state_size` and `output_size`, and computes a step in ``call``,
    whose variables it makes in ``build`` or by `tf.get_variable`.

    Examples
    --------
    >>> class Counter(tf.nn.rnn_cell.RNNCell):
    ...     state_size = output_size = 1
    ...
    ...     def call(self, inputs, state):
    ...         return state + 1, state + 1
    """

    @property
    def state_size(self) -> Any:
        """The size of the state: an int, a TensorShape, or a nested structure of them."""
        raise NotImplementedError(f"{type(self).__name__} does not say its state_size")

    @property
    def output_size(self) -> Any:
        """The size of the output: an int or a TensorShape."""
        raise NotImplementedError(f"{type(self).__name__} does not say its output_size")

    def __call__(self, inputs: Any, state: Any, scope: Any = None, **kwargs: Any) -> Any:
        """Return output and next state.

        Parameters
        ----------
        inputs : Tensor of shape (batch, size)
            The input of one step.
        state : Tensor or nested structure of them
            The state before it, as `zero_state` gives it.
        scope : str or VariableScope, optional
            Where the cell's variables are; default is its name in the current scope.
        **kwargs
            What ``call`` takes beside it.
        """
        return super().__call__(inputs, state, scope=scope, **kwargs)

    def along(self, sequences: Tensor, state: Any) -> AllSteps | None:
        """Return what all steps along sequences, time first, give; None where it takes a loop."""
        del sequences, state
        return None

    @contextmanager
    def _built_for(self, sequences: Tensor) -> Iterator[None]:
        """Enter the cell's scope, with variables that suit sequences (time, batch, size)."""
        self._choose_scope(None)
        with self._inside():
            if not self.built:
                self.dtype = self.dtype or sequences.dtype
                self.build(sequences.shape[1:])
                self.built = True
            yield

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Return a state of zeros.

        Parameters
        ----------
        batch_size : int or Tensor
            How many sequences there are.
        dtype : DType
            The element type.
        """
        with name_scope(f"{type(self).__name__}ZeroState"):
            return nest.map_leaves(lambda size: zeros_of(batch_size, size, dtype), self.state_size)

    def get_initial_state(
        self, inputs: Any = None, batch_size: Any = None, dtype: Any = None
    ) -> Any:
        """Return a state of zeros, for a batch like that of `inputs`, or of a given size."""
        if inputs is not None:
            tensor = convert_to_tensor(inputs)
            batch_size, dtype = batch_of(tensor, 0), tensor.dtype
        if batch_size is None or dtype is None:
            raise ValueError("get_initial_state needs inputs, or batch_size and dtype")
        return self.zero_state(batch_size, dtype)


def batch_of(tensor: Tensor, axis: int) -> Any:
    """Return the number of sequences, as a number where it is known."""
    known = None if tensor.dims is None else tensor.dims[axis]
    return shape(tensor)[axis] if known is None else known


def zeros_of(batch_size: Any, size: Any, dtype: Any) -> Tensor:
    """Return zeros for each sequence of a batch, of a cell's size."""
    dims = shapes.as_shape(size)
    if not isinstance(batch_size, Tensor):
        return zeros([int(batch_size), *(dims or ())], dtype)
    result = zeros([batch_size, *(dims or ())], dtype)
    result.set_shape((None, *(dims or ())))
    return result


def input_depth(cell: Layer, input_shape: TensorShape) -> int:
    """Return the size of a cell's input, which decides on that of its weights."""
    dims = input_shape.as_tuple()
    if dims is None or len(dims) != 2 or dims[1] is None:
        raise ValueError(
            f"cell {cell.name!r} takes inputs of shape (batch, size) and must know the size, but"
            f" their shape is {input_shape}"
        )
    return dims[1]


class BasicRNNCell(RNNCell):
    """The simplest cell: the output, which is also the state, is tanh(W [input, state] + b).

    Parameters
    ----------
    num_units : int
        The size of the output.
    activation : callable, default tf.tanh
        What stands in place of tanh.
    reuse : bool, optional
        Whether the variables must exist.
    name : str, default "basic_rnn_cell"
        The name of its variable scope.
    dtype : DType, optional
        Element type of its variables; default is that of the first input.
    **kwargs
        What `tf.layers.Layer` takes.
    """

    def __init__(
        self,
        num_units: int,
        activation: Activation = None,
        reuse: bool | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        self._num_units = num_units
        self._activation = activation or tanh

    @property
    def state_size(self) -> int:
        """The size of the state."""
        return self._num_units

    @property
    def output_size(self) -> int:
        """The size of the output."""
        return self._num_units

    def build(self, input_shape: TensorShape) -> None:
        """Make ``kernel`` and ``bias``."""
        depth = input_depth(self, input_shape)
        self._kernel = self.add_weight("kernel", [depth + self._num_units, self._num_units])
        self._bias = self.add_weight("bias", [self._num_units], initializer=Zeros())

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """Return the output twice: it is the next state too."""
        gate = matmul(concat([inputs, state], 1), self._kernel)
        output = self._activation(bias_add(gate, self._bias))
        return output, output


class GRUCell(RNNCell):
    """The gated recurrent unit (Cho et al., arXiv:1406.1078).

    Parameters
    ----------
    num_units : int
        The size of the output.
    activation : callable, default tf.tanh
        Of the candidate.
    reuse : bool, optional
        Whether the variables must exist.
    kernel_initializer : callable, optional
        Of the weights; default is the variable scope's.
    bias_initializer : callable, optional
        Of the biases; default is 1 for the gates and 0 for the candidate.
    name : str, default "gru_cell"
        The name of its variable scope.
    dtype : DType, optional
        Element type of its variables; default is that of the first input.
    **kwargs
        What `tf.layers.Layer` takes.
    """

    def __init__(
        self,
        num_units: int,
        activation: Activation = None,
        reuse: bool | None = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        self._num_units = num_units
        self._activation = activation or tanh
        self._kernel_initializer = kernel_initializer
        self._bias_initializer = bias_initializer

    @property
    def state_size(self) -> int:
        """The size of the state."""
        return self._num_units

    @property
    def output_size(self) -> int:
        """The size of the output."""
        return self._num_units

    def build(self, input_shape: TensorShape) -> None:
        """Make the weights of the two gates together, and those of the candidate."""
        units, rows = self._num_units, input_depth(self, input_shape) + self._num_units
        biases = self._bias_initializer
        self._gate_kernel = self.add_weight(
            "gates/kernel", [rows, 2 * units], initializer=self._kernel_initializer
        )
        self._gate_bias = self.add_weight(
            "gates/bias", [2 * units], initializer=Constant(1.0) if biases is None else biases
        )
        self._candidate_kernel = self.add_weight(
            "candidate/kernel", [rows, units], initializer=self._kernel_initializer
        )
        self._candidate_bias = self.add_weight(
            "candidate/bias", [units], initializer=Zeros() if biases is None else biases
        )

    def along(self, sequences: Tensor, state: Any) -> AllSteps | None:
        """Return what all steps give, by one operation; None where a cell is not that plain."""
        plain = type(self) is GRUCell and self._activation is tanh
        if not plain or sequences.dims is None or len(sequences.dims) != 3:
            return None
        with self._built_for(sequences):
            states, last = gru_sequence(
                sequences,
                state,
                self._gate_kernel,
                self._gate_bias,
                self._candidate_kernel,
                self._candidate_bias,
            )
        return AllSteps(states, last, states)

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """Return the output twice: it is the next state too."""
        gates = matmul(concat([inputs, state], 1), self._gate_kernel)
        r, u = split(sigmoid(bias_add(gates, self._gate_bias)), 2, 1)
        candidate = matmul(concat([inputs, r * state], 1), self._candidate_kernel)
        c = self._activation(bias_add(candidate, self._candidate_bias))
        output = u * state + (1 - u) * c
        return output, output


class LSTMCell(RNNCell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), with peepholes and projection.

    Parameters
    ----------
    num_units : int
        The size of the memory.
    use_peepholes : bool, default False
        The gates see the memory.
    cell_clip : float, optional
        The memory stays in [-cell_clip, cell_clip].
    initializer : callable, optional
        Of the weights; default is the variable scope's.
    num_proj : int, optional
        The output is projected to this size.
    proj_clip : float, optional
        The projection stays in [-proj_clip, proj_clip].
    num_unit_shards, num_proj_shards : None
        Variables are not split.
    forget_bias : float, default 1.0
        Added to the forget gate's bias, so that it remembers at first.
    state_is_tuple : bool, default True
        The state is an `LSTMStateTuple`; else both parts joined along axis 1.
    activation : callable, default tf.tanh
        Of input and output.
    reuse : bool, optional
        Whether the variables must exist.
    name : str, default "lstm_cell"
        The name of its variable scope.
    dtype : DType, optional
        Element type of its variables; default is that of the first input.
    **kwargs
        What `tf.layers.Layer` takes.
    """

    def __init__(
        self,
        num_units: int,
        use_peepholes: bool = False,
        cell_clip: float | None = None,
        initializer: Any = None,
        num_proj: int | None = None,
        proj_clip: float | None = None,
        num_unit_shards: int | None = None,
        num_proj_shards: int | None = None,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Activation = None,
        reuse: bool | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        if num_unit_shards is not None or num_proj_shards is not None:
            raise ValueError(
                "variables are not split: leave out num_unit_shards and num_proj_shards"
            )
        self._num_units = num_units
        self._use_peepholes = use_peepholes
        self._cell_clip = cell_clip
        self._initializer = initializer
        self._num_proj = num_proj
        self._proj_clip = proj_clip
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple
        self._activation = activation or tanh

    @property
    def state_size(self) -> Any:
        """The sizes of memory and output, or their sum where the state is no tuple."""
        sizes = LSTMStateTuple(self._num_units, self.output_size)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        """The size of the output."""
        return self._num_proj or self._num_units

    def build(self, input_shape: TensorShape) -> None:
        """Make the weights of all four gates together, of the peepholes and of the projection."""
        units = self._num_units
        rows = input_depth(self, input_shape) + self.output_size
        self._kernel = self.add_weight("kernel", [rows, 4 * units], initializer=self._initializer)
        self._bias = self.add_weight("bias", [4 * units], initializer=Zeros())
        if self._use_peepholes:
            self._w_f, self._w_i, self._w_o = (
                self.add_weight(f"w_{gate}_diag", [units], initializer=self._initializer)
                for gate in "fio"
            )
        if self._num_proj is not None:
            self._projection = self.add_weight(
                "projection/kernel", [units, self._num_proj], initializer=self._initializer
            )

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """Return output and next state."""
        if self._state_is_tuple:
            c_before, h_before = state
        else:
            c_before, h_before = split(state, [self._num_units, self.output_size], 1)
        gates = matmul(concat([inputs, h_before], 1), self._kernel)
        i, j, f, o = split(bias_add(gates, self._bias), 4, 1)
        f = f + self._forget_bias
        if self._use_peepholes:
            f = f + self._w_f * c_before
            i = i + self._w_i * c_before
        c = sigmoid(f) * c_before + sigmoid(i) * self._activation(j)
        if self._cell_clip is not None:
            c = clip_by_value(c, -self._cell_clip, self._cell_clip)
        if self._use_peepholes:
            o = o + self._w_o * c
        h = sigmoid(o) * self._activation(c)
        if self._num_proj is not None:
            h = matmul(h, self._projection)
            if self._proj_clip is not None:
                h = clip_by_value(h, -self._proj_clip, self._proj_clip)
        return h, self._joined(c, h)

    def along(self, sequences: Tensor, state: Any) -> AllSteps | None:
        """Return what all steps along sequences give, by one operation.

        Parameters
        ----------
        sequences : Tensor of shape (time, batch, size)
            The inputs.
        state : as of a call
            The state before the first step.

        Returns
        -------
        AllSteps or None
            None where the cell is not plain enough for that: it has peepholes, a projection,
            limits or another activation than tanh, or is of a subclass.
        """
        special = self._use_peepholes or self._cell_clip is not None or self._num_proj is not None
        plain = type(self) in (LSTMCell, BasicLSTMCell) and self._activation is tanh
        if special or not plain or sequences.dims is None or len(sequences.dims) != 3:
            return None
        with self._built_for(sequences):
            c, h = state if self._state_is_tuple else split(state, 2, 1)
            h_all, c_all, h_last, c_last = lstm_sequence(
                sequences, c, h, self._kernel, self._bias, self._forget_bias
            )
        return AllSteps(h_all, self._joined(c_last, h_last), self._joined(c_all, h_all))

    def _joined(self, c: Tensor, h: Tensor) -> Any:
        """Return memory and output as a state, of one step or of all."""
        return LSTMStateTuple(c, h) if self._state_is_tuple else concat([c, h], -1)


class BasicLSTMCell(LSTMCell):
    """`LSTMCell` in its simplest form.

    Parameters
    ----------
    num_units : int
        The size of memory and output.
    forget_bias, state_is_tuple, activation, reuse, name, dtype, **kwargs
        As of `LSTMCell`.
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Activation = None,
        reuse: bool | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_units,
            forget_bias=forget_bias,
            state_is_tuple=state_is_tuple,
            activation=activation,
            reuse=reuse,
            name=name,
            dtype=dtype,
            **kwargs,
        )
