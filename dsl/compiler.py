"""Checked network → graph of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

import tensorgraph as tf
from dsl.diagnostics import Diagnostic, NetError, Span
from dsl.layers.definition import Weight
from dsl.losses import LOSSES
from dsl.network import Net, NetInput, NetLayer
from tensorgraph.base.shapes import num_elements


@dataclass(frozen=True)
class Forward:
    """A network applied to one tensor.

    Attributes
    ----------
    values : mapping of str to Tensor
        Every layer's result by the layer's name.
    outputs : tuple of Tensor
        The network's results.
    logits : Tensor
        The first result before the activation of its layer; losses that contain this activation
        start from here.
    updates : tuple of Operation
        What a training step has to run too, such as the moving averages of ``batchnorm``.
    """

    values: Mapping[str, tf.Tensor]
    outputs: tuple[tf.Tensor, ...]
    logits: tf.Tensor
    updates: tuple[tf.Operation, ...] = ()

    @property
    def output(self) -> tf.Tensor:
        """The first result: what is predicted."""
        return self.outputs[0]


class Model:
    """A network in a graph: its variables exist once, and it can be applied many times.

    `compile_net` makes it.

    Parameters
    ----------
    net : Net
        The checked network.
    graph : Graph
        The graph that the variables are in.
    inputs : mapping of str to Tensor
        A placeholder for a batch of examples, for each input.
    variables : mapping of str to Variable
        The variables by name, ``conv/kernel``.

    Attributes
    ----------
    net, graph, inputs, variables
        As given.
    """

    def __init__(
        self,
        net: Net,
        graph: tf.Graph,
        inputs: Mapping[str, tf.Tensor],
        variables: Mapping[str, tf.Variable],
    ) -> None:
        self.net = net
        self.graph = graph
        self.inputs = inputs
        self.variables = variables

    @property
    def input(self) -> tf.Tensor:
        """The placeholder of the first input."""
        return self.inputs[self.net.inputs[0].name]

    def apply(
        self, x: tf.Tensor | Mapping[str, tf.Tensor] | None = None, training: bool = False
    ) -> Forward:
        """Apply the network to a batch.

        Parameters
        ----------
        x : Tensor or mapping of str to Tensor, optional
            The batch of the first input, or those of all inputs by name; by default the
            placeholders `inputs`.
        training : bool, default False
            Whether layers such as dropout behave as in training.

        Returns
        -------
        Forward
            The results.
        """
        given = {} if x is None else x if isinstance(x, Mapping) else {self.net.inputs[0].name: x}
        values: dict[str, tf.Tensor] = {**self.inputs, **given}
        before = dict(values)
        updated = len(self.graph.get_collection(tf.GraphKeys.UPDATE_OPS))
        for layer in self.net.layers:
            with self.graph.source(layer.span.location), self.graph.name_scope(_scope(layer)):
                built = layer.layer.build(
                    layer.use,
                    [values[name] for name in layer.inputs],
                    self._weights_of(layer),
                    training and not layer.frozen,
                )
                before[layer.name] = built
                values[layer.name] = layer.activation(built)
        outputs = tuple(values[name] for name in self.net.outputs)
        updates = self.graph.get_collection(tf.GraphKeys.UPDATE_OPS)[updated:]
        return Forward(values, outputs, before[self.net.outputs[0]], tuple(updates))

    def _weights_of(self, layer: NetLayer) -> dict[str, tf.Variable]:
        return {w.name: self.variables[f"{layer.name}/{w.name}"] for w in layer.weights}


def compile_net(net: Net, seed: int | None = None, dtype: tf.DType = tf.float32) -> Model:
    """Create a network's inputs and variables in the default graph.

    Parameters
    ----------
    net : Net
        From `check`.
    seed : int, optional
        What the initial values are drawn from; by default the file's ``seed``. A variable's
        initial value depends on this number and the variable's name only.
    dtype : DType, default float32
        The type of the inputs and the variables; token ids are int32.

    Returns
    -------
    Model
        The network, ready to be applied.

    Raises
    ------
    NetError
        If a shape that the variables depend on is not known: the file gives no ``input``, and
        the data's shape was not passed to `check`.
    """
    _require_shapes(net)
    graph = tf.get_default_graph()
    seed = net.train.seed if seed is None else seed
    inputs = {given.name: _placeholder(given, dtype) for given in net.inputs}
    variables = {}
    for layer in net.layers:
        with graph.source(layer.span.location), graph.name_scope(_scope(layer)):
            for weight in layer.weights:
                name = f"{layer.name}/{weight.name}"
                variables[name] = _variable(weight, crc32(f"{seed}/{name}".encode()), dtype)
    return Model(net, graph, inputs, variables)


def build_loss(
    model: Model, forward: Forward, labels: tf.Tensor, loss: str | None = None
) -> tf.Tensor:
    """Return the mean loss of a batch.

    Parameters
    ----------
    model : Model
        The network.
    forward : Forward
        The network applied to the batch.
    labels : Tensor
        What the results should be: numbers of classes (an integer type, one number an example),
        or the values themselves (a floating type, shaped as the result).
    loss : str, optional
        The loss's word, taken with its default options; by default the file's loss.

    Returns
    -------
    Tensor
        A scalar.
    """
    settings = model.net.train
    chosen = LOSSES[loss or settings.loss]
    options = chosen.signature.defaults() if loss else settings.loss_options
    values = forward.output if chosen.activation is None else forward.logits
    with model.graph.name_scope("loss"):
        if labels.dtype.is_integer and chosen.compute_from_classes is not None:
            return tf.reduce_mean(chosen.compute_from_classes(labels, values, **options))
        # Each example is one row, also where the result is an image.
        size = num_elements(model.net.output_shape)
        assert size is not None
        rows = tf.reshape(values, [-1, size])
        targets = target_rows(labels, size, rows.dtype)
        return tf.reduce_mean(chosen.compute(targets, rows, **options))


def target_rows(labels: tf.Tensor, size: int, dtype: tf.DType) -> tf.Tensor:
    """Return labels as rows of numbers; a class becomes a row of zeros with a single one."""
    if labels.dtype.is_integer and size > 1:
        numbers = tf.reshape(tf.cast(labels, tf.int64), [-1, 1])
        return tf.cast(tf.equal(numbers, tf.constant([list(range(size))], tf.int64)), dtype)
    return tf.reshape(tf.cast(labels, dtype), [-1, size])


def _placeholder(given: NetInput, dtype: tf.DType) -> tf.Tensor:
    """Return the placeholder of an input."""
    assert given.shape is not None
    kind = dtype if given.vocabulary is None else tf.int32
    return tf.placeholder(kind, [None, *given.shape], name=given.name)


def _scope(layer: NetLayer) -> str:
    """Return the name scope of a layer; the slash goes back to it when it is applied again."""
    return f"{layer.name.lstrip('_') or 'layer'}/"


def _variable(weight: Weight, seed: int, dtype: tf.DType) -> tf.Variable:
    def start() -> tf.Tensor:
        drawn = weight.initializer.draw(weight.shape, weight.fans, seed & 0x7FFFFFFF)
        return drawn if drawn.dtype == dtype else tf.cast(drawn, dtype)

    return tf.Variable(start, name=weight.name, trainable=weight.trainable)


def _require_shapes(net: Net) -> None:
    """Raise an error where sizes are missing that the variables depend on."""
    whole = Span(net.source, 0, 0)
    if any(given.shape is None for given in net.inputs):
        raise NetError(
            [
                Diagnostic(
                    "TG205",
                    "the shape of the input is not known",
                    whole,
                    "expected `input SHAPE`, or data whose shape is known",
                )
            ]
        )
    for layer in net.layers:
        if not layer.is_known:
            raise NetError(
                [
                    Diagnostic(
                        "TG205",
                        f"the shape of this `{layer.kind}` is not known",
                        layer.span,
                        "it depends on the number of classes, which only the data gives",
                    )
                ]
            )
