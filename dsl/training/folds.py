"""Cross-validation: as many trainings as there are folds, each validated on another one."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsl.metrics import VALIDATION
from dsl.network import Net
from dsl.training.errors import RunError
from dsl.training.plots import draw_points
from dsl.training.preparation import make_trainer
from dsl.training.run import Watch
from dsl.training.run_folder import RunFolder
from dsl.training.sources import copy_sources
from tensorgraph.data import ExampleSet, kfold

FOLDS = "folds.json"
_NOBODY = Watch()


@dataclass(frozen=True)
class Fold:
    """One training of a cross-validation.

    Attributes
    ----------
    scores : mapping of str to float
        The scores on the fold that was not trained on: ``loss``, ``accuracy`` and the others.
    records : list of mapping
        The epochs, as in ``metrics.jsonl``.
    """

    scores: Mapping[str, float]
    records: list[dict[str, Any]]


@dataclass(frozen=True)
class CrossValidation:
    """What a cross-validation came to.

    Attributes
    ----------
    folder : RunFolder
        Where it is written down.
    folds : tuple of Fold
        Those that were trained to their end.
    interrupted : bool
        Whether it was stopped before the last one.
    """

    folder: RunFolder
    folds: tuple[Fold, ...]
    interrupted: bool

    @property
    def means(self) -> dict[str, float]:
        """The mean of each score over the folds."""
        return {name: statistics.fmean(values) for name, values in self._values().items()}

    @property
    def deviations(self) -> dict[str, float]:
        """The standard deviation of each score between the folds; NaN for a single fold."""
        return {
            name: statistics.stdev(values) if len(values) > 1 else math.nan
            for name, values in self._values().items()
        }

    def _values(self) -> dict[str, list[float]]:
        names = self.folds[0].scores if self.folds else ()
        return {name: [fold.scores[name] for fold in self.folds] for name in names}

    def to_json(self) -> dict[str, Any]:
        """Return it as a dictionary of numbers and lists."""
        deviations = self.deviations
        return {
            "folds": [dict(fold.scores) for fold in self.folds],
            "mean": self.means,
            "deviation": {n: None if math.isnan(d) else d for n, d in deviations.items()},
            "interrupted": self.interrupted,
        }


def cross_validate(
    net: Net, examples: ExampleSet, count: int, *, out: Path | None = None, watch: Watch = _NOBODY
) -> CrossValidation:
    """Train a network once for each fold, on all others, and measure it on the one left out.

    The part to test with is not looked at. Models are not kept: how well they do on average says
    what a training on all examples can be expected to do.

    Parameters
    ----------
    net : Net
        The network, checked with the shapes of the data. A share that its file sets aside for
        validation is not set aside: the fold is what validates, also for `stop` and `best=`.
    examples : ExampleSet
        The data; its training and validation parts are cut into folds.
    count : int
        How many folds, at least 2.
    out : Path, optional
        The folder to write to; default ``runs/<net>-<n>``.
    watch : Watch, optional
        Who is told.

    Raises
    ------
    RunError
        If there are fewer examples than folds, or the folder is in the way.
    """
    try:
        parts = kfold(examples, count, net.train.seed)
    except ValueError as error:
        raise RunError(f"{examples.name}: {error}") from None
    folder = RunFolder.create(net.name, out)
    copy_sources(folder, net)
    folds: list[Fold] = []
    for number, part in enumerate(parts, 1):
        watch.note(f"fold {number} of {count}")
        fold = _train(net, part, watch)
        if fold is None:
            break
        folds.append(fold)
    result = CrossValidation(folder, tuple(folds), len(folds) < count)
    if folds:
        folder.write(FOLDS, json.dumps(result.to_json(), indent=2) + "\n")
        folder.write("curves.svg", _draw(f"{net.name} on {examples.name}", folds))
    return result


def _train(net: Net, part: ExampleSet, watch: Watch) -> Fold | None:
    """Train on a part; return what came out, None if it was stopped."""
    trainer = make_trainer(net, part)
    for event in trainer.fit(part):
        watch.show(event)
        if watch.interrupted():
            return None
    trainer.load_weights(trainer.best_weights())
    score = trainer.evaluate(part.x_val, part.y_val)
    scores = {name: v for name, v in score.to_json("").items() if v is not None}
    return Fold(scores, trainer.records)


def _draw(title: str, folds: list[Fold]) -> bytes:
    """Return the curves of the validation loss, as SVG."""
    name = VALIDATION + "loss"
    series = {
        f"fold {number}": [(record["epoch"], record[name]) for record in fold.records]
        for number, fold in enumerate(folds, 1)
    }
    return draw_points(title, "epoch", name, series)
