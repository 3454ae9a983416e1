"""What ``summary.json`` says of a training."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dsl.metrics import per_class
from dsl.network import Net
from dsl.summary import summarize
from dsl.training.events import Score
from tensorgraph.base.version import __version__


def summarize_run(
    net: Net,
    runs: Sequence[Sequence[Mapping[str, Any]]],
    test: Score,
    members: Sequence[Score],
    class_names: Sequence[str],
    seconds: float,
) -> dict[str, Any]:
    """Return what a training came to.

    Parameters
    ----------
    net : Net
        The network.
    runs : sequence of sequence of mapping
        The records of the epochs of each model.
    test : Score
        The score on the test part, of all models together.
    members : sequence of Score
        That of each; empty for a single model.
    class_names : sequence of str
        The names of the classes.
    seconds : float
        How long it took.
    """
    records = [record for run in runs for record in run]
    last = runs[0][-1] if runs[0] else {}
    trained = sum(record["seconds"] for record in records)
    examples = sum(r["seconds"] * r["examples_per_second"] for r in records)
    found = {
        "net": net.name,
        "epochs": len(runs[0]),
        "steps": last.get("steps", 0),
        **{name: value for name, value in last.items() if name.startswith(("train_", "val_"))},
        **test.to_json("test_"),
        "seconds": seconds,
        "examples_per_second": examples / trained if trained else 0.0,
        "parameters": summarize(net).parameters,
        "backend": "numpy",
        "seed": net.train.seed,
        "versions": {
            "tensorgraph": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    if members:
        found["members"] = [score.to_json("test_") for score in members]
    return found | describe_classes(net, test, class_names)


def describe_classes(net: Net, score: Score, class_names: Sequence[str]) -> dict[str, Any]:
    """Return the scores of each class, and the confusion matrix where the file asks for it."""
    if score.confusion is None:
        return {}
    scores = per_class(score.confusion)
    names = [*class_names, *map(str, range(len(class_names), len(score.confusion)))]
    found: dict[str, Any] = {
        "classes": {
            name: {word: float(values[i]) for word, values in scores.items()}
            for i, name in enumerate(names[: len(score.confusion)])
        }
    }
    if "confusion" in net.train.metrics:
        found["confusion"] = score.confusion.tolist()
    return found
