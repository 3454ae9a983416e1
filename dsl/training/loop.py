"""The training loop: epochs of steps, and what happens between them."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from dsl.settings import TrainSettings
from dsl.training.batches import TrainingBatches
from dsl.training.callbacks import (
    BestWeights,
    Callback,
    CallbackList,
    EarlyStopping,
    ReduceLROnPlateau,
)
from dsl.training.divergence import explain
from dsl.training.errors import DivergedError
from dsl.training.events import EpochDone, Event, Score, StepDone
from dsl.training.measures import Tally
from dsl.training.state import Arrays, TrainingState
from dsl.training.step import TrainingStep
from tensorgraph.data import ExampleSet

if TYPE_CHECKING:
    from dsl.training.trainer import Trainer


class Loop:
    """One training.

    Parameters
    ----------
    trainer : Trainer
        What is trained.
    examples : ExampleSet
        The data.
    callbacks : CallbackList
        The user's callbacks; those that the file asks for are added.

    Attributes
    ----------
    callbacks : CallbackList
        All of them.
    records : list of dict
        What each epoch came to.
    steps_made : int
        How many steps were made.
    """

    def __init__(self, trainer: Trainer, examples: ExampleSet, callbacks: CallbackList) -> None:
        settings = trainer.net.train
        self._trainer = trainer
        self._settings = settings
        self._examples = examples
        self._batches = TrainingBatches(
            examples, settings, trainer.preprocessing, trainer.net.output_shape
        )
        self._per_epoch = self._batches.count
        total = self._per_epoch * settings.epochs
        self._total = total if settings.steps is None else min(total, settings.steps)
        self._epochs = -(-self._total // self._per_epoch)
        self.callbacks = CallbackList([*_callbacks_of(settings), *callbacks.callbacks])
        self._epoch = self.steps_made = 0
        self._finished = False
        self.records: list[dict[str, Any]] = []
        self._rates: list[float] = []  # those of the steps of this epoch
        self._last: tuple[TrainingStep, dict[Any, Any]] | None = None

    def run(self, start: TrainingState | None) -> Iterator[Event]:
        """Train; see `Trainer.fit`."""
        trainer = self._trainer
        # Always in this order, so that equal trainings make equal graphs.
        if len(self._examples.y_val):
            trainer.measures(self._examples.y_val)
        step = trainer.step(
            self._batches.labels_like, self._batches.of_classes, self._examples.input_shape
        )
        trainer.stop_training = False
        params = {
            "epochs": self._epochs,
            "steps": self._per_epoch,
            "batch_size": self._settings.batch,
        }
        self.callbacks.begin(trainer, params)
        if start is not None:
            self._restore(start)
        logs: dict[str, float] = {}
        while not self._finished:
            done = yield from self._run_epoch(step)
            if done is None:
                break
            logs = done.logs
            self.callbacks.epoch_end(self._epoch - 1, logs)
            self._finished = trainer.stop_training or self.steps_made >= self._total
            self.records.append(done.to_json())
            yield done
        self.callbacks.end(logs)

    def _run_epoch(self, step: TrainingStep) -> Generator[Event, None, EpochDone | None]:
        """Make the steps of an epoch; return what it came to, None if training ends inside."""
        trainer = self._trainer
        good = self.state()
        self._epoch += 1
        self.callbacks.epoch_begin(self._epoch - 1)
        tally, start = Tally(list(step.measures.means)), time.perf_counter()
        self._rates = []
        for number, (x, y) in enumerate(self._batches.epoch(self._epoch), 1):
            self.callbacks.batch_begin(number - 1)
            self._rates.append(trainer.learning_rate * self._factor())
            feed = trainer.feed(step, x, y, self._rates[-1])
            self._last = step, feed
            values = trainer.session.run([step.measures.means, step.op], feed)[0]
            self.steps_made += 1
            tally.add(values, len(x))
            score = step.measures.score(tally.means(), {}, None)
            self.callbacks.batch_end(number - 1, _numbers(score))
            if not math.isfinite(values["loss"]):
                self._diverged("the loss", good, number, step)
                return None
            seconds = time.perf_counter() - start
            speed = tally.examples / seconds
            yield StepDone(self._epoch, self._epochs, number, self._per_epoch, score, speed)
            if self.steps_made >= self._total:
                break
        if not all(np.isfinite(weight).all() for weight in trainer.weights().values()):
            # The last update has spoilt them, and no step came after it to show that.
            self._diverged("a weight", good, number, step)
            return None
        validation = trainer.evaluate(self._examples.x_val, self._examples.y_val)
        return EpochDone(
            self._epoch,
            self._epochs,
            self.steps_made,
            score,
            validation,
            self._rates[-1],
            seconds,
            speed,
        )

    def gradients(self, names: Iterable[str], count: int) -> Arrays:
        """Return gradients; see `Trainer.gradients`."""
        assert self._last is not None, "no step was made"
        step, fed = self._last
        session = self._trainer.session
        feed = {t: value[:count] if np.ndim(value) else value for t, value in fed.items()}
        # What is drawn here, such as a dropout, is not taken from the training.
        random = session.random_state()
        try:
            gradients: Arrays = session.run(
                {name: step.gradients[name] for name in names if name in step.gradients}, feed
            )
        finally:
            session.restore_random_state(random)
        return gradients

    def state(self) -> TrainingState:
        """Return where the training stands."""
        states, arrays = self.callbacks.state()
        trainer = self._trainer
        return TrainingState(
            self._epoch,
            self.steps_made,
            trainer.learning_rate,
            self._finished,
            trainer.values(),
            trainer.session.random_state(),
            states,
            arrays,
            list(self.records),
        )

    def _restore(self, state: TrainingState) -> None:
        trainer = self._trainer
        trainer.load_values(state.variables)
        trainer.session.restore_random_state(state.random)
        trainer.learning_rate = state.learning_rate
        self._epoch, self.steps_made, self._finished = state.epoch, state.steps, state.finished
        self.records = list(state.records)
        self.callbacks.restore(state.callbacks, state.arrays)

    def _factor(self) -> float:
        """Return the share of the learning rate for the next step."""
        first, count = 0, self._total
        if self._settings.snapshots > 1:
            # Each snapshot ends a schedule of its own.
            ends = self.snapshot_epochs()
            last = next(end for end in ends if self._epoch <= end)
            first = ([0, *ends])[ends.index(last)] * self._per_epoch
            count = min(last * self._per_epoch, self._total) - first
        return self._settings.schedule.factor(self.steps_made - first, count, self._per_epoch)

    def snapshot_epochs(self) -> list[int]:
        """Return the epochs at whose ends a snapshot is taken."""
        count = self._settings.snapshots
        return [max(1, round(self._epochs * (i + 1) / count)) for i in range(count)]

    def _diverged(self, what: str, good: TrainingState, number: int, step: TrainingStep) -> None:
        """Go back to the last good epoch, and say what went wrong unless nobody wants to know.

        Parameters
        ----------
        what : str
            What is no number any more.
        good : TrainingState
            Where the epoch began.
        number : int
            The step of the epoch that shows it, counted from 1.
        step : TrainingStep
            What was run.
        """
        trainer = self._trainer
        wanted = not trainer.stop_training
        epoch = self._epoch
        self._restore(good)
        again = zip(self._batches.epoch(epoch), self._rates, strict=False)
        blame = explain(
            trainer, (trainer.feed(step, x, y, rate) for (x, y), rate in again), step, number
        )
        self._restore(good)
        if not wanted:
            return
        back = f"after epoch {good.epoch}" if good.epoch else "before the first step"
        where = f": {blame.text}" if blame.text else ""
        raise DivergedError(
            f"{what} is no number any more in epoch {epoch}, step {number}{where}."
            f" The network is as it was {back}."
            " A lower learning rate may help, or `clip norm=1`",
            blame.node,
            blame.layer,
        )


def _callbacks_of(settings: TrainSettings) -> list[Callback]:
    """Return the callbacks that the file asks for."""
    found: list[Callback] = []
    plateau = settings.schedule.options
    if settings.schedule.name == "plateau":
        found.append(
            ReduceLROnPlateau(plateau["on"], plateau["factor"], plateau["patience"], min_delta=0.0)
        )
    if settings.checkpoint.best is not None:
        found.append(BestWeights(settings.checkpoint.best))
    if settings.stop is not None:
        stop = settings.stop
        found.append(EarlyStopping(stop.on, stop.min_delta, stop.patience))
    return found


def _numbers(score: Score) -> dict[str, float]:
    return {word: value for word, value in score.to_json("").items() if value is not None}
