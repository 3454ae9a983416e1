"""A network with what trains it, measures it and predicts with it.

`Trainer` holds the graph and the session; `Trainer.fit` is a generator that yields what happens,
so that whoever runs it decides what to show, and may stop it after any step.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

import tensorgraph as tf
from dsl.compiler import compile_net
from dsl.network import Net
from dsl.training.callbacks import BestWeights, Callback, CallbackList
from dsl.training.errors import RunError
from dsl.training.events import Event, Score
from dsl.training.loop import Loop
from dsl.training.measures import MAX_CONFUSED, Measures, Tally, count_confusion
from dsl.training.state import Arrays, TrainingState
from dsl.training.step import TrainingStep
from dsl.training.transfer import starting_weights
from dsl.training.weights import write_weights
from tensorgraph import data
from tensorgraph.data.preprocessing import Preprocessing
from tensorgraph.passes.program import Program
from tensorgraph.runtime.plan import Plan

# Evaluation has no gradients to keep, so its batches may be larger than those of training.
EVALUATION_BATCH = 512


class Trainer:
    """A network, its variables' values, and the graph that trains, evaluates and predicts.

    The nodes that train and measure are made when they are first needed.

    Parameters
    ----------
    net : Net
        The checked network; its ``train`` settings are used.
    preprocessing : Preprocessing, optional
        What is done to all examples before the network sees them, fitted already.

    Attributes
    ----------
    net : Net
        The parameter.
    preprocessing : Preprocessing
        The parameter; it may be set.
    model : Model
        Its variables.
    output : Tensor
        What it predicts, outside of training.
    session : Session
        Holds the values.
    learning_rate : float
        The learning rate before the schedule's factor; it may be set while training.
    stop_training : bool
        Set it while training to end after the current epoch.
    starts : tuple of Start
        The files that some of its weights start from.

    Raises
    ------
    NetError, RunError
        If such a file is missing or does not suit the network.
    """

    def __init__(self, net: Net, preprocessing: Preprocessing | None = None) -> None:
        self.net = net
        self.preprocessing = preprocessing or Preprocessing()
        self.learning_rate = float(net.train.optimizer.options["lr"])
        self.stop_training = False
        self._graph = tf.Graph()
        self._labels: dict[tf.DType, tf.Tensor] = {}
        self._measures: dict[tf.DType, Measures] = {}
        self._steps: dict[tf.DType, TrainingStep] = {}
        self._loop: Loop | None = None
        with self._graph.as_default():
            tf.set_random_seed(net.train.seed)
            self.model = compile_net(net)
            self._forward = self.model.apply()
            self.output = self._forward.output
        self.session = tf.Session(graph=self._graph)
        self._initialize(self._all_variables())
        values, self.starts = starting_weights(net)
        for name, value in values.items():
            self.model.variables[name].load(value, self.session)

    def fit(
        self,
        examples: data.ExampleSet,
        callbacks: Iterable[Callback] = (),
        start: TrainingState | None = None,
    ) -> Iterator[Event]:
        """Train, and yield an event after each step and each epoch.

        The order of the examples depends on seed and epoch alone. Closing the generator after a
        step leaves the network as that step left it. What the file says of ``stop``, ``schedule
        plateau`` and ``checkpoint best=`` is done too.

        Parameters
        ----------
        examples : ExampleSet
            The data, with a validation part or without.
        callbacks : iterable of Callback
            Are told what happens.
        start : TrainingState, optional
            From `state` of an equal training: goes on from there as if it had not stopped.

        Yields
        ------
        StepDone, EpochDone
            What happened.

        Raises
        ------
        DivergedError
            If the loss becomes NaN or infinite; the network is set back to the last good epoch.
        RunError
            If there is nothing to train, or `start` is of another training.
        """
        self._loop = Loop(self, examples, CallbackList(callbacks))
        return self._loop.run(start)

    def evaluate(self, x: Any, y: Any) -> Score:
        """Return the score on labelled examples.

        Parameters
        ----------
        x : array of shape (examples, ...)
            The inputs.
        y : array of shape (examples, ...)
            The classes, or the values that should come out.
        """
        return self._evaluate(x, y, lambda part: {self.model.input: self.inputs(x[part])})

    def evaluate_outputs(self, outputs: Any, y: Any) -> Score:
        """Return the score of given results, such as the mean of several networks'.

        Parameters
        ----------
        outputs : array of shape (examples, ...)
            The results, as `predict` gives them.
        y : array of shape (examples, ...)
            As for `evaluate`.
        """
        inverse = _INVERSES.get(self.net[self.net.outputs[0]].activation.name)

        def feed(part: slice) -> dict[tf.Tensor, Any]:
            if inverse is None:
                return {self._forward.output: outputs[part], self._forward.logits: outputs[part]}
            # Losses that contain the activation start from what it was applied to.
            return {
                self._forward.output: outputs[part],
                self._forward.logits: inverse(outputs[part]),
            }

        return self._evaluate(outputs, y, feed)

    def _evaluate(self, x: Any, y: Any, feed: Any) -> Score:
        if not len(x):
            return Score()
        measures = self.measures(y)
        if measures.reset is not None:
            self.session.run(measures.reset)
        tally = Tally(list(measures.means))
        counts = measures.chosen is not None and measures.classes <= MAX_CONFUSED
        confusion = np.zeros((measures.classes,) * 2, np.int64) if counts else None
        for start in range(0, len(x), EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            labels = y[part]
            values = self.session.run(measures.fetches(), {**feed(part), self.labels(y): labels})
            tally.add(values["means"], len(labels))
            if confusion is not None and labels.ndim == 1:
                confusion += count_confusion(labels, values["chosen"], measures.classes)
        counted = {name: value for name, (value, _) in measures.counted.items()}
        return measures.score(tally.means(), self.session.run(counted), confusion)

    def predict(self, x: Any) -> np.ndarray[Any, Any]:
        """Return what the network makes of each example."""
        parts = [
            self.session.run(
                self.output, {self.model.input: self.inputs(x[i : i + EVALUATION_BATCH])}
            )
            for i in range(0, len(x), EVALUATION_BATCH)
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
        return self.session.plan(*self._run_of(batch, predict))

    def program(self, batch: int, *, predict: bool = False) -> Program:
        """Return what `plan` is made of, before the passes."""
        return self.session.program(*self._run_of(batch, predict), optimized=False)

    def _run_of(self, batch: int, predict: bool) -> tuple[Any, dict[tf.Tensor, Any]]:
        """Return fetches and feeds of a training step, or of a prediction."""
        shape = self.net.input_shape
        assert shape is not None
        dtype = self.model.input.dtype.np_dtype
        x = np.zeros((batch, *(1 if d is None else d for d in shape)), dtype)
        if predict:
            return self.output, {self.model.input: x}
        y = np.zeros(batch, np.int64)
        step = self.step(y)
        feed = {step.input: x, self.labels(y): y}
        return [*step.measures.means.values(), step.op], feed

    # What the loop needs

    def labels(self, y: Any) -> tf.Tensor:
        """Return the placeholder for labels such as these."""
        dtype = tf.int64 if y.dtype.kind in "iub" else tf.float32
        if dtype not in self._labels:
            shape = [None] if dtype == tf.int64 else None
            name = "labels" if dtype == tf.int64 else "targets"
            with self._graph.as_default():
                self._labels[dtype] = tf.placeholder(dtype, shape, name=name)
        return self._labels[dtype]

    def measures(self, y: Any) -> Measures:
        """Return what measures the network on labels such as these."""
        labels = self.labels(y)
        if labels.dtype not in self._measures:
            with self._graph.as_default():
                made = Measures(
                    self.model, self._forward, labels, labels.dtype.is_integer, whole=True
                )
            self._measures[labels.dtype] = made
        return self._measures[labels.dtype]

    def step(
        self,
        y: Any,
        of_classes: bool | None = None,
        example_shape: tuple[int, ...] | None = None,
    ) -> TrainingStep:
        """Return what trains the network with labels such as these.

        Parameters
        ----------
        y : array
            The labels.
        of_classes : bool, optional
            Whether they are classes, or shares of them; by default if they are whole numbers.
        example_shape : tuple of int, optional
            The shape of an example of the data; by default it is as the network takes it.
        """
        labels = self.labels(y)
        if labels.dtype not in self._steps:
            before = set(self._all_variables())
            with self._graph.as_default():
                self._steps[labels.dtype] = TrainingStep(
                    self.model,
                    labels,
                    labels.dtype.is_integer if of_classes is None else of_classes,
                    self.preprocessing,
                    example_shape,
                )
            self._initialize([v for v in self._all_variables() if v not in before])
        return self._steps[labels.dtype]

    def feed(self, step: TrainingStep, x: Any, y: Any, rate: float) -> dict[tf.Tensor, Any]:
        """Return what is fed to a training step.

        Parameters
        ----------
        step : TrainingStep
            From `step`.
        x, y : array
            A batch of `TrainingBatches`.
        rate : float
            The learning rate.
        """
        given = x if step.attacks else self.arranged(x)
        return {step.input: given, self.labels(y): y, step.rate: rate}

    def inputs(self, x: Any) -> np.ndarray[Any, Any]:
        """Return examples as the network takes them: preprocessed and arranged."""
        return self.arranged(self.preprocessing.apply(x) if self.preprocessing else x)

    def arranged(self, x: Any) -> np.ndarray[Any, Any]:
        """Return examples arranged as the file's ``input`` says, as 28x28x1 for 784."""
        shape = self.net.input_shape
        assert shape is not None
        arranged = x.reshape(len(x), *(-1 if d is None else d for d in shape))
        return np.asarray(arranged, self.model.input.dtype.np_dtype)

    # Weights and state

    def weights(self) -> Arrays:
        """Return the values of all variables of the network, by name."""
        values: Arrays = self.session.run(dict(self.model.variables))
        return values

    def best_weights(self) -> Arrays:
        """Return the weights of the best epoch if ``checkpoint best=`` asks for it, else these."""
        for callback in self._loop.callbacks.callbacks if self._loop else ():
            if isinstance(callback, BestWeights) and callback.weights:
                return callback.weights
        return self.weights()

    def load_weights(self, weights: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Set the variables of the network.

        Raises
        ------
        ValueError
            If a variable is missing or left over, or has another shape.
        """
        variables = self.model.variables
        missing = sorted(set(variables) - set(weights))
        extra = sorted(set(weights) - set(variables))
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
            variable.load(weights[name], self.session)

    def save_weights(self, path: str | os.PathLike[str]) -> None:
        """Write the weights into a safetensors file, atomically.

        Raises
        ------
        RunError
            If that fails.
        """
        write_weights(path, self.weights(), self.net.name)

    def state(self) -> TrainingState:
        """Return where the current training stands; between two epochs, `fit` can go on there."""
        assert self._loop is not None, "there is no training"
        return self._loop.state()

    def gradients(self, names: Iterable[str], count: int = 32) -> Arrays:
        """Return gradients of the loss, on the first examples of the training's last step.

        They are taken with the weights as they are now, and are not clipped. The training goes on
        as if they had not been asked for.

        Parameters
        ----------
        names : iterable of str
            The variables; those that have no gradient are left out.
        count : int, default 32
            Of how many examples at most.
        """
        assert self._loop is not None, "there is no training"
        return self._loop.gradients(names, count)

    @property
    def records(self) -> list[dict[str, Any]]:
        """What each epoch of the current training came to."""
        return self._loop.records if self._loop else []

    @property
    def steps_made(self) -> int:
        """How many steps of the current training were made."""
        return self._loop.steps_made if self._loop else 0

    def snapshot_epochs(self) -> list[int]:
        """Return the epochs of the current training at whose ends ``snapshots`` takes one."""
        return self._loop.snapshot_epochs() if self._loop else []

    def values(self) -> Arrays:
        """Return the values of all variables, the optimizer's among them, by their nodes."""
        values: Arrays = self.session.run({v.op.name: v for v in self._all_variables()})
        return values

    def load_values(self, values: Arrays, session: tf.Session | None = None) -> None:
        """Set all variables.

        Parameters
        ----------
        values : dict of str to array
            From `values` of an equal trainer.
        session : Session, optional
            Another session of the same graph.

        Raises
        ------
        RunError
            If they are of another network.
        """
        variables = {v.op.name: v for v in self._all_variables()}
        if variables.keys() != values.keys():
            odd = ", ".join(sorted(variables.keys() ^ values.keys()))
            raise RunError(
                f"the checkpoint is of another network or optimizer; it differs in {odd}"
            )
        for name, variable in variables.items():
            variable.load(values[name], session or self.session)

    def _all_variables(self) -> list[tf.Variable]:
        with self._graph.as_default():
            return tf.global_variables()

    def _initialize(self, variables: list[tf.Variable]) -> None:
        with self._graph.as_default():
            self.session.run(tf.variables_initializer(variables))

    @cached_property
    def parameters(self) -> int:
        """How many numbers its weights are."""
        return sum(weight.size for layer in self.net.layers for weight in layer.weights)


def _logit(p: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    p = np.clip(p, 1e-7, 1 - 1e-7)
    result: np.ndarray[Any, Any] = np.log(p / (1 - p))
    return result


def _log(p: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    result: np.ndarray[Any, Any] = np.log(np.maximum(p, 1e-30))
    return result


_INVERSES = {"softmax": _log, "sigmoid": _logit}


def with_settings(net: Net, **changes: Any) -> Net:
    """Return the network with other training settings; None leaves a setting as it is."""
    given = {key: value for key, value in changes.items() if value is not None}
    return replace(net, train=replace(net.train, **given))
