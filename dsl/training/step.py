"""The training step of a network, as nodes of its graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorgraph as tf
from dsl.compiler import Model, build_loss
from dsl.layers.definition import Weight
from dsl.training.adversarial import examples_placeholder, step_up
from dsl.training.errors import RunError
from dsl.training.measures import Measures
from dsl.training.preprocessing_nodes import as_the_network_takes
from tensorgraph.base.shapes import FullShape
from tensorgraph.data import Preprocessing


class TrainingStep:
    """What one step computes and changes.

    In this order: the results with dropout and the like, the loss and the penalties, their
    gradients, which are clipped; the updates of moving statistics; the optimizer's update; the
    constraints.

    Parameters
    ----------
    model : Model
        The network; its graph is the default one.
    labels : Tensor
        Numbers of classes (an integer type), or values.
    of_classes : bool
        Whether the labels are classes, or shares of them.
    preprocessing : Preprocessing, optional
        Where examples are attacked: what is done to them, attacked or not.
    example_shape : tuple of int, optional
        The shape of an example before that; by default it is as the network takes it.

    Attributes
    ----------
    input : Tensor
        What is fed with the batch: the network's input, or a placeholder for examples as they come
        from the data.
    attacks : bool
        Whether examples are attacked, so that it is the latter.
    measures : Measures
        What is reported of the batch.
    rate : Tensor
        The learning rate, to be fed.
    op : Operation
        Makes the step.
    gradients : dict of str to Tensor
        The gradient of each trained variable by its name, before it is clipped.

    Raises
    ------
    RunError
        If every layer is frozen.
    """

    def __init__(
        self,
        model: Model,
        labels: tf.Tensor,
        of_classes: bool,
        preprocessing: Preprocessing | None = None,
        example_shape: FullShape | None = None,
    ) -> None:
        settings = model.net.train
        self._model = model
        self._preprocessing = preprocessing or Preprocessing()
        self.input, self.attacks = model.input, settings.adversarial is not None
        with tf.name_scope("training"):
            if self.attacks:
                shape = example_shape or model.input.shape.as_list()[1:]
                self.input = examples_placeholder(model, shape)
            forward = model.apply(self._taken(self.input), training=True)
            self.measures = Measures(model, forward, labels, of_classes, whole=False)
            penalties = self._penalties()
            loss = self._with_attacked(self.measures.means["loss"], labels)
            total = tf.add_n([loss, *penalties]) if penalties else loss
        variables = tf.trainable_variables()
        if not variables:
            raise RunError("there is nothing to train: every layer with weights is frozen")
        self.rate = tf.placeholder_with_default(
            settings.optimizer.options["lr"], [], name="learning_rate"
        )
        optimizer = settings.optimizer.build(self.rate)
        decays = isinstance(optimizer, tf.train.AdamWOptimizer)
        if settings.precision == "mixed":
            optimizer = tf.train.experimental.enable_mixed_precision_graph_rewrite(optimizer)
        computed = optimizer.compute_gradients(total, variables)
        names = {variable: name for name, variable in model.variables.items()}
        self.gradients = {
            names[v]: tf.convert_to_tensor(g) for g, v in computed if g is not None and v in names
        }
        pairs = self._clipped(self._decayed(computed))
        if all(gradient is None for gradient, _ in pairs):
            raise RunError("there is nothing to train: the loss depends on no weight")
        kernels = [variable for _, variable in self._kernels()]
        with tf.control_dependencies(forward.updates):
            # Only this optimizer decays by itself, and is told what.
            decayed: dict[str, Any] = {"decay_var_list": kernels} if decays else {}
            update = optimizer.apply_gradients(pairs, name="update", **decayed)
        self.op = self._constrained(update)

    def _taken(self, examples: tf.Tensor) -> tf.Tensor:
        """Return what was fed as the network takes it."""
        if not self.attacks:
            return examples
        return as_the_network_takes(self._model, self._preprocessing, examples)

    def _with_attacked(self, loss: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Return the loss, a share of it that of the examples as they make the network err."""
        attack = self._model.net.train.adversarial
        if attack is None:
            return loss
        epsilon, share = attack.options["epsilon"], attack.options["share"]
        with tf.name_scope("adversarial"):
            attacked = step_up(self.input, self.input, loss, epsilon, epsilon)
            # The attack is given: its own dependence on the weights is not trained.
            forward = self._model.apply(self._taken(tf.stop_gradient(attacked)), training=True)
            mixed: tf.Tensor = (1.0 - share) * loss + share * build_loss(
                self._model, forward, labels
            )
        return mixed

    def _kernels(self) -> list[tuple[Weight, tf.Variable]]:
        """Return the trained weights of two axes and more: not biases, scales and shifts."""
        found = []
        for layer in self._model.net.layers:
            for weight in layer.weights:
                variable = self._model.variables[f"{layer.name}/{weight.name}"]
                if len(weight.shape) >= 2 and variable.trainable:
                    found.append((weight, variable))
        return found

    def _penalties(self) -> list[tf.Tensor]:
        """Return l1·Σ|w| and l2/2·Σw² of each kernel, the file's rates and the layer's added."""
        rates = self._model.net.train.regularize
        found = []
        with tf.name_scope("penalties"):
            for weight, variable in self._kernels():
                l1, l2 = rates.l1 + weight.l1, rates.l2 + weight.l2
                if l1:
                    found.append(l1 * tf.reduce_sum(tf.abs(variable)))
                if l2:
                    found.append(l2 * tf.nn.l2_loss(variable))
        return found

    def _decayed(self, pairs: list[_Pair]) -> list[_Pair]:
        """Return gradients with the optimizer's share of each kernel added."""
        decay = self._model.net.train.optimizer.weight_decay
        if not decay:
            return pairs
        kernels = {variable for _, variable in self._kernels()}
        return [
            (tf.add(g, decay * v) if g is not None and v in kernels else g, v) for g, v in pairs
        ]

    def _clipped(self, pairs: list[_Pair]) -> Sequence[_Pair]:
        clip = self._model.net.train.clip
        given = [(g, v) for g, v in pairs if g is not None]
        if clip.norm is not None:
            clipped, _ = tf.clip_by_global_norm([g for g, _ in given], clip.norm)
            return [(g, v) for g, (_, v) in zip(clipped, given, strict=True)]
        if clip.value is not None:
            return [(tf.clip_by_value(g, -clip.value, clip.value), v) for g, v in given]
        return given

    def _constrained(self, update: tf.Operation) -> tf.Operation:
        """Return the update, followed by what keeps the norms of weights in their limits."""
        with tf.control_dependencies([update]):
            limits = [
                variable.assign(_limited(variable.read_value(), weight.norm_axes, weight.max_norm))
                for weight, variable in self._kernels()
                if weight.max_norm is not None
            ]
        return tf.group(update, *limits, name="step") if limits else update


_Pair = tuple[tf.Tensor | tf.IndexedSlices | None, tf.Variable]


def _limited(kernel: tf.Tensor, axes: Sequence[int], limit: float) -> tf.Tensor:
    """Return a kernel in which the weights of no output have a norm above a limit."""
    norms = tf.sqrt(tf.reduce_sum(tf.square(kernel), axis=list(axes), keepdims=True))
    return kernel * tf.div_no_nan(tf.minimum(norms, limit), norms)
