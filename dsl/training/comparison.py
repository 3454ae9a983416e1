"""Runs beside each other: the settings they differ in, their scores, their curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsl.layers.arguments import format_value
from dsl.network import Net
from dsl.settings import TrainSettings
from dsl.steps import AUGMENT, PREPROCESS
from dsl.training.errors import RunError
from dsl.training.plots import draw_points
from dsl.training.run_folder import METRICS, SUMMARY, RunConfig, RunFolder
from dsl.training.stored import load_stored

Row = tuple[str, ...]
_CURVES = ("val_accuracy", "val_loss", "train_accuracy", "train_loss")
"""What is drawn, where nobody says: the first that all runs have."""
_PARTS = ("test_", "val_", "train_")
_COUNTS = ("epochs", "steps", "parameters", "seconds")


@dataclass(frozen=True)
class RunSummary:
    """A run as it is compared.

    Attributes
    ----------
    name : str
        Its folder.
    settings : mapping of str to str
        All its settings, with dotted names.
    summary : mapping
        What ``summary.json`` holds.
    records : list of mapping
        The epochs.
    """

    name: str
    settings: Mapping[str, str]
    summary: Mapping[str, Any]
    records: list[dict[str, Any]]


def read_run(path: Path) -> RunSummary:
    """Return the summary of a run.

    Raises
    ------
    RunError
        If the folder is no complete run.
    NetError
        If its ``.net`` file is not valid.
    """
    folder = RunFolder.open(path)
    config = folder.read_config()
    settings = describe_settings(load_stored(folder, config), config)
    try:
        summary = json.loads(folder.file(SUMMARY).read_text(encoding="utf-8"))
        own = folder.file(METRICS)
        # Of several models, each has its own; the first one stands for all.
        metrics = own if own.exists() else folder.file(f"member-1/{METRICS}")
        lines = metrics.read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
    except (OSError, ValueError) as error:
        raise RunError(f"{path} has no end that can be read: {error}") from None
    return RunSummary(str(path), settings, summary, records)


def describe_settings(net: Net, config: RunConfig) -> dict[str, str]:
    """Return all settings of a run as texts, by the names that ``--set`` takes where it does."""
    train: TrainSettings = net.train
    constants = dict(text.split("=", 1) for text in config.settings)
    return {
        "net": net.name,
        "layers": str(len(net.layers)),
        "parameters": f"{sum(w.size for layer in net.layers for w in layer.weights):,}",
        "data": config.data,
        "limit": _text(config.limit),
        "loss": train.loss,
        **_options("loss", train.loss_options),
        "optimizer": train.optimizer.name,
        **_options("optimizer", train.optimizer.options),
        "schedule": train.schedule.name,
        **_options("schedule", train.schedule.options),
        **{name: _text(getattr(train, name)) for name in _PLAIN},
        "validation": _text(train.validation),
        "preprocess": _steps(train.preprocess),
        "augment": _steps(train.augment),
        **_options("regularize", vars(train.regularize)),
        **_options("clip", vars(train.clip)),
        **_options("stop", vars(train.stop) if train.stop else {}),
        **_options("checkpoint", vars(train.checkpoint)),
        "start from": _text(config.weights),
        **{name.strip(): text.strip() for name, text in constants.items() if "." not in name},
    }


_PLAIN = ("batch", "epochs", "steps", "seed", "precision", "ensemble", "snapshots")


def differing_settings(runs: Sequence[RunSummary]) -> list[Row]:
    """Return a row for each setting that is not the same in all runs: its name, then its values."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    rows = ((name, *(run.settings.get(name, "") for run in runs)) for name in names)
    return [row for row in rows if len(set(row[1:])) > 1]


def score_rows(runs: Sequence[RunSummary]) -> list[Row]:
    """Return a row for each number that a training came to: its name, then its values."""
    found = dict.fromkeys(
        name for run in runs for name, v in run.summary.items() if isinstance(v, int | float)
    )
    names = [name for part in _PARTS for name in found if name.startswith(part)]
    return [
        (name, *(_number(run.summary.get(name)) for run in runs)) for name in (*names, *_COUNTS)
    ]


def draw_comparison(runs: Sequence[RunSummary], score: str | None = None) -> tuple[str, bytes]:
    """Return the name of a score, and its curves over the epochs of all runs as SVG.

    Parameters
    ----------
    runs : sequence of RunSummary
        The runs.
    score : str, optional
        Such as ``val_loss``; by default the validation accuracy or loss, or those of training,
        whichever all runs have.

    Raises
    ------
    RunError
        If a run does not have the score.
    """
    candidates = _CURVES if score is None else (score,)
    common = (name for name in candidates if all(_curve(run, name) for run in runs))
    chosen = next(common, None)
    if chosen is None:
        wanted = " or ".join(candidates)
        raise RunError(f"there is no score that all runs have: looked for {wanted}")
    series = {run.name: _curve(run, chosen) for run in runs}
    return chosen, draw_points(f"{chosen} of {len(runs)} runs", "epoch", chosen, series)


def _curve(run: RunSummary, score: str) -> list[tuple[float, float]]:
    """Return the values of a score over the epochs; none where it was not measured."""
    pairs = ((record["epoch"], record.get(score)) for record in run.records)
    return [(epoch, value) for epoch, value in pairs if isinstance(value, int | float)]


def _options(word: str, options: Mapping[str, Any]) -> dict[str, str]:
    return {f"{word}.{name}": _text(value) for name, value in options.items()}


def _steps(steps: Sequence[Any]) -> str:
    """Return steps of ``preprocess`` or ``augment`` as they are written."""
    written = []
    for step in steps:
        kind = (PREPROCESS | AUGMENT)[step.name]
        values = [_text(step.options[p.key]) for p in kind.positional]
        options = [f"{p.name}={_text(step.options[p.key])}" for p in kind.options]
        written.append(" ".join([step.name, *values, *options]))
    return "; ".join(written)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else format_value(value)


def _number(value: Any) -> str:
    if not isinstance(value, int | float):
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
