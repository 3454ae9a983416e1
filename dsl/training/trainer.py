"""The training loop: a network, its data, and what happens in each epoch.

`Trainer` holds the graphs and the session; `Trainer.fit` is a generator that yields what happens,
so that whoever runs it decides what to show, and may stop it after any step.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import tensorgraph as tf
from dsl.compiler import build_loss, compile_net
from dsl.network import Net
from tensorgraph import data
from tensorgraph.data.examples import Inputs, Labels
from tensorgraph.runtime.plan import Plan

# Evaluation has no gradients to keep, so its batches may be larger than those of training.
EVALUATION_BATCH = 512


@dataclass(frozen=True)
class Score:
    """The mean loss and the share of right answers over some examples; None without examples.

    `accuracy` is None too where the network does not tell classes apart.
    """

    loss: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True)
class StepDone:
    """A step was made.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    step, steps : int
        The step inside the epoch, counted from 1, and how many it has.
    score : Score
        The running means of the epoch so far.
    examples_per_second : float
        The speed of the epoch so far.
    """

    epoch: int
    step: int
    steps: int
    score: Score
    examples_per_second: float


@dataclass(frozen=True)
class EpochDone:
    """An epoch was completed, or broken off.

    Attributes
    ----------
    epoch, steps : int
        Which, counted from 1, and how many steps were made in all epochs so far.
    train, validation : Score
        The running means of the training steps, and the score on the validation part.
    seconds, examples_per_second : float
        The time that the training steps took, and their speed.
    """

    epoch: int
    steps: int
    train: Score
    validation: Score
    seconds: float
    examples_per_second: float

    def to_json(self) -> dict[str, Any]:
        """Return the line of ``metrics.jsonl``."""
        return {
            "epoch": self.epoch,
            "steps": self.steps,
            "train_loss": self.train.loss,
            "train_accuracy": self.train.accuracy,
            "val_loss": self.validation.loss,
            "val_accuracy": self.validation.accuracy,
            "seconds": self.seconds,
            "examples_per_second": self.examples_per_second,
        }


Event = StepDone | EpochDone


class Trainer:
    """A network with the graphs that train, evaluate and predict.

    Parameters
    ----------
    net : Net
        The checked network; its ``train`` settings are used.

    Attributes
    ----------
    net : Net
        The parameter.
    model : Model
        Its variables.
    output : Tensor
        What it predicts, outside of training.
    """

    def __init__(self, net: Net) -> None:
        self.net = net
        self._graph = tf.Graph()
        settings = net.train
        with self._graph.as_default():
            tf.set_random_seed(settings.seed)
            self.model = compile_net(net)
            self._labels = tf.placeholder(tf.int64, [None], name="labels")
            evaluated = self.model.apply()
            self.output = evaluated.output
            self._evaluation = self._score(evaluated)
            with tf.name_scope("training"):
                trained = self.model.apply(training=True)
                loss, accuracy = self._score(trained)
            self._training = (loss, accuracy)
            rate = settings.optimizer.options["lr"]
            self._rate = tf.placeholder_with_default(rate, [], name="learning_rate")
            optimizer = settings.optimizer.build(self._rate)
            self._train_op = optimizer.minimize(loss, name="update")
            initializer = tf.global_variables_initializer()
        self._session = tf.Session(graph=self._graph)
        self._session.run(initializer)

    def _score(self, forward: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Return loss and accuracy of a batch."""
        loss = build_loss(self.model, forward, self._labels)
        with tf.name_scope("accuracy"):
            right = tf.equal(_answer(forward.output), self._labels)
            return loss, tf.reduce_mean(tf.cast(right, tf.float32))

    def fit(self, examples: data.ExampleSet) -> Iterator[Event]:
        """Train, and yield an event after each step and each epoch.

        The order of the examples depends on seed and epoch alone. Closing the generator after a
        step leaves the network as that step left it.

        Parameters
        ----------
        examples : ExampleSet
            The data, with a validation part or without.

        Yields
        ------
        StepDone, EpochDone
            What happened.
        """
        settings = self.net.train
        steps = 0
        per_epoch = -(-len(examples.x_train) // settings.batch)
        total = min(per_epoch * settings.epochs, settings.steps or sys.maxsize)
        rate = settings.optimizer.options["lr"]
        for epoch in range(1, settings.epochs + 1):
            if settings.steps is not None and steps >= settings.steps:
                return
            mean, seen, start = np.zeros(2), 0, time.perf_counter()
            cut = data.batches(
                examples.x_train,
                examples.y_train,
                settings.batch,
                seed=settings.seed,
                epoch=epoch,
            )
            for step, (x, y) in enumerate(cut, 1):
                feed = self._feed(x, y)
                feed[self._rate] = rate * settings.schedule.factor(steps, total)
                values = self._session.run([*self._training, self._train_op], feed)
                steps += 1
                seen += len(x)
                mean += (np.array(values[:2], np.float64) - mean) * len(x) / seen
                seconds = time.perf_counter() - start
                score = Score(float(mean[0]), float(mean[1]))
                yield StepDone(epoch, step, per_epoch, score, seen / seconds)
                if settings.steps is not None and steps >= settings.steps:
                    break
            validation = self.evaluate(examples.x_val, examples.y_val)
            yield EpochDone(epoch, steps, score, validation, seconds, seen / seconds)

    def evaluate(self, x: Inputs, y: Labels) -> Score:
        """Return the score on labelled examples.

        Parameters
        ----------
        x : array of shape (examples, ...)
            The inputs.
        y : array of shape (examples,)
            The classes.
        """
        if not len(x):
            return Score()
        total = np.zeros(2)
        cut = data.batches(x, y, EVALUATION_BATCH, seed=0, epoch=0, shuffle=False)
        for inputs, labels in cut:
            values = self._session.run(list(self._evaluation), self._feed(inputs, labels))
            total += np.array(values, np.float64) * len(inputs)
        loss, accuracy = total / len(x)
        return Score(float(loss), float(accuracy))

    def predict(self, x: Inputs) -> np.ndarray[Any, Any]:
        """Return what the network makes of each example."""
        shaped = self._shaped(x)
        parts = [
            self._session.run(self.output, {self.model.input: shaped[i : i + EVALUATION_BATCH]})
            for i in range(0, len(shaped), EVALUATION_BATCH)
        ]
        return np.concatenate(parts)

    def plan(self, batch: int, *, predict: bool = False) -> Plan:
        """Return the compiled plan of a training step, or of a prediction.

        Parameters
        ----------
        batch : int
            Examples in a batch.
        predict : bool, default False
            Of a prediction.
        """
        shape = self.net.input_shape
        assert shape is not None
        x = np.zeros((batch, *(1 if d is None else d for d in shape)), np.float32)
        if predict:
            return self._session.plan(self.output, {self.model.input: x})
        feed = self._feed(x, np.zeros(batch, np.int64))
        return self._session.plan([*self._training, self._train_op], feed)

    def weights(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the values of all variables of the network, by name."""
        values: dict[str, np.ndarray[Any, Any]] = self._session.run(dict(self.model.variables))
        return values

    def load_weights(self, weights: dict[str, np.ndarray[Any, Any]]) -> None:
        """Set the variables of the network.

        Raises
        ------
        ValueError
            If a variable is missing or left over, or has another shape.
        """
        variables = self.model.variables
        missing, extra = (
            sorted(set(variables) - set(weights)),
            sorted(set(weights) - set(variables)),
        )
        if missing or extra:
            raise ValueError(
                "the weights do not suit the network:"
                f" missing {', '.join(missing) or 'none'}, left over {', '.join(extra) or 'none'}"
            )
        for name, variable in variables.items():
            if weights[name].shape != tuple(variable.shape.as_list()):
                raise ValueError(
                    f"the weights do not suit the network: {name} has shape"
                    f" {weights[name].shape}, the network needs {variable.shape}"
                )
            variable.load(weights[name], self._session)

    def _feed(self, x: Inputs, y: Labels) -> dict[tf.Tensor, Any]:
        return {self.model.input: self._shaped(x), self._labels: y}

    def _shaped(self, x: Inputs) -> Inputs:
        """Return examples arranged as the file's ``input`` says, as 28x28x1 for 784."""
        shape = self.net.input_shape
        assert shape is not None
        return x.reshape(len(x), *(-1 if d is None else d for d in shape))


def _answer(output: tf.Tensor) -> tf.Tensor:
    """Return the number of the class that the network chooses."""
    size = output.shape[-1].value
    if size == 1:
        return tf.cast(tf.reshape(output, [-1]) > 0.5, tf.int64)
    return tf.argmax(output, -1)


def with_settings(net: Net, **changes: Any) -> Net:
    """Return the network with other training settings; None leaves a setting as it is."""
    given = {key: value for key, value in changes.items() if value is not None}
    return replace(net, train=replace(net.train, **given))
