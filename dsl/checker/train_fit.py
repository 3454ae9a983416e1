"""Whether the settings of ``train { … }`` suit the network, the data and each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dsl.checker.findings import Findings
from dsl.diagnostics import Edit, Fix, Span, quoted
from dsl.layers.activations import ActivationUse
from dsl.layers.arguments import format_sizes
from dsl.losses import LOSSES, default_loss, tells_classes
from dsl.metrics import VALIDATION, metric_of
from dsl.settings import INPUT_TARGET, TrainSettings
from dsl.steps import FLIPS
from tensorgraph.base.shapes import Shape

_DIGITS = frozenset(["digits", "mnist"])
"""Known data whose pictures mean something else in a mirror."""

"""Among how many classes ``top5`` looks."""


@dataclass(frozen=True)
class Result:
    """The result of a network, as the loss sees it.

    Attributes
    ----------
    span : Span
        The last layer's statement.
    activation : ActivationUse
        The last layer's activation.
    shape : Shape
        The result's shape.
    classes : int or None
        How many classes the data has, where that is known.
    """

    span: Span
    activation: ActivationUse
    shape: Shape
    classes: int | None

    @property
    def width(self) -> int | None:
        """How many numbers the result is, if it is a row of them of known length."""
        return self.shape[0] if self.shape is not None and len(self.shape) == 1 else None

    def tells_classes(self, loss: str) -> bool:
        """Return whether the network tells classes apart, trained with a loss."""
        return tells_classes(loss, self.activation.name, self.shape, self.classes)


def check_fit(
    settings: TrainSettings, spans: Mapping[str, Span], result: Result | None, findings: Findings
) -> None:
    """Complain about settings that do not suit.

    Parameters
    ----------
    settings : TrainSettings
        All settings.
    spans : mapping
        Where those stand that the file gives: settings by their words, and ``METRIC`` words of
        ``metrics`` and the steps of ``augment`` as ``metrics.NAME`` and ``augment.NAME``.
    result : Result or None
        The network's result, None where it is not known.
    findings : Findings
        Where complaints go.
    """
    if result is not None and settings.reconstructs:
        result = replace(result, classes=None)  # what the data's classes are does not matter
    if result is not None:
        _check_shape(settings, spans, result, findings)
        if "loss" in spans:
            _check_loss(settings.loss, spans["loss"], result, findings)
        _check_classes(settings.loss, result, findings)
        _check_metrics(settings, spans, result, findings)
    _check_contradictions(settings, spans, findings)
    _check_watched(settings, spans, findings)
    _check_flips(settings, spans, findings)


def _check_loss(name: str, span: Span, result: Result, findings: Findings) -> None:
    """Complain about a loss that the last layer's activation does not suit."""
    loss, last = LOSSES[name], result.activation.name
    suitable = default_loss(last)
    fixes = (Fix(f"`{suitable}` suits it", (Edit(span, f"loss {suitable}"),)),)
    if last in loss.unfit:
        findings.error(
            "TG504",
            f"`{name}` makes no sense behind {last}",
            span,
            f"the last layer ends in `{last}` (line {result.span.line})",
            fixes=fixes,
        )
        return
    needed = loss.activation
    if needed is None or last == needed:
        return
    if last == "linear":
        findings.warning(
            "TG505",
            f"`{name}` takes the results as values before a {needed}",
            span,
            f"the last layer has no `{needed}`",
            notes=(f"training is the same, but predictions are not put through {needed}",),
        )
        return
    findings.error(
        "TG504",
        f"`{name}` needs a last layer with {needed}",
        span,
        f"the last layer ends in `{last}` (line {result.span.line})",
        fixes=fixes,
    )


def _check_shape(
    settings: TrainSettings, spans: Mapping[str, Span], result: Result, findings: Findings
) -> None:
    """Complain about an image as the result where the data says one class an example."""
    shape = result.shape
    if result.classes is None or shape is None or len(shape) == 1:
        return
    fixes: tuple[Fix, ...] = ()
    if (
        settings.data is not None
        and settings.data.span is not None
        and settings.data.target is None
    ):
        behind = Edit(settings.data.span.after(), f" target={INPUT_TARGET}")
        fixes = (Fix(f"`target={INPUT_TARGET}` trains it to give back its input", (behind,)),)
    findings.error(
        "TG514",
        f"the network gives {format_sizes(shape)}, the data says one class an example",
        result.span,
        "expected a row of numbers, as `dense` gives it",
        fixes=fixes,
    )


def _check_classes(loss: str, result: Result, findings: Findings) -> None:
    """Complain about fewer results than the data has classes."""
    width, classes = result.width, result.classes
    if not LOSSES[loss].of_classes or width is None or classes is None:
        return
    # A single result tells two classes apart.
    enough = 2 if width == 1 and LOSSES[loss].activation != "softmax" else width
    if width > classes:
        findings.warning(
            "TG512",
            f"{width} results for {classes} classes",
            result.span,
            f"{width - classes} of the results never belong to an example",
        )
    if enough >= classes:
        return
    units = re.match(r"dense\s+(\d+)", result.span.text)
    fixes: tuple[Fix, ...] = ()
    if units:
        start = result.span.start
        digits = Span(result.span.source, start + units.start(1), start + units.end(1))
        fixes = (Fix(f"`dense {classes}` has a result for each", (Edit(digits, str(classes)),)),)
    findings.error(
        "TG506",
        f"{width} result{'s' if width > 1 else ''} for {classes} classes",
        result.span,
        f"the data needs at least {classes}",
        fixes=fixes,
    )


def _check_metrics(
    settings: TrainSettings, spans: Mapping[str, Span], result: Result, findings: Findings
) -> None:
    """Complain about metrics, and scores that settings watch, that the network cannot have."""
    asked = [(name, spans.get(f"metrics.{name}"), False) for name in settings.metrics]
    for setting in ("stop", "checkpoint", "schedule"):
        span = spans.get(f"{setting}.score")
        if span is not None:
            asked.append((_watched_by(setting, settings), span, True))
    for score, span, watched in asked:
        reason = _misfit(score.removeprefix(VALIDATION), settings.loss, result)
        if not reason and watched and not _is_measured_in_steps(score):
            reason = f"it is measured on the validation part only, as `{VALIDATION}{score}`"
        if reason and span is not None:
            findings.error("TG507", f"`{score}` does not suit the network", span, reason)


def _is_measured_in_steps(score: str) -> bool:
    """Return whether a watched score is on the validation part, or a mean over the steps."""
    return score.startswith(VALIDATION) or score == "loss" or metric_of(score).mean is not None


def _watched_by(setting: str, settings: TrainSettings) -> str:
    """Return the score that a setting watches."""
    if setting == "stop" and settings.stop is not None:
        return settings.stop.on
    if setting == "checkpoint" and settings.checkpoint.best is not None:
        return settings.checkpoint.best
    return str(settings.schedule.options["on"])


def _misfit(name: str, loss: str, result: Result) -> str:
    """Return why a metric does not suit a network, empty if it does."""
    metric, width = metric_of(name), result.width
    if metric.needs == "anything":
        return ""
    if not result.tells_classes(loss):
        return f"it needs classes, but the network gives values (line {result.span.line})"
    if width is not None and max(width, 2) < metric.least_classes:
        return f"it needs at least {metric.least_classes} classes, the network has {max(width, 2)}"
    if metric.needs == "two classes" and width is not None and width > 2:
        return f"it needs two classes, the network has {width}"
    return ""


def _check_contradictions(
    settings: TrainSettings, spans: Mapping[str, Span], findings: Findings
) -> None:
    """Complain about settings that exclude each other."""

    def complain(at: str, message: str, label: str, remove: str = "") -> None:
        fixes = (Fix(f"remove `{remove}`", (Edit(spans[remove], ""),)),) if remove else ()
        findings.error("TG508", message, spans[at], label, fixes=fixes)

    if settings.clip.norm is not None and settings.clip.value is not None:
        complain("clip", "gradients are clipped in one way only", "expected `norm=` or `value=`")
    if "ensemble" in spans and "snapshots" in spans:
        complain(
            "snapshots",
            "`ensemble` and `snapshots` exclude each other",
            f"line {spans['ensemble'].line} asks for several models",
            "snapshots",
        )
    elif settings.snapshots > 1 and "schedule" in spans and settings.schedule.name != "cosine":
        complain(
            "schedule",
            f"`snapshots` does not go with the schedule `{settings.schedule.name}`",
            "each snapshot ends a cosine of its own",
            "schedule",
        )
    if settings.snapshots > settings.epochs:
        complain(
            "snapshots",
            f"{settings.snapshots} snapshots in {_epochs(settings.epochs)}",
            "each needs an epoch at least",
        )
    warmup = settings.schedule.options.get("warmup", 0)
    if settings.steps is not None and warmup >= settings.steps and "schedule" in spans:
        complain(
            "schedule",
            "the warm-up is as long as the training",
            f"{warmup} steps of {settings.steps}",
        )
    resized = any(step.name == "resize" for step in settings.preprocess)
    if settings.data is not None and settings.data.resize is not None and resized:
        complain(
            "preprocess.resize",
            "the images are resized twice",
            f"line {spans['data'].line} does so already",
        )


def _check_watched(settings: TrainSettings, spans: Mapping[str, Span], findings: Findings) -> None:
    """Complain about a watched validation score where nothing is kept aside to validate with."""
    if settings.data is None or settings.data.validation != 0:
        return
    for setting in ("stop", "checkpoint", "schedule"):
        if setting not in spans or not _watches(setting, settings):
            continue
        score = _watched_by(setting, settings)
        if score.startswith(VALIDATION):
            own = score.removeprefix(VALIDATION)
            findings.error(
                "TG508",
                f"`{setting}` watches `{score}`, but there is no validation part",
                spans.get(f"{setting}.score", spans[setting]),
                f"`validation=0` in line {spans['data'].line} keeps nothing aside",
                notes=(f"`validation=0.1` keeps a tenth aside; `{own}` is the training score",),
            )


def _watches(setting: str, settings: TrainSettings) -> bool:
    if setting == "stop":
        return settings.stop is not None
    if setting == "checkpoint":
        return settings.checkpoint.best is not None
    return "on" in settings.schedule.options


def _check_flips(settings: TrainSettings, spans: Mapping[str, Span], findings: Findings) -> None:
    """Warn about mirrored digits."""
    if settings.data is None or settings.data.source not in _DIGITS:
        return
    flips = [step.name for step in settings.augment if step.name in FLIPS]
    if flips:
        findings.warning(
            "TG510",
            f"{quoted(flips, 'and')} mirrors digits",
            spans[f"augment.{flips[0]}"],
            "a mirrored digit is no longer the same digit",
        )


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' if count > 1 else ''}"
