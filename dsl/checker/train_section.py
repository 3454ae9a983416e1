"""Checks ``train { … }``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dsl.checker.binding import bind
from dsl.checker.expressions import Evaluator
from dsl.checker.findings import Findings
from dsl.diagnostics import Edit, Fix, Span, quoted
from dsl.layers.activations import ActivationUse
from dsl.layers.arguments import ArgumentType, OneOf, Real, Whole
from dsl.layers.definition import Parameter, Signature
from dsl.losses import LOSSES, default_loss
from dsl.network import DataSettings, TrainSettings
from dsl.optimizers import OPTIMIZERS, OptimizerSettings
from dsl.schedules import SCHEDULES, ScheduleSettings
from dsl.syntax import Name, Option, Setting, Text, TrainStatement
from dsl.words import (
    LATER_DATA,
    LATER_LOSSES,
    LATER_METRICS,
    LATER_OPTIMIZERS,
    LATER_SCHEDULES,
    LATER_SETTINGS,
)
from tensorgraph.base.shapes import Shape

METRICS = frozenset(["accuracy", "loss"])
"""What can be reported while training."""

_DATA_OPTIONS = (
    Parameter("validation", Real(0.0, 1.0, below=True), "the share kept aside for validation", 0.0),
)


@dataclass
class GivenSettings:
    """The settings that a file gives, and where each stands."""

    values: dict[str, Any] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)


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


class TrainChecker:
    """Reads the settings of a file.

    Parameters
    ----------
    evaluator : Evaluator
        Computes expressions.
    findings : Findings
        Where complaints go.
    """

    def __init__(self, evaluator: Evaluator, findings: Findings) -> None:
        self._evaluator = evaluator
        self._findings = findings
        self._given = GivenSettings()
        self._settings: dict[str, Callable[[Setting], Any]] = {
            "data": self._data,
            "loss": lambda s: self._word(s, "a loss", LOSSES.keys(), LATER_LOSSES),
            "optimizer": self._optimizer,
            "schedule": self._schedule,
            "batch": lambda s: self._value(s, Whole(1), "how many examples a step sees"),
            "epochs": lambda s: self._value(s, Whole(1), "how often all examples are seen"),
            "steps": lambda s: self._value(s, Whole(1), "after how many steps training ends"),
            "seed": lambda s: self._value(s, Whole(0), "where random numbers start"),
            "metrics": self._metrics,
        }

    def read(self, train: TrainStatement) -> None:
        """Take the settings of a ``train`` statement."""
        for setting in train.settings:
            name, span = setting.name.text, setting.name.span
            if name in LATER_SETTINGS:
                self._findings.later(name, span)
            elif name not in self._settings:
                self._findings.error(
                    "TG501",
                    f"`train` has no setting `{name}`",
                    span,
                    f"expected {quoted(sorted(self._settings))}",
                    fixes=self._findings.nearest(name, span, self._settings.keys()),
                )
            elif name in self._given.spans:
                self._findings.error(
                    "TG502",
                    f"the {name} is given twice",
                    span,
                    f"line {self._given.spans[name].line} already says so",
                    fixes=(Fix("remove the second one", (Edit(setting.span, ""),)),),
                )
            else:
                self._given.spans[name] = setting.span
                self._given.values[name] = self._settings[name](setting)

    def finish(self, result: Result | None) -> TrainSettings:
        """Return all settings, with defaults that suit the network's result.

        Parameters
        ----------
        result : Result or None
            The result, None where it is not known; then nothing is said about the loss.
        """
        values = {key: value for key, value in self._given.values.items() if value is not None}
        loss = default_loss(result.activation.name if result else "linear")
        if result is not None:
            if "loss" in values:
                self._check_loss(values["loss"], result)
            self._check_classes(values.get("loss", loss), result)
        values.setdefault("loss", loss)
        of_classes = LOSSES[values["loss"]].activation is not None
        values.setdefault("metrics", ("accuracy", "loss") if of_classes else ("loss",))
        return TrainSettings(**values)

    def _data(self, setting: Setting) -> DataSettings | None:
        if not setting.arguments:
            self._missing(setting, "a known name or a path")
            return None
        source, *rest = setting.arguments
        if isinstance(source, Name) and source.text in LATER_DATA:
            self._findings.later(source.text, source.span)
            return None
        if not isinstance(source, Name | Text):
            text = source.span.text
            quote = Fix("a path stands in double quotes", (Edit(source.span, f'"{text}"'),))
            fixes = () if isinstance(source, Option) or '"' in text else (quote,)
            self._findings.error(
                "TG503",
                "`data` needs a known name or a path",
                source.span,
                "expected a name such as `digits`, or a path",
                fixes=fixes,
            )
            return None
        name = source.text if isinstance(source, Name) else source.value
        signature = Signature("data", options=_DATA_OPTIONS)
        bound = bind(setting.name, signature, rest, self._evaluator, self._findings)
        if not bound.valid or not bound.known:
            return None
        return DataSettings(name, bound.arguments["validation"], source.span)

    def _optimizer(self, setting: Setting) -> OptimizerSettings | None:
        first = setting.arguments[:1]
        word = self._known_word(setting, first, "an optimizer", OPTIMIZERS.keys(), LATER_OPTIMIZERS)
        if word is None:
            return None
        kind = OPTIMIZERS[word.text]
        bound = bind(word, kind.signature, setting.arguments[1:], self._evaluator, self._findings)
        if not bound.valid or not bound.known:
            return None
        return OptimizerSettings(word.text, bound.arguments)

    def _schedule(self, setting: Setting) -> ScheduleSettings | None:
        first = setting.arguments[:1]
        word = self._known_word(setting, first, "a schedule", SCHEDULES.keys(), LATER_SCHEDULES)
        if word is None:
            return None
        signature = SCHEDULES[word.text].signature
        bound = bind(word, signature, setting.arguments[1:], self._evaluator, self._findings)
        if not bound.valid or not bound.known:
            return None
        return ScheduleSettings(word.text, bound.arguments)

    def _metrics(self, setting: Setting) -> tuple[str, ...] | None:
        if not setting.arguments:
            self._missing(setting, quoted(sorted(METRICS)))
            return None
        words = [
            self._known_word(setting, (argument,), "a metric", METRICS, LATER_METRICS)
            for argument in setting.arguments
        ]
        return tuple(dict.fromkeys(word.text for word in words if word is not None))

    def _word(self, setting: Setting, what: str, words: Any, later: frozenset[str]) -> str | None:
        """Return the only argument of a setting, which is one of a few words."""
        word = self._known_word(setting, setting.arguments[:1], what, words, later)
        if word is None:
            return None
        kind = OneOf(what, frozenset(words))
        bound = bind(
            setting.name,
            Signature(setting.name.text, (Parameter(setting.name.text, kind, what),)),
            setting.arguments,
            self._evaluator,
            self._findings,
        )
        return word.text if bound.valid else None

    def _value(self, setting: Setting, kind: ArgumentType, doc: str) -> int | None:
        """Return the only argument of a setting, which is a number."""
        name = setting.name.text
        signature = Signature(name, (Parameter("value", kind, doc),))
        bound = bind(setting.name, signature, setting.arguments, self._evaluator, self._findings)
        if not bound.valid or not bound.known:
            return None
        value: int = bound.arguments["value"]
        return value

    def _known_word(
        self, setting: Setting, arguments: Any, what: str, words: Any, later: frozenset[str]
    ) -> Name | None:
        """Return an argument that is one of a few words; complain about anything else."""
        if not arguments:
            self._missing(setting, what)
            return None
        word = arguments[0]
        if isinstance(word, Name) and word.text in words:
            return word
        if isinstance(word, Name) and word.text in later:
            self._findings.later(word.text, word.span)
            return None
        nearest = self._findings.nearest(word.span.text, word.span, words)
        self._findings.error(
            "TG503",
            f"`{word.span.text}` is not {what}",
            word.span,
            f"expected {quoted(sorted(words))}",
            fixes=nearest,
        )
        return None

    def _missing(self, setting: Setting, what: str) -> None:
        name = setting.name
        self._findings.error(
            "TG401", f"`{name.text}` needs {what}", name.span, f"expected {what} behind it"
        )

    def _check_loss(self, name: str, result: Result) -> None:
        """Complain about a loss that the last layer's activation does not suit."""
        needed, last = LOSSES[name].activation, result.activation.name
        if needed is None or last == needed:
            return
        span = self._given.spans["loss"]
        if last == "linear":
            self._findings.warning(
                "TG505",
                f"`{name}` takes the results as values before a {needed}",
                span,
                f"the last layer has no `{needed}`",
                notes=(f"training is the same, but predictions are not put through {needed}",),
            )
            return
        suitable = default_loss(last)
        self._findings.error(
            "TG504",
            f"`{name}` needs a last layer with {needed}",
            span,
            f"the last layer ends in `{last}` (line {result.span.line})",
            fixes=(Fix(f"`{suitable}` suits it", (Edit(span, f"loss {suitable}"),)),),
        )

    def _check_classes(self, loss: str, result: Result) -> None:
        """Complain about fewer results than the data has classes."""
        shape, classes = result.shape, result.classes
        if loss != "cross_entropy" or not shape or shape[-1] is None or classes is None:
            return
        if shape[-1] < classes:
            self._findings.error(
                "TG506",
                f"{shape[-1]} results for {classes} classes",
                result.span,
                f"the data needs at least {classes}",
            )
