"""Checks ``train { … }``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dsl.checker.binding import Bound, bind
from dsl.checker.expressions import Evaluator
from dsl.checker.findings import Findings
from dsl.checker.train_fit import Result, check_fit
from dsl.checker.train_steps import complain_about_braces, read_steps
from dsl.diagnostics import Edit, Fix, Span, quoted
from dsl.layers.arguments import (
    ArgumentType,
    ArgumentValueError,
    OneOf,
    Pair,
    Real,
    Value,
    Whole,
)
from dsl.layers.definition import Parameter, Signature
from dsl.losses import LOSSES, default_loss
from dsl.metrics import METRIC_KINDS, METRICS, SCORES, VALIDATION
from dsl.optimizers import OPTIMIZERS, OptimizerSettings
from dsl.schedules import SCHEDULES, ScheduleSettings
from dsl.settings import (
    INPUT_TARGET,
    VALIDATION_SHARE,
    CheckpointSettings,
    ClipSettings,
    DataSettings,
    RegularizeSettings,
    StopSettings,
    TrainSettings,
)
from dsl.steps import AUGMENT, PREPROCESS, AugmentStep, PreprocessStep, StepKind
from dsl.syntax import Argument, Call, Name, Option, Setting, SettingGroup, Text, TrainStatement

__all__ = ["Result", "TrainChecker"]


@dataclass(frozen=True)
class _Column(ArgumentType):
    """A column of a table: its name, or its number from 0."""

    @property
    def phrase(self) -> str:
        return "the name of a column, or its number from 0"

    def convert(self, value: Value) -> str | int:
        if isinstance(value, str):
            return value
        try:
            return Whole(0).convert(value)
        except ArgumentValueError as error:
            raise ArgumentValueError(error.code, self.phrase) from None


@dataclass(frozen=True)
class _Classes(ArgumentType):
    """Some classes of a set: a list of their names."""

    @property
    def phrase(self) -> str:
        return 'a list of names, such as ["cat", "dog"]'

    def convert(self, value: Value) -> tuple[str, ...]:
        names = value if isinstance(value, tuple) else ()
        texts = tuple(name for name in names if isinstance(name, str))
        if not texts or len(texts) != len(names):
            raise ArgumentValueError("TG403", self.phrase)
        return texts


_SCORE = OneOf(
    "a score such as `val_loss`", frozenset([*SCORES, *(VALIDATION + name for name in SCORES)])
)
_AMOUNT = Real(0.0, above=True)

DATA_OPTIONS = (
    Parameter("validation", Real(0.0, 1.0, below=True), "the share kept aside for validation", 0.0),
    Parameter("target", _Column(), "the column of a table that holds the labels", None),
    Parameter("text", _Column(), "the column of a table that holds texts", None),
    Parameter("resize", Pair(1), "the size that images of a folder are brought to", None),
    Parameter("only", _Classes(), 'the classes of images to use, such as ["cat", "dog"]', None),
)
"""What may stand behind the source of `data`."""
_COLUMNS = frozenset(["target", "text"])

OPTION_SETTINGS: Mapping[str, tuple[Parameter, ...]] = {
    "regularize": (
        Parameter("l1", Real(0.0), "the penalty on |w| of all kernels", 0.0),
        Parameter("l2", Real(0.0), "the penalty on w²/2 of all kernels", 0.0),
    ),
    "clip": (
        Parameter("norm", _AMOUNT, "the largest norm of all gradients together", None),
        Parameter("value", _AMOUNT, "the largest element of a gradient", None),
    ),
    "stop": (
        Parameter("patience", Whole(1), "so many epochs are waited for a better score", 5),
        Parameter("on", _SCORE, "the score", "val_loss"),
        Parameter("min_delta", Real(0.0), "how much better counts as better", 0.0),
    ),
    "checkpoint": (
        Parameter("every", Whole(1), "epochs from one checkpoint to the next", 1),
        Parameter("keep", Whole(1), "how many checkpoints are kept", 3),
        Parameter("best", _SCORE, "the score whose best epoch gives the model", None),
    ),
}
"""The settings that consist of options, with these."""

NUMBER_SETTINGS: Mapping[str, tuple[ArgumentType, str]] = {
    "batch": (Whole(1), "how many examples a step sees"),
    "epochs": (Whole(1), "how often all examples are seen"),
    "steps": (Whole(1), "after how many steps training ends"),
    "seed": (Whole(0), "where random numbers start"),
    "ensemble": (Whole(1), "how many models are averaged"),
    "snapshots": (Whole(1), "how many snapshots of one model are averaged"),
}
"""The settings that are one number, and what it means."""

WORD_SETTINGS: Mapping[str, tuple[ArgumentType, str]] = {
    "precision": (
        OneOf("`float32` or `mixed`", frozenset(["float32", "mixed"])),
        "what products are computed in",
    ),
}
"""The settings that are one word, and what it means."""

_CLASSES: Mapping[str, Callable[..., Any]] = {
    "regularize": RegularizeSettings,
    "clip": ClipSettings,
    "stop": StopSettings,
    "checkpoint": CheckpointSettings,
}
_NEED_AN_OPTION = frozenset(["regularize", "clip"])
STEP_GROUPS: Mapping[str, Mapping[str, StepKind]] = {"preprocess": PREPROCESS, "augment": AUGMENT}
"""The settings that consist of steps in braces, with these."""

SETTINGS = frozenset(
    [
        *(OPTION_SETTINGS.keys() | NUMBER_SETTINGS.keys() | WORD_SETTINGS.keys()),
        *STEP_GROUPS,
        *("data", "loss", "optimizer", "schedule", "metrics"),
    ]
)
"""Every setting of ``train``."""


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
        self._values: dict[str, Any] = {}
        self._spans: dict[str, Span] = {}
        self._settings: dict[str, Callable[[Setting], Any]] = {
            "data": self._data,
            "loss": self._loss,
            "optimizer": self._optimizer,
            "schedule": self._schedule,
            "metrics": self._metrics,
            **dict.fromkeys((*NUMBER_SETTINGS, *WORD_SETTINGS), self._alone),
            **dict.fromkeys(OPTION_SETTINGS, self._options),
        }

    def read(self, train: TrainStatement) -> None:
        """Take the settings of a ``train`` statement."""
        for setting in train.settings:
            name, span = setting.name.text, setting.name.span
            if name not in SETTINGS:
                self._findings.error(
                    "TG501",
                    f"`train` has no setting `{name}`",
                    span,
                    f"expected {quoted(sorted(SETTINGS))}",
                    fixes=self._findings.nearest(name, span, SETTINGS),
                )
            elif name in self._spans:
                self._findings.error(
                    "TG502",
                    f"`{name}` is given twice",
                    span,
                    f"line {self._spans[name].line} already says so",
                    fixes=(Fix("remove the second one", (Edit(setting.span, ""),)),),
                )
            else:
                self._spans[name] = setting.span
                self._values[name] = self._read(setting)

    def finish(self, result: Result | None) -> TrainSettings:
        """Return all settings, with defaults that suit the network's result.

        Parameters
        ----------
        result : Result or None
            The result, None where it is not known; then nothing is said about the loss.
        """
        values = {key: value for key, value in self._values.items() if value is not None}
        name, options = values.pop("loss", None) or self._default_loss(result)
        if "steps" in values:
            # An epoch has at least one step, so that the steps alone decide.
            values.setdefault("epochs", values["steps"])
        of_classes = result.tells_classes(name) if result else LOSSES[name].of_classes
        data = values.get("data")
        of_classes = of_classes and not (data is not None and data.target == INPUT_TARGET)
        values.setdefault("metrics", ("accuracy", "loss") if of_classes else ("loss",))
        settings = TrainSettings(**values, loss=name, loss_options=options)
        if settings.snapshots > 1 and "schedule" not in self._spans:
            cosine = ScheduleSettings("cosine", SCHEDULES["cosine"].signature.defaults())
            settings = replace(settings, schedule=cosine)
        given = "data.validation" in self._spans
        if data is not None and settings.watches_validation and not given:
            settings = replace(settings, data=replace(data, validation=VALIDATION_SHARE))
        check_fit(settings, self._spans, result, self._findings)
        return settings

    def _default_loss(self, result: Result | None) -> tuple[str, dict[str, Any]]:
        name = default_loss(result.activation.name if result else "linear")
        return name, LOSSES[name].signature.defaults()

    def _read(self, setting: Setting | SettingGroup) -> Any:
        """Return the value of a setting, None where it is wrong."""
        name = setting.name.text
        if name in STEP_GROUPS:
            return self._group(setting)
        if isinstance(setting, SettingGroup):
            complain_about_braces(setting, self._findings)
            return None
        return self._settings[name](setting)

    def _group(self, setting: Setting | SettingGroup) -> Any:
        name = setting.name.text
        if isinstance(setting, Setting):
            words = " ".join(argument.span.text for argument in setting.arguments)
            braced = f"{name} {{ {words} }}" if words else f"{name} {{ }}"
            self._findings.error(
                "TG509",
                f"the steps of `{name}` stand in braces",
                setting.span,
                f"expected `{braced}`",
                fixes=(Fix(f"write `{braced}`", (Edit(setting.span, braced),)),),
            )
            return None
        steps, spans = read_steps(setting, STEP_GROUPS[name], self._evaluator, self._findings)
        self._spans.update({f"{name}.{word}": span for word, span in spans.items()})
        kind = PreprocessStep if name == "preprocess" else AugmentStep
        return tuple(kind(word, arguments) for word, arguments in steps)

    def _data(self, setting: Setting) -> DataSettings | None:
        if not setting.arguments:
            self._missing(setting, "a known name or a path")
            return None
        source, *rest = setting.arguments
        if not isinstance(source, Name | Text):
            text = source.span.text
            quote = Fix("a path stands in double quotes", (Edit(source.span, f'"{text}"'),))
            self._findings.error(
                "TG503",
                "`data` needs a known name or a path",
                source.span,
                "expected a name such as `digits`, or a path",
                fixes=() if isinstance(source, Option) or '"' in text else (quote,),
            )
            return None
        name = source.text if isinstance(source, Name) else source.value
        bound = self._bind(
            setting.name, Signature("data", options=DATA_OPTIONS), _with_columns(rest)
        )
        if bound is None:
            return None
        if "validation" in bound.spans:
            self._spans["data.validation"] = bound.spans["validation"]
        return DataSettings(name, **bound.arguments, span=source.span)

    def _loss(self, setting: Setting) -> tuple[str, dict[str, Any]] | None:
        word = self._first_word(setting, "a loss", LOSSES.keys())
        if word is None:
            return None
        bound = self._bind(word, LOSSES[word.text].signature, setting.arguments[1:])
        return (word.text, bound.arguments) if bound else None

    def _optimizer(self, setting: Setting) -> OptimizerSettings | None:
        word = self._first_word(setting, "an optimizer", OPTIMIZERS.keys())
        if word is None:
            return None
        bound = self._bind(word, OPTIMIZERS[word.text].signature, setting.arguments[1:])
        return OptimizerSettings(word.text, bound.arguments) if bound else None

    def _schedule(self, setting: Setting) -> ScheduleSettings | None:
        word = self._first_word(setting, "a schedule", SCHEDULES.keys())
        if word is None:
            return None
        bound = self._bind(word, SCHEDULES[word.text].signature, setting.arguments[1:])
        if bound is None:
            return None
        if "on" in bound.arguments:
            self._spans["schedule.score"] = bound.spans.get("on", word.span)
        return ScheduleSettings(word.text, bound.arguments)

    def _metrics(self, setting: Setting) -> tuple[str, ...] | None:
        if not setting.arguments:
            self._missing(setting, "a metric")
            return None
        found = [self._metric(argument) for argument in setting.arguments]
        names = dict.fromkeys(name for name in found if name is not None)
        for name, argument in zip(found, setting.arguments, strict=True):
            self._spans.setdefault(f"metrics.{name}", argument.span)
        return tuple(names)

    def _metric(self, argument: Argument) -> str | None:
        """Return the full name of a metric, None where something is wrong with it."""
        call = argument if isinstance(argument, Call) else None
        word = call.function if call else argument
        known = self._known_word(word, "a metric", METRICS.keys() | METRIC_KINDS.keys())
        if known is None:
            return None
        kind = METRIC_KINDS.get(known.text)
        if call is None:
            if kind is None:
                return known.text
            self._findings.error(
                "TG401",
                f"`{kind.name}` needs a number in parentheses",
                known.span,
                f"expected `{kind.usage}`, {kind.parameter.doc}",
            )
            return None
        bound = self._bind(known, kind.signature if kind else Signature(known.text), call.arguments)
        if bound is None or kind is None:
            return None
        return f"{kind.name}({bound.arguments[kind.parameter.name]})"

    def _options(self, setting: Setting) -> Any:
        name = setting.name.text
        parameters = OPTION_SETTINGS[name]
        if not setting.arguments and name in _NEED_AN_OPTION:
            self._missing(setting, quoted([f"{p.name}=" for p in parameters]))
            return None
        bound = self._bind(setting.name, Signature(name, options=parameters), setting.arguments)
        if bound is None:
            return None
        watched = {"stop": "on", "checkpoint": "best"}.get(name)
        if watched and bound.arguments[watched] is not None:
            self._spans[f"{name}.score"] = bound.spans.get(watched, setting.name.span)
        return _CLASSES[name](**bound.arguments)

    def _alone(self, setting: Setting) -> int | str | None:
        """Return the only argument of a setting, which is a number or a word."""
        kind, doc = {**NUMBER_SETTINGS, **WORD_SETTINGS}[setting.name.text]
        signature = Signature(setting.name.text, (Parameter("value", kind, doc),))
        bound = self._bind(setting.name, signature, setting.arguments)
        return bound.arguments["value"] if bound else None

    def _bind(
        self, word: Name, signature: Signature, arguments: Sequence[Argument]
    ) -> Bound | None:
        """Return the arguments of a word, None where something is wrong with them."""
        bound = bind(word, signature, arguments, self._evaluator, self._findings)
        return bound if bound.valid and bound.known else None

    def _first_word(self, setting: Setting, what: str, words: Collection[str]) -> Name | None:
        """Return the first argument of a setting, which is one of a few words."""
        if not setting.arguments:
            self._missing(setting, what)
            return None
        return self._known_word(setting.arguments[0], what, words)

    def _known_word(self, word: Argument, what: str, words: Collection[str]) -> Name | None:
        """Return an argument that is one of a few words; complain about anything else."""
        if isinstance(word, Name) and word.text in words:
            return word
        self._findings.error(
            "TG503",
            f"`{word.span.text}` is not {what}",
            word.span,
            f"expected {quoted(sorted(words))}",
            fixes=self._findings.nearest(word.span.text, word.span, words),
        )
        return None

    def _missing(self, setting: Setting, what: str) -> None:
        name = setting.name
        self._findings.error(
            "TG401", f"`{name.text}` needs {what}", name.span, f"expected {what} behind it"
        )


def _with_columns(arguments: Sequence[Argument]) -> list[Argument]:
    """Return arguments in which a column's bare name, ``target=price``, is a text."""
    return [
        replace(a, value=Text(a.value.span, a.value.text))
        if isinstance(a, Option) and a.name.text in _COLUMNS and isinstance(a.value, Name)
        else a
        for a in arguments
    ]
