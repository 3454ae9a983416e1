"""Cells made of other cells: stacks, dropout, shortcuts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tensorgraph.base import nest, shapes
from tensorgraph.graph.defaults import convert_to_tensor, name_scope
from tensorgraph.graph.node import Tensor
from tensorgraph.graph.static import static_value
from tensorgraph.ops.arrangement import split
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.math import cast, greater_equal
from tensorgraph.ops.nn import dropout
from tensorgraph.ops.random import random_uniform
from tensorgraph.ops.tensor_array import TensorArray
from tensorgraph.rnn.cells import LSTMStateTuple, RNNCell
from tensorgraph.scopes import variable_scope


def check_cell(cell: Any, what: str = "cell") -> None:
    """Raise TypeError if something is no cell."""
    missing = [n for n in ("output_size", "state_size", "zero_state") if not hasattr(cell, n)]
    if missing or not callable(cell):
        raise TypeError(
            f"{what} is no RNNCell, but {cell!r}: it has no {', '.join(missing) or '__call__'}"
        )


class MultiRNNCell(RNNCell):
    """Cells on top of each other: each takes the output of the one before.

    Parameters
    ----------
    cells : list of RNNCell
        The cells, from the input on; each its own object.
    state_is_tuple : bool, default True
        The state is a tuple of the cells' states; else these joined along axis 1.

    Raises
    ------
    TypeError
        If `cells` is no list.
    ValueError
        If it is empty.
    """

    def __init__(self, cells: Sequence[Any], state_is_tuple: bool = True) -> None:
        super().__init__()
        if not isinstance(cells, list | tuple):
            raise TypeError(f"cells must be a list or tuple, not {cells!r}")
        if not cells:
            raise ValueError("a MultiRNNCell needs at least one cell")
        for cell in cells:
            check_cell(cell)
        self._cells = list(cells)
        self._state_is_tuple = state_is_tuple
        if not state_is_tuple and any(nest.is_nested(c.state_size) for c in cells):
            raise ValueError("state_is_tuple=False needs cells whose states are no tuples")

    @property
    def state_size(self) -> Any:
        """The sizes of the cells' states."""
        sizes = tuple(cell.state_size for cell in self._cells)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        return self._cells[-1].output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Return a state of zeros; see `RNNCell.zero_state`."""
        if not self._state_is_tuple:
            return super().zero_state(batch_size, dtype)
        with name_scope("MultiRNNCellZeroState"):
            return tuple(cell.zero_state(batch_size, dtype) for cell in self._cells)

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables of all cells that optimizers train."""
        return [v for cell in self._cells for v in getattr(cell, "trainable_variables", ())]

    @property
    def variables(self) -> list[Any]:
        """The variables of all cells."""
        return [v for cell in self._cells for v in getattr(cell, "variables", ())]

    trainable_weights = trainable_variables
    weights = variables

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """Return the last cell's output, and all next states."""
        if self._state_is_tuple:
            if len(state) != len(self._cells):
                raise ValueError(f"{len(state)} states for {len(self._cells)} cells")
            states = list(state)
        else:
            states = split(state, [cell.state_size for cell in self._cells], 1)
        after = []
        for i, cell in enumerate(self._cells):
            with variable_scope(f"cell_{i}"):
                inputs, new_state = cell(inputs, states[i])
            after.append(new_state)
        return inputs, tuple(after) if self._state_is_tuple else concat(after, 1)


class _Wrapper(RNNCell):
    """A cell around another, without variables of its own: they stay where the other's were."""

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_cell(cell)
        self._cell = cell

    @property
    def wrapped_cell(self) -> Any:
        """The cell inside."""
        return self._cell

    @property
    def state_size(self) -> Any:
        """The size of the state."""
        return self._cell.state_size

    @property
    def output_size(self) -> Any:
        """The size of the output."""
        return self._cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Return a state of zeros; see `RNNCell.zero_state`."""
        with name_scope(f"{type(self).__name__}ZeroState"):
            return self._cell.zero_state(batch_size, dtype)

    @property
    def trainable_variables(self) -> list[Any]:
        """The cell's variables that optimizers train."""
        return list(self._cell.trainable_variables)

    @property
    def variables(self) -> list[Any]:
        """The cell's variables."""
        return list(self._cell.variables)

    trainable_weights = trainable_variables
    weights = variables


class ResidualWrapper(_Wrapper):
    """A cell whose output is added to its input.

    Parameters
    ----------
    cell : RNNCell
        The cell.
    residual_fn : callable, optional
        From input and output to what is returned; default is their sum.
    **kwargs
        What `tf.layers.Layer` takes.
    """

    def __init__(
        self, cell: Any, residual_fn: Callable[[Any, Any], Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cell, **kwargs)
        self._residual = residual_fn or _sum

    def __call__(self, inputs: Any, state: Any, scope: Any = None, **kwargs: Any) -> Any:
        """Return the residual and the next state; parameters as of `RNNCell`."""
        output, after = self._cell(inputs, state, scope=scope, **kwargs)
        return self._residual(inputs, output), after


def _sum(inputs: Any, output: Any) -> Any:
    def add(x: Tensor, y: Tensor) -> Tensor:
        if not shapes.compatible(x.dims, y.dims):
            raise ValueError(f"a residual needs one shape: input {x.shape}, output {y.shape}")
        return x + y

    return nest.map_leaves(add, inputs, output)


class DropoutWrapper(_Wrapper):
    """A cell with dropout of its inputs, outputs and states.

    Parameters
    ----------
    cell : RNNCell
        The cell.
    input_keep_prob, output_keep_prob, state_keep_prob : float or scalar Tensor, default 1.0
        The shares that are kept. Of an `LSTMStateTuple` the memory is always kept.
    variational_recurrent : bool, default False
        The same elements are dropped at every step, for all sequences of a batch (Gal and
        Ghahramani, arXiv:1512.05287).
    input_size : int, optional
        The size of the input, needed for that.
    dtype : DType, optional
        The element type, needed for that.
    seed : int, optional
        The op-level seed.
    dropout_state_filter_visitor : callable, optional
        From a part of the state to whether states in it are dropped.
    **kwargs
        What `tf.layers.Layer` takes.

    Raises
    ------
    TypeError
        If `cell` is no cell, or the visitor cannot be called.
    ValueError
        If a share is not in [0, 1], or `input_size` or `dtype` is missing.
    """

    def __init__(
        self,
        cell: Any,
        input_keep_prob: Any = 1.0,
        output_keep_prob: Any = 1.0,
        state_keep_prob: Any = 1.0,
        variational_recurrent: bool = False,
        input_size: Any = None,
        dtype: Any = None,
        seed: int | None = None,
        dropout_state_filter_visitor: Callable[[Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(cell, dtype=dtype, **kwargs)
        if dropout_state_filter_visitor is not None and not callable(dropout_state_filter_visitor):
            raise TypeError("dropout_state_filter_visitor must be callable")
        self._drops_state = dropout_state_filter_visitor or _all_but_memory
        self._seed = seed
        shares = {"input": input_keep_prob, "state": state_keep_prob, "output": output_keep_prob}
        self._shares = {what: _checked_share(what, share) for what, share in shares.items()}
        self._noise: dict[str, list[Tensor]] = {}
        if variational_recurrent:
            sizes = {"input": input_size, "state": cell.state_size, "output": cell.output_size}
            self._make_noise(sizes, dtype)

    def _make_noise(self, sizes: dict[str, Any], dtype: Any) -> None:
        """Draw the numbers that decide what is dropped, once for all steps."""
        if dtype is None:
            raise ValueError("variational_recurrent=True needs the dtype")
        for what, size in sizes.items():
            if not self._drops(what):
                continue
            if size is None:
                raise ValueError("variational_recurrent=True needs the input_size to drop inputs")
            self._noise[what] = [
                random_uniform(
                    [1, *(shapes.as_shape(s) or ())], dtype=dtype, seed=self._seed_of(what, i)
                )
                for i, s in enumerate(nest.flatten(size))
            ]

    def __call__(self, inputs: Any, state: Any, scope: Any = None, **kwargs: Any) -> Any:
        """Return output and next state of the cell, with dropout; parameters as of `RNNCell`."""
        output, after = self._cell(self._dropped("input", inputs), state, scope=scope, **kwargs)
        if self._drops("state"):
            marks = _marks(self._drops_state, after)
            after = self._dropped("state", after, marks)
        return self._dropped("output", output), after

    def _drops(self, what: str) -> bool:
        share = self._shares[what]
        return isinstance(share, Tensor) or share < 1

    def _dropped(self, what: str, values: Any, marks: Sequence[bool] | None = None) -> Any:
        """Return a nested structure with dropout of its leaves, of those with a mark."""
        if not self._drops(what):
            return values
        leaves = nest.flatten(values)
        results = [
            self._drop(what, i, leaf) if marks is None or marks[i] else leaf
            for i, leaf in enumerate(leaves)
        ]
        return nest.pack(values, results)

    def _drop(self, what: str, index: int, value: Tensor) -> Tensor:
        share = self._shares[what]
        if what not in self._noise:
            return dropout(value, keep_prob=share, seed=self._seed_of(what, index))
        kept = greater_equal(self._noise[what][index] + share, 1.0)
        result: Tensor = value / share * cast(kept, value.dtype)
        return result

    def _seed_of(self, what: str, index: int) -> int | None:
        """Return a seed that differs from place to place, made of the wrapper's."""
        if self._seed is None:
            return None
        text = f"{self._seed} {what} {index}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") & 0x7FFFFFFF


def _checked_share(what: str, share: Any) -> Any:
    """Return a share as a number, or as a tensor where it is not known."""
    tensor = convert_to_tensor(share)
    known = static_value(tensor)
    if known is None:
        return tensor
    if not 0 <= known <= 1:
        raise ValueError(f"{what}_keep_prob must be in [0, 1], not {known}")
    return float(known)


def _all_but_memory(part: Any) -> Any:
    if isinstance(part, LSTMStateTuple):
        return LSTMStateTuple(c=False, h=True)
    return not isinstance(part, TensorArray)


def _marks(visitor: Callable[[Any], Any], part: Any) -> list[bool]:
    """Return for each leaf of a state whether it is dropped."""
    answer = visitor(part)
    if nest.is_nested(answer):
        nest.check_same(answer, part)
        return [bool(a) for a in nest.flatten(answer)]
    if not answer or not nest.is_nested(part):
        return [bool(answer)] * len(nest.flatten(part))
    inside = part.values() if isinstance(part, dict) else part
    return [mark for sub in map(partial(_marks, visitor), inside) for mark in sub]
