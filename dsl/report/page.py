"""Run folder → ``report.html``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dsl.looking.feature_maps import draw_layers
from dsl.looking.probe import Probe
from dsl.network import Net
from dsl.pages import image_uri, inline_svg, render_page
from dsl.report.answers import classify, compare_values, show_example
from dsl.report.curves import draw_scores
from dsl.report.distributions import show_distributions
from dsl.report.drawings import draw_views
from dsl.report.layers import LayerTime, show_filters, time_layers
from dsl.summary import HEADERS, summarize
from dsl.training.comparison import RunSummary, describe_settings, read_run
from dsl.training.errors import RunError
from dsl.training.predictor import Predictor
from dsl.training.run import open_run
from dsl.training.run_folder import (
    CONFIG,
    HISTOGRAMS,
    MODEL,
    SUMMARY,
    RunConfig,
    RunFolder,
)
from dsl.training.state import Arrays
from dsl.training.trainer import Trainer
from dsl.training.weights import read_weights
from tensorgraph.data import ExampleSet

REPORT = "report.html"
NEEDED = (CONFIG, MODEL, SUMMARY)
"""The files of a run folder that it cannot be made without."""

MOST_TESTED = 10_000
"""Of more test examples, so many are looked at."""

_SHOWN = 3  # examples whose feature maps are shown
_LONGEST_STEP = 5.0  # seconds up to which a step is made again to be measured


def write_report(path: Path, examples: ExampleSet | None, target: Path | None = None) -> Path:
    """Write the report of a training.

    Parameters
    ----------
    path : Path
        The run folder.
    examples : ExampleSet or None
        The data of the training; without it, what needs examples is left out.
    target : Path, optional
        The file; by default ``report.html`` in the run folder.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    RunError
        If the folder is incomplete or damaged, `examples` are of another kind, or the file cannot
        be written.
    """
    content = make_report(path, examples)
    target = target or path / REPORT
    return RunFolder(target.parent).write(target.name, content)


def make_report(path: Path, examples: ExampleSet | None) -> str:
    """Return the report of a training as HTML; all else is as for `write_report`."""
    folder = RunFolder.open(path, NEEDED)
    run = read_run(path)
    config, predictor = open_run(path)
    if examples is not None:
        examples = _fitting(examples, config, path)
    net = predictor.trainer.net
    epochs, distributions = show_distributions(
        _histograms(folder), predictor.trainer.model.variables
    )
    return render_page(
        "report.html",
        net=net.name,
        data=Path(config.data).name,
        run=path.name,
        headlines=_headlines(run),
        curves=[
            inline_svg(svg, f"{name} over the epochs", f"curve{number}-")
            for number, (name, svg) in enumerate(draw_scores(run.records))
        ],
        views=draw_views(net),
        layer_headers=HEADERS,
        layers=summarize(net).rows(),
        answers=_answers(predictor, examples),
        filters=_filters(net, folder.read_models(config.members)[0]),
        shown=_maps(predictor.trainer, examples, config),
        epochs=epochs,
        distributions=distributions,
        times=_times(run, predictor, examples),
        settings=_settings(net, config),
        versions=run.summary.get("versions", {}),
        source=folder.file(config.net).read_text(encoding="utf-8"),
    )


def _fitting(examples: ExampleSet, config: RunConfig, path: Path) -> ExampleSet:
    if (examples.input_shape, examples.class_names) != (config.input_shape, config.class_names):
        raise RunError(f"{examples.name} is not the data that {path} was trained on")
    return examples if config.limit is None else examples.limited(config.limit)


def _histograms(folder: RunFolder) -> Arrays:
    path = folder.file(HISTOGRAMS)
    return read_weights(path) if path.exists() else {}


def _headlines(run: RunSummary) -> list[tuple[str, str]]:
    """Return the numbers that a reader looks for first."""
    summary, found = run.summary, []
    for part, word in (("test_", "test"), ("val_", "validation"), ("train_", "training")):
        scores = {n.removeprefix(part): v for n, v in summary.items() if n.startswith(part)}
        found += [
            (f"{name} ({word})", _score(name, value))
            for name, value in sorted(scores.items(), key=lambda pair: pair[0] != "accuracy")
            if isinstance(value, int | float)
        ]
        if found:
            break
    return [
        *found[:4],
        ("epochs", f"{summary['epochs']:,}"),
        ("parameters", f"{summary['parameters']:,}"),
        ("time", f"{summary['seconds']:,.1f} s"),
        ("speed", f"{summary['examples_per_second']:,.0f} examples a second"),
    ]


def _score(name: str, value: float) -> str:
    return f"{100 * value:.2f} %" if name == "accuracy" else f"{value:.4g}"


def _settings(net: Net, config: RunConfig) -> list[tuple[str, str]]:
    settings = describe_settings(net, config)
    settings["data"] = Path(config.data).name  # without folders, which are private
    return [(name, text) for name, text in settings.items() if text]


@dataclass(frozen=True)
class Answers:
    """What is known of the test part: one of these kinds, or why there is none."""

    count: int = 0
    of: int = 0
    classes: Any = None
    values: Any = None
    missing: str = ""


def _answers(predictor: Predictor, examples: ExampleSet | None) -> Answers:
    if examples is None:
        return Answers(missing="The data of this training was not found.")
    if not len(examples.x_test):
        return Answers(missing="The data has no test part.")
    x, y = examples.x_test[:MOST_TESTED], np.asarray(examples.y_test[:MOST_TESTED])
    outputs = predictor.predict(x)
    count, of = len(y), len(examples.y_test)
    if predictor.trainer.measures(y).chosen is not None and y.ndim == 1:
        return Answers(count, of, classes=classify(x, y, outputs, examples.class_names))
    values = compare_values(x, y, outputs)
    plot = inline_svg(values.plot, "Predicted over actual values", "values-") if values.plot else ""
    shown = {"plot": plot, "worst": values.worst, "pairs": values.pairs}
    return Answers(count, of, values=shown)


def _filters(net: Net, weights: Arrays) -> Mapping[str, Any] | None:
    found = show_filters(net, weights)
    return None if found is None else {**vars(found), "picture": image_uri(found.pixels)}


def _maps(
    trainer: Trainer, examples: ExampleSet | None, config: RunConfig
) -> list[Mapping[str, Any]]:
    """Return a few examples, each with what the layers make of it."""
    if examples is None or not len(examples.x_test):
        return []
    try:
        probe = Probe(trainer, config.input_shape, config.class_names)
    except RunError:  # of texts, or no row of numbers
        return []
    y = examples.y_test
    firsts: list[int] = []
    if config.class_names:  # one of each of the first classes
        firsts = [int(np.argmax(y == c)) for c in range(len(config.class_names)) if c in y]
    chosen = (firsts or list(range(len(y))))[:_SHOWN]
    return [
        {
            "title": config.class_names[y[i]] if config.class_names else f"example {i}",
            "example": show_example(examples.x_test, i),
            "layers": [
                (maps, image_uri(maps.pixels))
                for maps in draw_layers(
                    probe, np.asarray(examples.x_test[i : i + 1])[0], len(chosen)
                )
            ],
        }
        for i in chosen
    ]


def _times(run: RunSummary, predictor: Predictor, examples: ExampleSet | None) -> list[LayerTime]:
    """Return the time of each layer; none where measuring would take too long."""
    net, speed = predictor.trainer.net, run.summary["examples_per_second"]
    if examples is None or net.train.batch > _LONGEST_STEP * speed:
        return []
    trainer = Trainer(net, predictor.trainer.preprocessing)
    batch = slice(0, net.train.batch)
    try:
        return time_layers(trainer, examples.x_train[batch], examples.y_train[batch])
    except RunError:  # nothing is trained: all layers are frozen
        return []
