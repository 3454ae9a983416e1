"""One training from start to end: the loop, and everything that goes into the run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dsl.network import Net
from dsl.training.callbacks import Callback, Histograms
from dsl.training.curves import draw_curves
from dsl.training.divergence import draw_blame
from dsl.training.errors import DivergedError, RunError
from dsl.training.events import EpochDone, Event, Score, StepDone
from dsl.training.history import History
from dsl.training.pictures import write_picture
from dsl.training.predictor import Predictor
from dsl.training.preparation import fit_preprocessing, prepare_examples
from dsl.training.run_folder import CONFIG, HISTOGRAMS, SUMMARY, RunConfig, RunFolder
from dsl.training.sources import copy_sources
from dsl.training.stored import load_stored
from dsl.training.summaries import summarize_run
from dsl.training.trainer import Trainer
from tensorgraph.data import ExampleSet, Preprocessing


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

    @property
    def history(self) -> History:
        """What became of the training, epoch by epoch; a notebook shows it as curves."""
        return History.of_run(self.folder.path)


@dataclass(frozen=True)
class Watch:
    """Who is told of a training, and may stop it.

    Attributes
    ----------
    show : callable
        Is called with every event.
    interrupted : callable
        Is asked after each step whether to stop. What was trained till then is kept.
    warn : callable
        Is told what is not as it should be, such as a damaged checkpoint.
    note : callable
        Is told what is good to know: which weights a training starts from.
    callbacks : iterable of Callback
        As for `Trainer.fit`; not for the members of an ensemble.
    """

    show: Callable[[Event], None] = lambda event: None
    interrupted: Callable[[], bool] = lambda: False
    warn: Callable[[str], None] = lambda text: None
    note: Callable[[str], None] = lambda text: None
    callbacks: Iterable[Callback] = ()


def train(
    net: Net,
    examples: ExampleSet,
    source: str,
    *,
    out: Path | None = None,
    limit: int | None = None,
    settings: Iterable[str] = (),
    watch: Watch = Watch(),
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
    settings : iterable of str
        What the command line changed, for `resume`.
    watch : Watch, optional
        Who is told.

    Raises
    ------
    RunError
        If the folder is in the way or cannot be written, or the loss becomes NaN.
    """
    prepared = prepare_examples(net, examples, limit)
    preprocessing = fit_preprocessing(net, prepared)
    folder = RunFolder.create(net.name, out)
    config = RunConfig(
        net=copy_sources(folder, net),
        data=source,
        input_shape=examples.input_shape,
        class_names=examples.class_names,
        batch=net.train.batch,
        epochs=net.train.epochs,
        seed=net.train.seed,
        limit=limit,
        origin=str(Path(net.source.name).resolve()),
        settings=tuple(settings),
        members=_members_of(net),
        preprocess=folder.write_preprocessing(preprocessing),
        reading=dict(examples.reading),
        weights=next((str(p.path) for p in net.pretrained if p.span is None), None),
    )
    folder.write_config(config)
    return _Run(net, prepared, folder, config, preprocessing, watch).run()


def resume(path: Path, examples: ExampleSet, *, watch: Watch = Watch()) -> RunResult:
    """Go on with a training that was stopped or killed; the end is the same as without that.

    Parameters
    ----------
    path : Path
        Its run folder.
    examples : ExampleSet
        Its data.
    watch : Watch, optional
        Who is told.

    Raises
    ------
    RunError
        If the folder is no run folder, or the data is another one.
    """
    folder = RunFolder.open(path, needed=(CONFIG,))
    folder.sweep()
    config = folder.read_config()
    if (examples.input_shape, examples.class_names) != (config.input_shape, config.class_names):
        raise RunError(f"{examples.name} is not the data that {path} was trained on")
    net = load_stored(folder, config)
    prepared = prepare_examples(net, examples, config.limit)
    preprocessing = folder.read_preprocessing(config)
    return _Run(net, prepared, folder, config, preprocessing, watch).run()


def open_run(path: Path) -> tuple[RunConfig, Predictor]:
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
    net = load_stored(folder, config)
    # Its weights are those of the run, wherever they started from.
    trainer = Trainer(replace(net, pretrained=()), folder.read_preprocessing(config))
    try:
        return config, Predictor(trainer, folder.read_models(config.members))
    except ValueError as error:
        raise RunError(f"{path}: {error}") from None


def _members_of(net: Net) -> int:
    """Return how many models are averaged."""
    return max(net.train.ensemble, net.train.snapshots)


_PICTURES = ("graph.svg", "graph.dot")
DIVERGED = "diverged.svg"


@dataclass
class _Run:
    """One training into one folder, from the newest checkpoint on."""

    net: Net
    examples: ExampleSet
    folder: RunFolder
    config: RunConfig
    preprocessing: Preprocessing
    watch: Watch
    _start: float = field(default_factory=time.perf_counter)

    def run(self) -> RunResult:
        """Train all members, and write what the training came to."""
        drawn = next((p for p in map(self.folder.file, _PICTURES) if p.exists()), None)
        graph, note = (
            (drawn, "") if drawn else write_picture(self.folder.file(_PICTURES[0]), self.net)
        )
        members = []
        for number in range(1, self.net.train.ensemble + 1):
            members.append(self._train_member(number))
            if self.watch.interrupted():
                break
        count = self.folder.count_members(_members_of(self.net))
        if count != self.config.members:  # others were there when it was stopped before
            self.folder.write_config(replace(self.config, members=count))
        models = self.folder.read_models(count)
        finished = replace(self.net, pretrained=())
        predictor = Predictor(Trainer(finished, self.preprocessing), models)
        test = predictor.evaluate(self.examples.x_test, self.examples.y_test)
        each = predictor.evaluate_members(self.examples.x_test, self.examples.y_test)
        summary = summarize_run(
            self.net,
            members,
            test,
            each,
            self.examples.class_names,
            time.perf_counter() - self._start,
        )
        self.folder.write_json(SUMMARY, summary)
        curves = self.folder.write(
            "curves.svg", draw_curves(f"{self.net.name} on {self.examples.name}", members[0])
        )
        return RunResult(self.folder, summary, self.watch.interrupted(), curves, graph, note)

    def _train_member(self, number: int) -> list[dict[str, Any]]:
        """Train one model; return what its epochs came to."""
        net, several = self.net, self.net.train.ensemble > 1
        folder = self.folder.member(number) if several else self.folder
        state = folder.checkpoints.newest(self.watch.warn)
        if several:
            net = replace(net, train=replace(net.train, seed=net.train.seed + number - 1))
        if state is not None:
            net = replace(net, pretrained=())
            if state.finished:  # nothing will be written any more, so that nothing else would
                folder.checkpoints.prune(net.train.checkpoint.keep)
        trainer = Trainer(net, self.preprocessing)
        member = _Member(trainer, self.folder, folder, number if several else None)
        label = f"model {number}/{net.train.ensemble}" if several else ""
        if state is None and number == 1:
            for start in trainer.starts:
                self.watch.note(str(start))
        callbacks = () if several else self.watch.callbacks
        if number == 1:
            callbacks = (Histograms(self.folder.file(HISTOGRAMS)), *callbacks)
        events = trainer.fit(self.examples, callbacks, state)
        try:
            for event in events:
                member.take(event)
                self.watch.show(replace(event, model=label))
                if self.watch.interrupted():
                    break
        except DivergedError as error:
            member.keep()
            picture = draw_blame(trainer, error.node) if error.node else None
            if picture is not None:
                written = folder.write(DIVERGED, picture)
                self.watch.note(f"{written} shows the first bad node in red")
            raise
        member.close(interrupted=self.watch.interrupted())
        return member.records


class _Member:
    """Writes down what becomes of one model; each epoch as it ends.

    Parameters
    ----------
    trainer : Trainer
        The model.
    run, own : RunFolder
        The folder of the run, for models, and that of the model, for all else.
    number : int or None
        Which member of an ensemble it is, counted from 1.
    """

    def __init__(
        self, trainer: Trainer, run: RunFolder, own: RunFolder, number: int | None
    ) -> None:
        self._trainer = trainer
        self._run = run
        self._own = own
        self._number = number
        self._settings = trainer.net.train
        self._open: StepDone | None = None
        self._began = time.perf_counter()
        self.records: list[dict[str, Any]] = []

    def take(self, event: Event) -> None:
        """Write an epoch's metrics and weights."""
        if isinstance(event, StepDone):
            self._open = event
            return
        self._open = None
        state = self._trainer.state()
        self.records = state.records
        ends = self._trainer.snapshot_epochs()
        if self._settings.snapshots > 1 and event.epoch in ends:
            weights = self._trainer.weights()
            self._run.write_model(weights, self._trainer.net.name, ends.index(event.epoch) + 1)
        self.keep()
        # Last, so that all else is there when a training goes on from it.
        if state.finished or event.epoch % self._settings.checkpoint.every == 0:
            self._own.checkpoints.write(state, self._settings.checkpoint.keep)

    def keep(self) -> None:
        """Write the weights and the epochs so far."""
        name = self._trainer.net.name
        weights = self._trainer.best_weights()
        if self._number is not None:
            self._run.write_model(weights, name, self._number)
        if self._number in (None, 1):
            self._run.write_model(weights, name)
        self._own.write_metrics(self.records)

    def close(self, *, interrupted: bool) -> None:
        """Write what is left to write, an epoch that was broken off too."""
        self.records = self._trainer.records
        if interrupted and self._open is not None:
            step = self._open
            seconds = time.perf_counter() - self._began
            cut = EpochDone(
                step.epoch,
                step.epochs,
                self._trainer.steps_made,
                step.score,
                Score(),
                self._trainer.learning_rate,
                seconds,
                step.examples_per_second,
            )
            self.records = [*self.records, cut.to_json()]
        self.keep()
