"""A search for good hyper-parameters, kept in an SQLite file. Needs Optuna.

The file remembers every trial: a search that was stopped or killed goes on where it was, and
several processes may work on one at the same time.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.exceptions import (
    ExperimentalWarning,
    StorageInternalError,
    UpdateFinishedTrialError,
)
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DatabaseError

from dsl.diagnostics import NetError
from dsl.layers.arguments import format_value
from dsl.metrics import METRICS, VALIDATION
from dsl.network import Hyperparameter, Net
from dsl.training.errors import DivergedError, RunError
from dsl.training.events import EpochDone
from dsl.training.preparation import make_trainer
from dsl.tuning.samplers import ModelSampler, RandomSampler
from dsl.tuning.settings import SearchSettings
from dsl.tuning.trials import Trial, Trials, Values
from tensorgraph.data import ExampleSet

STUDY = "study.db"
"""The file with all trials."""
LOCK = "study.lock"
"""The file that a process holds while it takes a trial."""
_HEARTBEAT = 10
"""After how many seconds a process says again that it still works on its trial."""
_PATIENCE = 60
"""How many seconds a process waits for others that are writing."""
_DIGITS = 4
"""With how many digits numbers are drawn, so that they can be read and typed."""
_STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.RUNNING: "running",
    TrialState.FAIL: "stopped",
}


class _Stopped(Exception):  # noqa: N818 - it is no error
    """The user wants to stop."""


class Search:
    """A search, new or gone on with.

    Parameters
    ----------
    net : Net
        The network with the default of each hyper-parameter.
    make_net : callable
        Returns the network for given values of the constants; may raise NetError.
    examples : ExampleSet
        The data, with a validation part.
    folder : Path
        Where the trials are kept; made if it is not there.
    settings : SearchSettings
        What is wanted.

    Raises
    ------
    RunError
        If the file has no hyper-parameters, the folder holds another search, or it is damaged or
        cannot be written.
    """

    def __init__(
        self,
        net: Net,
        make_net: Callable[[Mapping[str, str]], Net],
        examples: ExampleSet,
        folder: Path,
        settings: SearchSettings,
    ) -> None:
        if not net.hyperparameters:
            raise RunError(
                f"{net.source.name} has no hyper-parameter to search: write one, such as"
                " `let lr = log_uniform(1e-4, 1e-1, 1e-3)`"
            )
        self._net = net
        self._make_net = make_net
        self._examples = examples
        self._settings = settings
        metric = METRICS.get(settings.score.removeprefix(VALIDATION))
        if metric is None:
            raise RunError(f"there is no score {settings.score!r}, as val_loss or val_accuracy")
        self._rises = metric.rises
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Optuna takes a waiting trial by reading and then writing, for which SQLite locks no
            # row: without this, two processes may take the same one.
            self._lock = FileLock(folder / LOCK)
            with self._lock:
                self._study = self._open(folder)
                self._require_same(folder)
        except OSError as error:
            raise RunError(f"cannot make {folder}: {error.strerror or error}") from None

    def run(self, interrupted: Callable[[], bool] = lambda: False) -> Iterator[Trial]:
        """Make the trials that are missing, and yield each when it is done.

        Parameters
        ----------
        interrupted : callable, optional
            Is asked after each step whether to stop; the trial is then repeated next time.
        """
        done: list[FrozenTrial] = []

        lost = False

        def train(trial: optuna.Trial) -> float:
            nonlocal lost
            self._lock.release()
            try:
                return self._train(trial, interrupted)
            finally:
                # After a long sleep, another process may have given the trial up for it.
                lost = self._state(trial) is not TrialState.RUNNING

        while not interrupted():
            try:
                with self._lock:
                    if self._count() >= self._settings.trials:
                        return
                    self._study.optimize(
                        train,
                        n_trials=1,
                        catch=(_Stopped,),
                        callbacks=[lambda _, trial: done.append(trial)],
                    )
            except (ValueError, UpdateFinishedTrialError):
                if not lost:
                    raise
            while done:
                trial = done.pop()
                if trial.state is TrialState.FAIL:
                    _repeat(self._study, trial)
                else:
                    yield _describe(trial, self._rises)

    @property
    def trials(self) -> Trials:
        """All trials so far, also those of other processes."""
        found = tuple(_describe(t, self._rises) for t in self._study.get_trials(deepcopy=False))
        return Trials(self._net.hyperparameters, self._settings.score, self._rises, found)

    def _train(self, trial: optuna.Trial, interrupted: Callable[[], bool]) -> float:
        """Train with the values of a trial, and return its best score."""
        values = {p.name: _choose(trial, p) for p in self._parameters}
        trial.set_user_attr("values", values)
        try:
            net = self._make_net(values)
        except NetError as error:
            trial.set_user_attr("fault", error.diagnostics[0].message)
            raise optuna.TrialPruned from None
        trainer = make_trainer(net, self._examples)
        best: float | None = None
        try:
            for event in trainer.fit(self._examples):
                if interrupted():
                    raise _Stopped
                if isinstance(event, EpochDone):
                    score = self._score(event)
                    best = score if best is None else self._better(best, score)
                    trial.report(score, event.epoch)
                    if trial.should_prune():
                        raise optuna.TrialPruned
        except DivergedError:
            trial.set_user_attr("fault", "the loss is no number any more")
            raise optuna.TrialPruned from None
        assert best is not None
        return best

    def _score(self, event: EpochDone) -> float:
        score = event.logs.get(self._settings.score)
        if score is None:
            raise RunError(
                f"{self._settings.score!r} is not measured;"
                f" measured are {', '.join(sorted(event.logs))}"
            )
        return score

    def _better(self, first: float, second: float) -> float:
        return max(first, second) if self._rises else min(first, second)

    def _state(self, trial: optuna.Trial) -> TrialState:
        return self._study.get_trials(deepcopy=False)[trial.number].state

    def _count(self) -> int:
        """Return how many trials are done or under way."""
        counted = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
        return len(self._study.get_trials(deepcopy=False, states=counted))

    def _open(self, folder: Path) -> optuna.Study:
        """Return the study in a folder; make it if there is none."""
        path = folder / STUDY
        settings = self._settings
        try:
            study = optuna.create_study(
                storage=_storage(path),
                study_name=self._net.name,
                direction="maximize" if self._rises else "minimize",
                sampler=_sampler(settings),
                pruner=_pruner(settings, self._net.train.epochs),
                load_if_exists=True,
            )
        except (DatabaseError, StorageInternalError) as error:
            raise RunError(
                f"{path} is damaged, no study, or cannot be written: {_first_line(error)}"
            ) from None
        if not study.get_trials(deepcopy=False):
            # The file's own values come first, so that the best is never worse.
            defaults = {p.name: _stored(p, p.default) for p in self._parameters}
            study.enqueue_trial(defaults, skip_if_exists=True)
        return study

    def _require_same(self, folder: Path) -> None:
        """Refuse to mix the trials of different networks."""
        searched = [(p.name, p.kind, *map(format_value, p.choices)) for p in self._parameters]
        told = {
            "score": self._settings.score,
            "data": f"{self._examples.name}, {len(self._examples.x_train)} examples",
            "searched": json.loads(json.dumps(searched)),
            "changes": list(self._settings.changes),
            "file": hashlib.sha256(self._net.source.text.encode()).hexdigest(),
        }
        before = self._study.user_attrs
        for what, value in told.items():
            if before.get(what, value) != value:
                raise RunError(
                    f"{folder} holds a search with another {_WORDS[what]}: choose another folder"
                    " with --out"
                )
            self._study.set_user_attr(what, value)

    @property
    def _parameters(self) -> tuple[Hyperparameter, ...]:
        return self._net.hyperparameters


_WORDS = {
    "score": "score to improve",
    "data": "set of data",
    "searched": "choice of hyper-parameters",
    "changes": "choice of --set",
    "file": "text of the file",
}


def _storage(path: Path) -> RDBStorage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats are
        return RDBStorage(
            f"sqlite:///{path}",
            engine_kwargs={"connect_args": {"timeout": _PATIENCE}},
            # A trial whose process was killed is told from one that another process works on.
            heartbeat_interval=_HEARTBEAT,
            heartbeat_stale_trial_callback=_repeat,
        )


def _sampler(settings: SearchSettings) -> BaseSampler:
    if settings.method == "tpe":
        return ModelSampler(settings.seed)
    coarse = settings.trials // 2 if settings.method == "coarse" else None
    return RandomSampler(settings.seed, coarse)


def _pruner(settings: SearchSettings, epochs: int) -> BasePruner:
    if settings.prune == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)
    if settings.prune == "median":
        return MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, epochs // 5))
    return NopPruner()


def _repeat(study: optuna.Study, trial: FrozenTrial) -> None:
    """Let the values of a trial that was stopped or killed be tried again, once."""
    if not trial.user_attrs.get("repeated"):
        study.enqueue_trial(trial.params, user_attrs={"repeated": trial.number})


def _choose(trial: optuna.Trial, parameter: Hyperparameter) -> str:
    """Return the value of a hyper-parameter in a trial, written as in a file."""
    name = parameter.name
    if parameter.kind == "choose":
        return str(trial.suggest_categorical(name, [format_value(v) for v in parameter.choices]))
    low, high = parameter.choices
    if parameter.kind == "integer":
        return str(trial.suggest_int(name, low, high))
    drawn = trial.suggest_float(name, low, high, log=parameter.kind == "log_uniform")
    return repr(min(max(float(f"{drawn:.{_DIGITS}g}"), float(low)), float(high)))


def _stored(parameter: Hyperparameter, value: Any) -> Any:
    """Return a value as the study stores it."""
    return format_value(value) if parameter.kind == "choose" else value


def _describe(trial: FrozenTrial, rises: bool) -> Trial:
    curve = tuple(v for _, v in sorted(trial.intermediate_values.items()))
    values: Values = trial.user_attrs.get("values", {})
    seconds = trial.duration.total_seconds() if trial.duration is not None else None
    return Trial(
        trial.number,
        values,
        _STATES.get(trial.state, "waiting"),
        curve,
        (max if rises else min)(curve) if curve else None,
        seconds,
        trial.user_attrs.get("fault", ""),
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
