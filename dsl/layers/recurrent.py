"""``rnn``, ``lstm``, ``gru``: recurrent layers, which walk along a sequence.

The cells are those of TensorFlow 1: one bias a gate, and the same order of gates. What the inputs
add to the gates does not depend on the state, so it is computed for all steps at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import tensorgraph as tf
from dsl.layers.activations import ACTIVATIONS, LINEAR, ActivationUse
from dsl.layers.arguments import OneOf, Real, Whole
from dsl.layers.definition import Complaint, Flag, Layer, Parameter, Use, Weight, register
from dsl.layers.initializers import INITIALIZERS, Fans
from dsl.layers.spatial import require_axes, require_channels
from dsl.layers.weighted import FROZEN, INIT_OPTION, PENALTY_OPTIONS, kernel_weight
from tensorgraph.base.shapes import Shape
from tensorgraph.ops.gru import gru_sequence
from tensorgraph.ops.lstm import lstm_sequence

_FORGET_BIAS = 1.0  # is added to the forget gate, so that a cell remembers at first
_TANH = ActivationUse(ACTIVATIONS["tanh"])

_Weights = Mapping[str, tf.Tensor]


class _Recurrent(Layer):
    """A layer that walks along time x features with a state.

    Attributes
    ----------
    parts : tuple of (str, int, float)
        The matrices of the cell: what each is called, how many gates it makes, and what their
        biases start from.
    states : int
        How many vectors the state holds; the first one is the output.
    """

    example_input = "20x8"
    positional = (Parameter("units", Whole(1), "the size of the state, and of the output"),)
    options = (
        Parameter(
            "return",
            OneOf("`last` or `all`", frozenset({"last", "all"})),
            "the output of the last step, or those of all",
            "last",
        ),
        Parameter(
            "dropout",
            Real(0.0, 1.0, below=True),
            "the share of the inputs dropped in training, the same at each step",
            0.0,
        ),
        INIT_OPTION,
        *PENALTY_OPTIONS,
    )
    flags = (
        Flag(
            "bidirectional",
            "bidirectional",
            True,
            "a second cell walks back; both are joined",
            before="dropout",
        ),
        FROZEN,
    )
    takes_activation = True
    sees_everything = True
    parts: ClassVar[tuple[tuple[str, int, float], ...]]
    states: ClassVar[int] = 1

    @abstractmethod
    def step(
        self, given: Sequence[tf.Tensor], state: Sequence[tf.Tensor], cell: _Cell
    ) -> list[tf.Tensor]:
        """Return the next state.

        Parameters
        ----------
        given : sequence of Tensor
            For each of the `parts`, what the input of this step adds to its gates.
        state : sequence of Tensor
            The state before it.
        cell : _Cell
            The cell, with its weights.
        """

    def along(self, use: Use, x: tf.Tensor, weights: _Weights, every: bool) -> tf.Tensor | None:
        """Return what a cell gives along a sequence by one operation; None where it takes steps.

        Parameters
        ----------
        use, x, weights
            As of `build`; the weights are those of one direction.
        every : bool
            Return the outputs of all steps, not the last.
        """
        del use, x, weights, every
        return None

    def output_shape(self, use: Use) -> Shape:
        """Return the units, with the time in front where all outputs are returned."""
        if not require_axes(use, self.name, (1,)) or not require_channels(use, self.name):
            return None
        assert use.input is not None
        if use["activation"] is not None and use["activation"].name == "softmax":
            use.complain(_softmax_inside(self.name))
            return None
        units = use["units"] * (2 if use["bidirectional"] else 1)
        return (use.input[0], units) if use["return"] == "all" else (units,)

    def activation(self, use: Use) -> ActivationUse:
        """Return none: a given activation stands inside of the cell."""
        return LINEAR

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return kernel (features + units, gates) and bias of each part, for each direction."""
        assert use.input is not None
        rows, units = (use.input[-1] or 0) + use["units"], use["units"]
        found = []
        for direction in _directions(use):
            for part, gates, bias in self.parts:
                shape = (rows, gates * units)
                start = INITIALIZERS["ones" if bias else "zeros"]
                found.append(kernel_weight(use, shape, f"{direction}{part}kernel"))
                found.append(Weight(f"{direction}{part}bias", shape[1:], start, Fans.of(shape)))
        return tuple(found)

    def multiply_adds(self, use: Use, output: tuple[int, ...]) -> int:
        """Return one per element of the kernels, at each step."""
        assert use.input is not None
        kernels = (weight for weight in self.weights(use) if len(weight.shape) == 2)
        return (use.input[0] or 0) * sum(kernel.size for kernel in kernels)

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the last output, or all, of one or two walks along the sequence."""
        assert use.input is not None
        x = inputs[0]
        if training and use["dropout"]:
            one_mask = tf.stack([tf.shape(x)[0], 1, use.input[-1]])
            x = tf.nn.dropout(x, noise_shape=one_mask, rate=use["dropout"])
        every = use["return"] == "all"
        results = []
        for direction in _directions(use):
            back = direction == "backward_"
            own = {
                name.removeprefix(direction): variable.value()
                for name, variable in weights.items()
                if name.startswith(direction)
            }
            result = _walk(self, use, tf.reverse(x, [1]) if back else x, own, every)
            results.append(tf.reverse(result, [1]) if back and every else result)
        return results[0] if len(results) == 1 else tf.concat(results, -1)


class _Cell(tf.nn.rnn_cell.RNNCell):
    """A cell whose inputs are what they add to the gates."""

    def __init__(self, layer: _Recurrent, use: Use, kernels: Mapping[str, tf.Tensor]) -> None:
        super().__init__(name=layer.name)
        self._layer = layer
        self.units: int = use["units"]
        self.activation: ActivationUse = use["activation"] or _TANH
        self.kernels = kernels

    @property
    def state_size(self) -> Any:
        """The sizes of the state's vectors."""
        return (self.units,) * self._layer.states

    @property
    def output_size(self) -> int:
        """The size of the output."""
        return self.units

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """Return output and next state."""
        sizes = [gates * self.units for _, gates, _ in self._layer.parts]
        after = self._layer.step(tf.split(inputs, sizes, 1), state, self)
        return after[0], tuple(after)


class SimpleRecurrent(_Recurrent):
    """The simplest recurrent layer: the state is tanh(W [input, state] + b)."""

    name = "rnn"
    example = "rnn 16"
    parts = (("", 1, 0.0),)

    def step(
        self, given: Sequence[tf.Tensor], state: Sequence[tf.Tensor], cell: _Cell
    ) -> list[tf.Tensor]:
        """Return the next state."""
        return [cell.activation(given[0] + tf.matmul(state[0], cell.kernels[""]))]


class LongShortTerm(_Recurrent):
    """Long short-term memory: a state that gates keep, forget and show."""

    name = "lstm"
    example = "lstm 16 return=all"
    parts = (("", 4, 0.0),)
    states = 2

    def along(self, use: Use, x: tf.Tensor, weights: _Weights, every: bool) -> tf.Tensor | None:
        """Return what a cell gives along a sequence by one operation."""
        if use["activation"] not in (None, _TANH):
            return None
        start = tf.zeros([tf.shape(x)[0], use["units"]], x.dtype)
        outputs, _, last, _ = lstm_sequence(
            tf.transpose(x, [1, 0, 2]),
            start,
            start,
            weights["kernel"],
            weights["bias"],
            _FORGET_BIAS,
        )
        return tf.transpose(outputs, [1, 0, 2]) if every else last

    def step(
        self, given: Sequence[tf.Tensor], state: Sequence[tf.Tensor], cell: _Cell
    ) -> list[tf.Tensor]:
        """Return the output and the memory."""
        output, memory = state
        gates = given[0] + tf.matmul(output, cell.kernels[""])
        i, j, f, o = tf.split(gates, 4, 1)
        kept = tf.sigmoid(f + _FORGET_BIAS) * memory
        memory = kept + tf.sigmoid(i) * cell.activation(j)
        return [tf.sigmoid(o) * cell.activation(memory), memory]


class GatedRecurrent(_Recurrent):
    """The gated recurrent unit: two gates mix the state with a candidate for the next one."""

    name = "gru"
    example = "gru 16 bidirectional"
    parts = (("gates_", 2, 1.0), ("candidate_", 1, 0.0))

    def along(self, use: Use, x: tf.Tensor, weights: _Weights, every: bool) -> tf.Tensor | None:
        """Return what a cell gives along a sequence by one operation."""
        if use["activation"] not in (None, _TANH):
            return None
        names = ("gates_kernel", "gates_bias", "candidate_kernel", "candidate_bias")
        start = tf.zeros([tf.shape(x)[0], use["units"]], x.dtype)
        outputs, last = gru_sequence(
            tf.transpose(x, [1, 0, 2]), start, *(weights[name] for name in names)
        )
        return tf.transpose(outputs, [1, 0, 2]) if every else last

    def step(
        self, given: Sequence[tf.Tensor], state: Sequence[tf.Tensor], cell: _Cell
    ) -> list[tf.Tensor]:
        """Return the next state."""
        (before,) = state
        gates = tf.sigmoid(given[0] + tf.matmul(before, cell.kernels["gates_"]))
        r, u = tf.split(gates, 2, 1)
        candidate = cell.activation(given[1] + tf.matmul(r * before, cell.kernels["candidate_"]))
        return [u * before + (1.0 - u) * candidate]


def _directions(use: Use) -> tuple[str, ...]:
    """Return what the names of the weights of each walk begin with."""
    return ("forward_", "backward_") if use["bidirectional"] else ("",)


def _walk(layer: _Recurrent, use: Use, x: tf.Tensor, weights: _Weights, every: bool) -> tf.Tensor:
    """Return the outputs of one cell along a sequence, or the last one."""
    assert use.input is not None
    features = use.input[-1]
    assert features is not None
    at_once = layer.along(use, x, weights, every)
    if at_once is not None:
        return at_once
    given, kernels = [], {}
    for part, _, _ in layer.parts:
        kernel = weights[f"{part}kernel"]
        given.append(tf.tensordot(x, kernel[:features], 1) + weights[f"{part}bias"])
        kernels[part] = kernel[features:]
    steps = given[0] if len(given) == 1 else tf.concat(given, -1)
    outputs, state = tf.nn.dynamic_rnn(_Cell(layer, use, kernels), steps, dtype=x.dtype)
    result: tf.Tensor = outputs if every else state[0]
    result.set_shape((None, use.input[0], use["units"]) if every else (None, use["units"]))
    return result


def _softmax_inside(name: str) -> Complaint:
    return Complaint(
        "TG420",
        f"the activation of `{name}` works inside of its cell, where `softmax` has no sense",
        "expected an activation such as `tanh` or `relu`",
        at=("activation",),
        notes=("for classes, a `dense … softmax` stands behind it",),
    )


for _layer in (SimpleRecurrent(), LongShortTerm(), GatedRecurrent()):
    register(_layer)
