"""The pages about the settings of ``train { … }`` and the words that these know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dsl.checker.train_section import DATA_OPTIONS, OPTION_SETTINGS
from dsl.layers.definition import Signature
from dsl.losses import LOSSES
from dsl.metrics import METRIC_KINDS, METRICS, MetricKind
from dsl.optimizers import OPTIMIZERS
from dsl.reference.page import Page, rows_of, usage_of
from dsl.schedules import SCHEDULES
from dsl.steps import AUGMENT, PREPROCESS

_SETTINGS = (
    ("data", "data NAME_OR_PATH [NAME=VALUE …]", "The data: a known name, or a path.", "digits"),
    ("loss", "loss NAME [NAME=VALUE …]", "What training makes small.", "cross_entropy"),
    ("optimizer", "optimizer NAME [NAME=VALUE …]", "How weights are changed.", "adam lr=0.001"),
    ("schedule", "schedule NAME [NAME=VALUE …]", "How the learning rate changes.", "cosine"),
    ("batch", "batch N", "How many examples a step sees; 64 by default.", "32"),
    ("epochs", "epochs N", "How often all examples are seen; 10 by default.", "5"),
    ("steps", "steps N", "After how many steps training ends, where epochs are too long.", "1000"),
    ("seed", "seed N", "Where random numbers start; 0 by default.", "1"),
    (
        "preprocess",
        "preprocess { STEP; … }",
        "What is done to all examples; fitted on the training set, stored with the model.",
        "{\n    standardize\n  }",
    ),
    (
        "augment",
        "augment { STEP; … }",
        "What is done at random to the examples of training batches.",
        "{\n    shift 2\n    rotate 15\n  }",
    ),
    ("regularize", "regularize [l1=X] [l2=X]", "Penalties on all kernels.", "l2=1e-4"),
    ("clip", "clip norm=X, clip value=X", "A limit for gradients.", "norm=1.0"),
    (
        "metrics",
        "metrics NAME …",
        "What is reported; some need a number, as `top_k(3)`.",
        "accuracy loss",
    ),
    ("stop", "stop [patience=N] [on=SCORE]", "Ends when a score gets no better.", "patience=5"),
    (
        "checkpoint",
        "checkpoint [every=N] [keep=N] [best=SCORE]",
        "After how many epochs the state is written, and which model is kept.",
        "every=1 keep=3",
    ),
    (
        "precision",
        "precision mixed",
        "Computes products in float16, and scales the loss; for GPUs. `float32` by default.",
        "mixed",
    ),
    ("ensemble", "ensemble N", "Trains several models, whose predictions are averaged.", "3"),
    ("snapshots", "snapshots N", "Keeps states of one training, averaged likewise.", "3"),
)


def setting_pages() -> list[Page]:
    """Return a page for each setting of ``train``."""
    options = {"data": DATA_OPTIONS, **OPTION_SETTINGS}
    return [
        Page(
            word,
            "setting",
            usage,
            doc,
            rows_of(Signature(word, options=options.get(word, ()))),
            example=f"input 8x8x1\ndense 10 softmax\ntrain {{\n  {word} {example}\n}}",
        )
        for word, usage, doc, example in _SETTINGS
    ]


def choice_pages() -> list[Page]:
    """Return a page for each loss, optimizer, schedule, metric and step."""
    return [
        *_pages("loss", LOSSES),
        *_pages("optimizer", OPTIMIZERS),
        *_pages("schedule", SCHEDULES),
        *(Page(m.name, "metric", f"metrics {m.name}", m.doc) for m in METRICS.values()),
        *map(_metric_kind, METRIC_KINDS.values()),
        *_pages("preprocess step", PREPROCESS),
        *_pages("augment step", AUGMENT),
    ]


def _metric_kind(kind: MetricKind) -> Page:
    """Return the page of metrics with a number, which stands in parentheses."""
    return Page(kind.name, "metric", f"metrics {kind.usage}", kind.doc, rows_of(kind.signature))


def _pages(kind: str, table: Mapping[str, Any]) -> Iterable[Page]:
    for entry in table.values():
        signature: Signature = entry.signature
        lead = "" if kind.endswith("step") else f"{kind} "
        yield Page(entry.name, kind, f"{lead}{usage_of(signature)}", entry.doc, rows_of(signature))
