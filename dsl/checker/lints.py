"""Warnings about networks that are allowed, but probably not meant."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dsl.checker.findings import Findings
from dsl.diagnostics import Span
from dsl.network import NetLayer


def warn_about_softmax(
    layers: Sequence[NetLayer], outputs: Collection[str], findings: Findings
) -> None:
    """Warn about a softmax that other layers follow, and about one over a single value.

    Parameters
    ----------
    layers : sequence of NetLayer
        The network.
    outputs : collection of str
        The layers whose values are its results.
    findings : Findings
        Where the warnings go.
    """
    for layer in layers:
        if layer.activation.name != "softmax":
            continue
        if layer.name not in outputs:
            findings.warning(
                "TG411",
                "`softmax` is not at the end of the network",
                layer.span,
                "its values add up to 1, which leaves little to the layers behind it",
            )
        if layer.output_shape and layer.output_shape[-1] == 1:
            findings.warning(
                "TG412",
                "`softmax` over one value is always 1",
                layer.span,
                "expected several values, or `sigmoid`",
            )


def warn_about_nothing_to_train(
    layers: Sequence[NetLayer], train: Span | None, findings: Findings
) -> None:
    """Warn about a ``train`` section of a network that has no weights to train.

    Parameters
    ----------
    layers : sequence of NetLayer
        The network.
    train : Span or None
        The word ``train``, None where the file has none.
    findings : Findings
        Where the warning goes.
    """
    if train is None or not all(layer.is_known for layer in layers):
        return
    trained = (w for layer in layers if not layer.frozen for w in layer.weights if w.trainable)
    if next(trained, None) is None:
        findings.warning(
            "TG511", "there is nothing to train", train, "no layer has weights that are not frozen"
        )


def warn_about_lost(layers: Sequence[NetLayer], used: Collection[str], findings: Findings) -> None:
    """Warn about layers whose values nothing receives.

    Parameters
    ----------
    layers : sequence of NetLayer
        The network.
    used : collection of str
        The layers whose values other layers receive, or that are results.
    findings : Findings
        Where the warnings go.
    """
    for layer in layers:
        if layer.name not in used:
            findings.warning(
                "TG306",
                f"the value of this `{layer.kind}` is never used",
                layer.span,
                "the statement behind it starts from another value",
            )
