"""Syntax tree → checked network, with every mistake of the file found in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dsl.checker.binding import Bound, bind
from dsl.checker.expressions import Evaluator
from dsl.checker.findings import MAX_REPAIRED_ERRORS, Findings
from dsl.checker.lints import warn_about_lost, warn_about_softmax
from dsl.checker.names import Names
from dsl.checker.shrinkage import Step, describe, keep_size, same_here
from dsl.checker.suggestions import verify
from dsl.checker.train_section import Result, TrainChecker
from dsl.diagnostics import Diagnostic, Edit, Fix, NetError, Span, in_file_order
from dsl.layers.activations import ACTIVATIONS
from dsl.layers.arguments import UNKNOWN, Size, format_sizes
from dsl.layers.definition import LAYERS, Complaint, Layer, Use
from dsl.network import INPUT, Net, NetLayer, TrainSettings, default_name
from dsl.syntax import (
    BrokenStatement,
    File,
    FromStatement,
    InputStatement,
    LayerStatement,
    LetStatement,
    Name,
    NetStatement,
    Option,
    OutputStatement,
    Statement,
    TrainStatement,
)
from dsl.tree import parse
from dsl.words import LATER_LAYERS, STATEMENTS
from tensorgraph.base.shapes import Shape, compatible, num_elements
from tensorgraph.data.catalog import describe as describe_data


def check(tree: File, input_shape: Shape = None, classes: int | None = None) -> Net:
    """Check a file and return its network.

    Parameters
    ----------
    tree : File
        From `parse`.
    input_shape : tuple of int, optional
        The shape of one example of the data, where the caller knows it; otherwise the file's
        ``input`` and the names of known data say.
    classes : int, optional
        The number of classes of the data, where the caller knows it.

    Returns
    -------
    Net
        The network; its `warnings` hold what is allowed, but probably not meant.

    Raises
    ------
    NetError
        If the file has errors: all of them, and its warnings.
    """
    net, found = _examine(tree, input_shape, classes)
    if net is not None:
        return net

    def count_errors(text: str) -> int:
        _, again = _examine(parse(text, tree.source.name), input_shape, classes)
        return sum(d.severity == "error" for d in again)

    raise NetError(verify(tree.source.text, found, count_errors))


def _examine(
    tree: File, input_shape: Shape, classes: int | None
) -> tuple[Net | None, list[Diagnostic]]:
    """Return the network, None if there are errors, and all messages."""
    findings = Findings(tree.diagnostics)
    net = _Checker(tree, findings, input_shape, classes).run()
    found = in_file_order(findings.diagnostics)
    return (None if findings.errors else replace(net, warnings=tuple(found))), found


class _Checker:
    """Walks over the statements of one file, with a current value as a reader would have."""

    def __init__(
        self, tree: File, findings: Findings, input_shape: Shape, classes: int | None
    ) -> None:
        self._tree = tree
        self._findings = findings
        self._given_shape = input_shape
        known = describe_data(_data_name(tree) or "")
        if known is not None and input_shape is None:
            self._given_shape, known_classes = known
            classes = known_classes if classes is None else classes
        self._classes = classes
        self._input: Span | None = None
        self._net_name: Name | None = None
        self._train: Span | None = None
        self._names = Names(findings, lambda: self._shape(self._current[0]), classes, tree)
        self._evaluator = Evaluator(self._names, findings)
        self._settings = TrainChecker(self._evaluator, findings)
        self._current: tuple[str, ...] = (INPUT,)
        self._shapes: dict[str, Shape] = {INPUT: self._given_shape}
        self._steps: dict[str, Step] = {}
        self._used: set[str] = set()
        self._outputs: tuple[str, ...] = ()

    def run(self) -> Net:
        """Check everything and return the network, which is only valid without errors."""
        for statement in self._tree.statements:
            self._statement(statement)
        outputs = self._outputs or self._current
        layers = tuple(step.layer for step in self._steps.values())
        settings = self._finish(layers, outputs)
        return Net(
            self._net_name.text if self._net_name else default_name(self._tree.source),
            self._tree.source,
            self._shapes[INPUT],
            self._classes,
            layers,
            outputs,
            settings,
        )

    def _shape(self, reference: str) -> Shape:
        return self._shapes.get(reference)

    def _statement(self, statement: Statement) -> None:
        match statement:
            case LayerStatement():
                self._layer(statement)
            case LetStatement(_, name, value):
                self._names.define_constant(name, self._evaluator.evaluate(value))
            case FromStatement(_, names):
                self._current = self._values(names)
            case OutputStatement():
                self._output(statement)
            case InputStatement():
                self._input_statement(statement)
            case NetStatement():
                self._net(statement)
            case TrainStatement():
                self._train_statement(statement)
            case BrokenStatement():
                self._broken(statement)

    # Statements

    def _net(self, statement: NetStatement) -> None:
        if self._net_name is not None:
            self._twice("`net`", statement.span, self._net_name.span)
            return
        self._names.check_spelling(statement.name)
        self._net_name = statement.name

    def _train_statement(self, statement: TrainStatement) -> None:
        if self._train is not None:
            self._twice("`train`", statement.keyword, self._train)
            return
        self._train = statement.keyword
        self._settings.read(statement)

    def _twice(self, what: str, span: Span, before: Span) -> None:
        self._findings.error(
            "TG303", f"{what} stands twice in the file", span, f"the first is in line {before.line}"
        )

    def _broken(self, statement: BrokenStatement) -> None:
        """Take note of what a statement with a syntax error would have changed."""
        if statement.defines is not None:
            self._names.define_unknown(statement.defines)
        if statement.keyword == "input":
            self._input = statement.span
            self._shapes[INPUT] = None
        if statement.keyword not in STATEMENTS - {"input", "from"}:
            self._current = (INPUT,) if statement.keyword == "input" else (_LOST,)

    def _input_statement(self, statement: InputStatement) -> None:
        if self._input is not None:
            self._twice("`input`", statement.span, self._input)
            return
        self._input = statement.span
        if self._steps:
            self._findings.error(
                "TG309",
                "`input` stands before the first layer",
                statement.span,
                f"the layer in line {next(iter(self._steps.values())).layer.line} comes before it",
            )
            return
        shape = self._input_shape(statement)
        data = self._given_shape
        if shape is not None and data is not None:
            # The values of an example may be arranged anew, as 28x28x1 are to 784.
            same_count = num_elements(shape) == num_elements(data)
            if not compatible(shape, data) and not same_count:
                self._findings.error(
                    "TG206",
                    f"the input does not suit the data, which is {format_sizes(data)}",
                    statement.arguments[0].span,
                    f"expected {format_sizes(data)}, received {format_sizes(shape)}",
                    fixes=(
                        Fix(
                            "take the shape of the data",
                            (Edit(statement.arguments[0].span, format_sizes(data)),),
                        ),
                    ),
                )
                shape = None
        self._shapes[INPUT] = shape

    def _input_shape(self, statement: InputStatement) -> Shape:
        """Return the shape that an ``input`` statement gives, None where it is wrong."""
        arguments = statement.arguments
        of = next((a for a in arguments if isinstance(a, Name) and a.text == "of"), None)
        if of is not None:
            self._findings.later("of", of.span)
            return None
        if len(arguments) != 1 or isinstance(arguments[0], Option):
            digits = [a.span.text for a in arguments]
            together = "x".join(digits)
            fixes: tuple[Fix, ...] = ()
            if arguments and all(text.isdecimal() for text in digits):
                span = arguments[0].span.to(arguments[-1].span)
                fixes = (Fix(f"sizes are written `{together}`", (Edit(span, together),)),)
            self._findings.error(
                "TG401" if not arguments else "TG402",
                "`input` needs one shape",
                statement.span,
                "expected a shape such as `784` or `28x28x1`",
                fixes=fixes,
            )
            return None
        node = arguments[0]
        value = self._evaluator.evaluate(node)
        if value is UNKNOWN:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        sizes = value.sizes if isinstance(value, Size) else (value,)
        shape = tuple(s for s in sizes if s is None or (type(s) is int and s >= 1))
        if len(shape) != len(sizes):
            wrong_type = not isinstance(value, Size | int) or isinstance(value, bool)
            self._findings.error(
                "TG403" if wrong_type else "TG404",
                "the shape of the input must be sizes of at least 1",
                node.span,
                "expected a shape such as `784` or `28x28x1`",
            )
            return None
        return shape

    def _output(self, statement: OutputStatement) -> None:
        if self._outputs:
            self._findings.error(
                "TG303",
                "`output` stands twice in the file",
                statement.span,
                "expected all results in one statement",
            )
            return
        self._outputs = self._values(statement.names)

    def _values(self, names: Sequence[Name]) -> tuple[str, ...]:
        """Return the values of names, without those that do not exist."""
        return tuple(self._names.reference(name) or _LOST for name in names)

    # Layers

    def _layer(self, statement: LayerStatement) -> None:
        kind = statement.kind
        layer = LAYERS.get(kind.text)
        if layer is None:
            self._unknown_layer(statement)
            self._leave(statement, None)
            return
        if statement.called and not self._may_be_called(statement, layer):
            self._leave(statement, None)
            return
        bound = bind(kind, layer.signature, statement.arguments, self._evaluator, self._findings)
        inputs = self._inputs(statement, layer, bound)
        if inputs is None:
            bound.valid = False
            inputs = (_LOST,)
        self._used.update(inputs)
        use = Use(bound.arguments, tuple(self._shape(name) for name in inputs))
        shape = layer.infer(use) if bound.valid and bound.known else None
        name = self._names.layer_name(kind.text, statement.result)
        step = Step(NetLayer(name, layer, statement.span, inputs, use, shape), bound)
        for complaint in use.complaints:
            self._report(complaint, statement, step)
        self._steps[name] = step
        self._shapes[name] = shape
        self._leave(statement, name)

    def _leave(self, statement: LayerStatement, name: str | None) -> None:
        """Make a layer's value the current one, and name it; None: its value is not known."""
        self._current = (name or _LOST,)
        if statement.result is None:
            return
        if name is None:
            self._names.define_unknown(statement.result.text)
        else:
            self._names.define_value(statement.result, name)

    def _unknown_layer(self, statement: LayerStatement) -> None:
        kind = statement.kind
        if kind.text in LATER_LAYERS:
            self._findings.later(kind.text, kind.span)
            return
        known = LAYERS.keys() | (STATEMENTS if statement.result is None else set())
        self._findings.error(
            "TG302",
            f"there is no layer `{kind.text}`",
            kind.span,
            "expected a layer" if statement.result else "expected a layer or another statement",
            fixes=self._findings.nearest(kind.text, kind.span, known),
        )

    def _may_be_called(self, statement: LayerStatement, layer: Layer) -> bool:
        """Return whether a layer's arguments may stand in parentheses: an activation's may."""
        if layer.name in _CALLABLE:
            return True
        kind = statement.kind
        arguments = [argument.span.text for argument in statement.arguments]
        spaced = " ".join([kind.text, *(f"({a})" if a[:1] == "-" else a for a in arguments)])
        call = kind.span.to(statement.span)
        self._findings.error(
            "TG108",
            "arguments of a layer stand side by side, without parentheses",
            call,
            f"expected `{spaced}`",
            fixes=(Fix(f"write `{spaced}`", (Edit(call, spaced),)),),
        )
        return False

    def _inputs(
        self, statement: LayerStatement, layer: Layer, bound: Bound
    ) -> tuple[str, ...] | None:
        """Return the values that a layer receives, None if they are too many or too few."""
        inputs = self._current + self._values(bound.names)
        if layer.merges and len(inputs) < 2:
            self._findings.error(
                "TG401",
                f"`{layer.name}` needs a second value",
                statement.kind.span,
                f"expected `{layer.signature}`, or `from` with several names before it",
            )
            return None
        if not layer.merges and len(inputs) > 1:
            self._findings.error(
                "TG207",
                f"`{layer.name}` takes one value, receives {len(inputs)}",
                statement.kind.span,
                "`from` made several values the current one; only `add` and `concat` take them",
            )
            return None
        return inputs

    def _report(self, complaint: Complaint, statement: LayerStatement, step: Step) -> None:
        """Turn a complaint of a layer's shape rule into a message with its place and repairs."""
        spans = dict(step.bound.spans)
        if step.bound.names:
            names = step.bound.names
            spans["names"] = names[0].span.to(names[-1].span)
        span = next((spans[key] for key in complaint.at if key in spans), statement.kind.span)
        fixes: list[Fix] = []
        if complaint.code == "TG201" and self._findings.errors < MAX_REPAIRED_ERRORS:
            way = self._way(step.layer.inputs[0])
            complaint = replace(complaint, notes=complaint.notes + describe(way))
            fixes += keep_size(way)
        if complaint.code == "TG202" and step.layer.inputs == (INPUT,):
            fixes += self._with_one_channel()
        for repair in complaint.repairs:
            if repair.changes.get("padding") == "same":
                fixes.append(same_here(statement.span.line, step.bound))
            else:
                edits = [Edit(spans[k], v) for k, v in repair.changes.items() if k in spans]
                fixes.append(Fix(repair.help, tuple(edits)))
        self._findings.complaint(complaint, span, tuple(fixes))

    def _with_one_channel(self) -> list[Fix]:
        """Return the repair of an ``input`` without channels, which is taken for a gray image."""
        shape = self._shapes[INPUT]
        if self._input is None or shape is None or len(shape) != 2:
            return []
        image = f"input {format_sizes(shape)}x1"
        return [Fix(f"`{image}` is an image with one channel", (Edit(self._input, image),))]

    def _way(self, reference: str) -> list[Step]:
        """Return the layers that a value has gone through since the input, or the last merge."""
        way: list[Step] = []
        while reference in self._steps:
            step = self._steps[reference]
            if len(step.layer.inputs) != 1:
                break
            way.append(step)
            reference = step.layer.inputs[0]
        return way[::-1]

    # At the end of the file

    def _finish(self, layers: Sequence[NetLayer], outputs: Sequence[str]) -> TrainSettings:
        """Check what only the whole file shows, and return the complete settings."""
        findings = self._findings
        if not layers and not findings.errors:
            findings.error(
                "TG310",
                "the file has no layer",
                Span(self._tree.source, 0, 0),
                "expected a statement such as `dense 10`",
            )
        last = self._steps.get(outputs[0])
        result = None
        if last is not None and last.layer.output_shape is not None:
            result = Result(
                last.layer.span, last.layer.activation, last.layer.output_shape, self._classes
            )
        settings = self._settings.finish(result)
        if not findings.errors:  # after an error, what looks unused may be used by what is missing
            warn_about_softmax(layers, outputs, findings)
            warn_about_lost(layers, self._used.union(outputs), findings)
            self._names.report_unused(outputs)
        return settings


_LOST = "?"
"""Stands for the value of a statement with an error: nothing is said about what it goes into."""

_CALLABLE = frozenset(ACTIVATIONS)
"""The layers that may be written like a call, ``leaky_relu(0.1)``."""


def _data_name(tree: File) -> str | None:
    """Return the known name of the data that a file trains on, if it has one."""
    for statement in tree.statements:
        if isinstance(statement, TrainStatement):
            for setting in statement.settings:
                if setting.name.text == "data" and setting.arguments:
                    source = setting.arguments[0]
                    return source.text if isinstance(source, Name) else None
    return None
