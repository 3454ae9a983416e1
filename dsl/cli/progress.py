"""What a training shows: a live bar in a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from dsl.network import Net
from dsl.training.events import EpochDone, Event, Score, StepDone
from dsl.training.run import RunResult


class Reporter(Protocol):
    """Shows the events of a training, inside a ``with``."""

    def __enter__(self) -> Reporter:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""

    def show(self, event: Event) -> None:
        """Show an event."""


def make_reporter(net: Net, *, silent: bool) -> Reporter:
    """Return what suits where the output goes."""
    if silent:
        return SilentReporter()
    console = Console(highlight=False)
    return LiveReporter(net, console) if console.is_terminal else PlainReporter(net)


class SilentReporter:
    """Shows nothing."""

    def __enter__(self) -> SilentReporter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del kind, error, traceback

    def show(self, event: Event) -> None:
        """Show nothing."""


class PlainReporter(SilentReporter):
    """Prints a line an epoch, for logs.

    Parameters
    ----------
    net : Net
        What is trained.
    """

    def __init__(self, net: Net) -> None:
        del net

    def show(self, event: Event) -> None:
        """Print an epoch."""
        if isinstance(event, EpochDone):
            click.echo(epoch_line(event))


class LiveReporter:
    """Shows a bar that moves with every step, and leaves a line an epoch behind.

    Parameters
    ----------
    net : Net
        What is trained.
    console : Console
        The terminal.
    """

    def __init__(self, net: Net, console: Console) -> None:
        self._limit = net.train.steps
        self._bar = Progress(
            TextColumn("{task.fields[model]}epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=24),
            TextColumn("step {task.fields[step]}/{task.fields[steps]}"),
            TextColumn("{task.fields[score]}"),
            TextColumn("{task.fields[speed]:,.0f} ex/s"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> LiveReporter:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, event: Event) -> None:
        """Move the bar, or print an epoch above it."""
        if isinstance(event, EpochDone):
            self._bar.console.print(epoch_line(event), markup=False)
        else:
            self._move(event)

    def _move(self, event: StepDone) -> None:
        total = event.steps * event.epochs
        fields: dict[str, Any] = {
            "model": f"{event.model}  " if event.model else "",
            "epoch": event.epoch,
            "epochs": event.epochs,
            "step": event.step,
            "steps": event.steps,
            # A line has no room for all metrics.
            "score": score_text(Score(event.score.loss, event.score.accuracy)),
            "speed": event.examples_per_second,
        }
        if self._task is None:
            total = total if self._limit is None else min(total, self._limit)
            self._task = self._bar.add_task("", total=total, **fields)
        done = (event.epoch - 1) * event.steps + event.step
        self._bar.update(self._task, completed=done, **fields)


def score_text(score: Score, prefix: str = "") -> str:
    """Return a score as ``loss 0.1234  accuracy 98.76 %``."""
    parts = []
    if score.loss is not None:
        parts.append(f"{prefix}loss {score.loss:.4f}")
    if score.accuracy is not None:
        parts.append(f"{prefix}accuracy {score.accuracy:.2%}".replace("%", " %"))
    parts += [f"{prefix}{name} {value:.4f}" for name, value in score.others.items()]
    return "  ".join(parts)


def summary_text(summary: Mapping[str, Any]) -> str:
    """Return the test score of a summary as `score_text` does."""
    scores = {k.removeprefix("test_"): v for k, v in summary.items() if k.startswith("test_")}
    return score_text(Score(scores.pop("loss"), scores.pop("accuracy"), scores), "test ")


def print_classes(described: Mapping[str, Any]) -> None:
    """Print the scores of each class as a table, and the confusion matrix if it is there."""
    table = Table("class", "precision", "recall", "F1", box=None)
    for name, scores in described.get("classes", {}).items():
        table.add_row(name, *(f"{scores[word]:.4f}" for word in ("precision", "recall", "f1")))
    console = Console(highlight=False)
    console.print(table)
    if "confusion" in described:
        names = list(described["classes"])
        matrix = Table("class \\ taken for", *names, box=None)
        for name, row in zip(names, described["confusion"], strict=True):
            matrix.add_row(name, *map(str, row))
        console.print(matrix)


def epoch_line(event: EpochDone) -> str:
    """Return an epoch in one line."""
    parts = [
        event.model,
        f"epoch {event.epoch:>{len(str(event.epochs))}}/{event.epochs}",
        score_text(event.train),
        score_text(event.validation, "val "),
        f"{event.examples_per_second:,.0f} ex/s",
    ]
    return "  ".join(part for part in parts if part)


def conclude(result: RunResult, report: Path | None = None) -> None:
    """Print what a training came to, and where everything is."""
    summary = result.summary
    if result.interrupted:
        click.echo("stopped by Ctrl-C; what was trained is kept")
    for number, member in enumerate(summary.get("members", ()), 1):
        click.echo(f"{summary_text(member)}  (model {number} of {len(summary['members'])})")
    test = summary_text(summary)
    if test:
        click.echo(test)
    click.echo(f"{summary['parameters']:,} parameters, {summary['seconds']:.1f} s")
    for label, path in (
        ("model", result.folder.file("model.safetensors")),
        ("curves", result.curves),
        ("graph", result.graph),
        ("summary", result.folder.file("summary.json")),
        ("report", report),
    ):
        if path is not None:
            click.echo(f"{label:<8} {path}")
    if result.note:
        click.echo(result.note, err=True)
