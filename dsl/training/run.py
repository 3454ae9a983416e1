"""One training from start to end: the loop, and everything that goes into the run folder."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dsl.loading import load
from dsl.network import Net
from dsl.summary import summarize
from dsl.training.curves import draw_curves
from dsl.training.pictures import write_picture
from dsl.training.run_folder import SUMMARY, RunConfig, RunError, RunFolder
from dsl.training.trainer import EpochDone, Event, Score, StepDone, Trainer, with_settings
from tensorgraph.base.version import __version__
from tensorgraph.data import ExampleSet, split_validation


@dataclass(frozen=True)
class RunResult:
    """What a training came to.

    Attributes
    ----------
    folder : RunFolder
        Where everything is.
    summary : dict
        What ``summary.json`` holds.
    interrupted : bool
        Whether it was stopped before its end.
    curves, graph : Path
        The pictures; `graph` is DOT text where nothing could draw it.
    note : str
        Says then what to install; else empty.
    """

    folder: RunFolder
    summary: dict[str, Any]
    interrupted: bool
    curves: Path
    graph: Path
    note: str


def train(
    net: Net,
    examples: ExampleSet,
    source: str,
    *,
    out: Path | None = None,
    limit: int | None = None,
    show: Callable[[Event], None] = lambda event: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> RunResult:
    """Train a network and write the run folder.

    Parameters
    ----------
    net : Net
        The network, checked with the shapes of the data.
    examples : ExampleSet
        The data, without a validation part.
    source : str
        Where the data comes from: a name or an absolute path.
    out : Path, optional
        The run folder; default ``runs/<net>-<n>``.
    limit : int, optional
        Use only the first examples of each part.
    show : callable, optional
        Is called with every event.
    interrupted : callable, optional
        Is asked after each step whether to stop. What was trained till then is kept.

    Raises
    ------
    RunError
        If the folder is in the way or cannot be written.
    """
    settings = net.train
    if limit is not None:
        examples = examples.limited(limit)
    if settings.data is not None:
        examples = split_validation(examples, settings.data.validation, settings.seed)
    trainer = Trainer(net)
    folder = RunFolder.create(net.name, out)
    copy = folder.write(f"{net.name}.net", net.source.text)
    folder.write_config(
        RunConfig(
            net=copy.name,
            data=source,
            input_shape=examples.input_shape,
            class_names=examples.class_names,
            batch=settings.batch,
            epochs=settings.epochs,
            seed=settings.seed,
            limit=limit,
        )
    )
    graph, note = write_picture(folder.file("graph.svg"), net)
    progress = _Progress(trainer, folder, show)
    for event in trainer.fit(examples):
        progress.take(event)
        if interrupted():
            break
    progress.close()
    test = trainer.evaluate(examples.x_test, examples.y_test)
    summary = progress.summary(test)
    folder.write_json(SUMMARY, summary)
    title = f"{net.name} on {examples.name}"
    curves = folder.write("curves.svg", draw_curves(title, progress.records))
    return RunResult(folder, summary, interrupted(), curves, graph, note)


class _Progress:
    """What has come of a training so far; each epoch is written down as it ends."""

    def __init__(self, trainer: Trainer, folder: RunFolder, show: Callable[[Event], None]) -> None:
        self._trainer = trainer
        self._folder = folder
        self._show = show
        self._start = time.perf_counter()
        self._steps = 0
        self._open: StepDone | None = None
        self.records: list[dict[str, Any]] = []

    def take(self, event: Event) -> None:
        """Show an event, and write an epoch's metrics and weights."""
        if isinstance(event, StepDone):
            self._steps += 1
            self._open = event
        else:
            self._open = None
            self._write(event.to_json())
        self._show(event)

    def close(self) -> None:
        """Write down an epoch that was broken off."""
        if self._open is not None:
            step = self._open
            seconds = time.perf_counter() - self._start
            cut = EpochDone(
                step.epoch, self._steps, step.score, Score(), seconds, step.examples_per_second
            )
            self._write(cut.to_json())

    def _write(self, record: dict[str, Any]) -> None:
        self.records.append(record)
        self._folder.add_metrics(record)
        self._folder.write_model(self._trainer.weights(), self._trainer.net.name)

    def summary(self, test: Score) -> dict[str, Any]:
        """Return what ``summary.json`` holds."""
        net, last = self._trainer.net, self.records[-1]
        trained = sum(record["seconds"] for record in self.records)
        examples = sum(r["seconds"] * r["examples_per_second"] for r in self.records)
        return {
            "net": net.name,
            "epochs": len(self.records),
            "steps": self._steps,
            "train_loss": last["train_loss"],
            "train_accuracy": last["train_accuracy"],
            "val_loss": last["val_loss"],
            "val_accuracy": last["val_accuracy"],
            "test_loss": test.loss,
            "test_accuracy": test.accuracy,
            "seconds": time.perf_counter() - self._start,
            "examples_per_second": examples / trained,
            "parameters": summarize(net).parameters,
            "backend": "numpy",
            "seed": net.train.seed,
            "versions": {
                "tensorgraph": __version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        }


def open_run(path: Path) -> tuple[RunConfig, Trainer]:
    """Return a finished training: its configuration, and its network with the weights.

    Parameters
    ----------
    path : Path
        The run folder.

    Raises
    ------
    RunError
        If the folder is incomplete or damaged.
    NetError
        If its ``.net`` file is not valid.
    """
    folder = RunFolder.open(path)
    config = folder.read_config()
    net = load(folder.file(config.net), config.input_shape, len(config.class_names))
    trainer = Trainer(with_settings(net, batch=config.batch, seed=config.seed))
    try:
        trainer.load_weights(folder.read_model())
    except ValueError as error:
        raise RunError(f"{path}: {error}") from None
    return config, trainer
