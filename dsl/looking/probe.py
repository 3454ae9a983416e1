"""A trained network, asked about single examples: all its values, and gradients by the example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tensorgraph as tf
from dsl.network import Net
from dsl.summary import summarize
from dsl.training.adversarial import examples_placeholder
from dsl.training.errors import RunError
from dsl.training.preprocessing_nodes import as_the_network_takes
from dsl.training.trainer import Trainer

Array = np.ndarray[Any, Any]

_MOST_AT_ONCE = 256
_MEMORY = 1 << 28
"""So many bytes the results of all layers may take, for the examples that are computed at once."""


class Probe:
    """A trained network, applied to examples as they come from the data.

    Preprocessing is part of the graph here, so that gradients are those by the pixels.

    Parameters
    ----------
    trainer : Trainer
        The network with its weights and its preprocessing.
    example_shape : tuple of int
        The shape of one example of the data.
    class_names : sequence of str
        The classes; empty where numbers are predicted.

    Attributes
    ----------
    net : Net
        The network.
    names : tuple of str
        What can be explained: the classes, or else the numbers of the results.
    examples : Tensor of shape (batch, ...)
        The examples, to be fed.
    classes : Tensor of shape (batch,)
        The number of a class for each, to be fed.
    values : mapping of str to Tensor
        Every layer's result by the layer's name.
    output, logits : Tensor of shape (batch, results)
        The results, and the same before softmax or sigmoid.
    score : Tensor of shape (batch,)
        What speaks for the class: its logit; one that grows makes it likelier.
    gradient : Tensor of the shape of `examples`
        How the score grows with each value of the example.
    batch : int
        How many examples are computed at once.

    Raises
    ------
    RunError
        If the network takes token ids, or gives no row of numbers.
    """

    def __init__(
        self, trainer: Trainer, example_shape: tuple[int, ...], class_names: Sequence[str]
    ) -> None:
        self.net: Net = trainer.net
        self.trainer = trainer
        self.batch = _batch_of(self.net)
        self._gradients: dict[tf.Tensor, tf.Tensor] = {}
        shape = self.net.output_shape
        if shape is None or len(shape) != 1 or shape[0] is None:
            raise RunError(
                f"{self.net.name} gives no row of numbers, so that there is no class to explain"
            )
        self._width = shape[0]
        self.names = _names(self._width, class_names)
        model = trainer.model
        with model.graph.as_default(), tf.name_scope("looking"):
            self.examples = examples_placeholder(model, example_shape)
            self.classes = tf.placeholder(tf.int64, [None], name="classes")
            taken = as_the_network_takes(model, trainer.preprocessing, self.examples)
            forward = model.apply(taken)
            self.values = {layer.name: forward.values[layer.name] for layer in self.net.layers}
            self.output = forward.output
            self.logits = tf.reshape(forward.logits, [-1, self._width])
            self.score = self._score_of(self.logits)
            self.gradient = self.gradient_by(self.examples)

    def _score_of(self, logits: tf.Tensor) -> tf.Tensor:
        if self._width > 1:
            chosen = tf.one_hot(self.classes, self._width, dtype=logits.dtype)
            return tf.reduce_sum(logits * chosen, axis=-1)
        single = tf.reshape(logits, [-1])
        # A single result speaks for the second of two classes, and against the first.
        return single * tf.cast(2 * self.classes - 1, logits.dtype) if self.tells_two else single

    @property
    def gives_shares(self) -> bool:
        """Whether the results are probabilities."""
        return self.net[self.net.outputs[0]].activation.name in {"softmax", "sigmoid"}

    @property
    def tells_two(self) -> bool:
        """Whether a single result tells two classes apart."""
        return self._width == 1 and len(self.names) == 2

    def influence(self, layer: str, place: tuple[int, ...], channel: int | None) -> tf.Tensor:
        """Return the gradient of a value of a layer by each example.

        Parameters
        ----------
        layer : str
            The layer's name.
        place : tuple of int
            The place in it.
        channel : int or None
            The channel; None for the sum of all.
        """
        with self.trainer.model.graph.as_default():
            values = self.values[layer][(slice(None), *place)]
            value = tf.reduce_sum(values if channel is None else values[:, channel])
            gradient: tf.Tensor | None = tf.gradients(value, [self.examples])[0]
        if gradient is None:
            raise RunError(f"{layer} does not depend on the image")
        return gradient

    def gradient_by(self, x: tf.Tensor) -> tf.Tensor:
        """Return the gradient of each example's score by some tensor.

        Raises
        ------
        RunError
            If the score does not depend on it.
        """
        if x not in self._gradients:
            with self.trainer.model.graph.as_default():
                (gradient,) = tf.gradients(self.score, [x])
            if gradient is None:
                raise RunError(f"the result of {self.net.name} does not depend on {x.op.name}")
            self._gradients[x] = gradient
        return self._gradients[x]

    def run(self, fetch: tf.Tensor, x: Array, classes: int | Array = 0) -> Array:
        """Return a value for each of some examples.

        Parameters
        ----------
        fetch : Tensor
            A tensor with a row an example.
        x : array of shape (examples, ...)
            The examples.
        classes : int or array of int, default 0
            The class that the score is of, for all or for each.
        """
        chosen = np.broadcast_to(np.asarray(classes, np.int64), len(x))
        session, size = self.trainer.session, self.batch
        parts = [
            session.run(
                fetch,
                {
                    self.examples: np.asarray(x[i : i + size], np.float32),
                    self.classes: chosen[i : i + size],
                },
            )
            for i in range(0, len(x), size)
        ]
        return np.concatenate(parts)

    def layer_values(self, layers: Sequence[str], x: Array) -> list[Array]:
        """Return what some layers make of an example.

        Parameters
        ----------
        layers : sequence of str
            Their names.
        x : array
            One example.
        """
        feed = {self.examples: np.asarray(x[np.newaxis], np.float32)}
        rows = self.trainer.session.run([self.values[name] for name in layers], feed)
        return [row[0] for row in rows]

    def outcomes(self, x: Array) -> Array:
        """Return what the network says of each name, of shape ``(examples, names)``.

        Of classes these are probabilities, where the network ends in softmax or sigmoid.
        """
        rows = self.run(self.output, x)
        return np.concatenate([1 - rows, rows], axis=1) if self.tells_two else rows

    def number_of(self, name: str) -> int:
        """Return the number of a class.

        Raises
        ------
        RunError
            If there is no such class.
        """
        if name not in self.names:
            raise RunError(
                f"{self.net.name} knows no class {name!r}: expected {_listed(self.names)}"
            )
        return self.names.index(name)


def _batch_of(net: Net) -> int:
    """Return how many examples fit into memory; one where that is not known."""
    one = summarize(net).activation_bytes or _MEMORY
    return max(1, min(_MOST_AT_ONCE, _MEMORY // one))


def _names(width: int, class_names: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each result; those beyond the classes of the data have numbers."""
    known = list(class_names)
    if width == 1 and len(known) == 2:
        return tuple(known)
    return tuple([*known, *map(str, range(len(known), width))][:width])


def _listed(names: Sequence[str]) -> str:
    shown = names if len(names) <= 20 else (*names[:19], "…")
    return ", ".join(shown)
