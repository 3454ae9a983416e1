"""What the checker knows at the statement that it is looking at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dsl.checker.draft import LOST, Draft
from dsl.checker.expressions import Evaluator
from dsl.checker.findings import Findings
from dsl.checker.names import Names
from dsl.checker.scopes import Scope
from dsl.checker.train_section import TrainChecker
from dsl.diagnostics import Span
from dsl.network import INPUT, Hyperparameter, Net
from dsl.syntax import BlockStatement, Body, File, Name, Statement
from tensorgraph.base.shapes import Shape

MAX_DEPTH = 100
"""How deep braces, blocks and used files may be nested in each other."""

MAX_FILES = 20
"""How many files may bring in each other, one inside of the next."""

MAX_EXPANDED = 100_000
"""How many statements repetitions and blocks may come to."""


@dataclass(frozen=True)
class Given:
    """What is known of a file's surroundings.

    Attributes
    ----------
    input_shape : Shape
        The shape of one example of the data; None where it is not known.
    classes : int or None
        The number of classes of the data.
    constants : mapping of str to str
        Values for constants of the file, as text, instead of its own.
    files : tuple of Path
        The file, behind those that use or import it.
    depth : int
        How deep the statement that uses the file is nested.
    used : bool
        Whether another file uses it: its input then takes the size of what comes there.
    trained : bool
        Whether the network has been trained already: files of weights to start from may be gone.
    """

    input_shape: Shape = None
    classes: int | None = None
    constants: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    depth: int = 0
    used: bool = False
    trained: bool = False


class Context:
    """The state of a check.

    Parameters
    ----------
    tree : File
        The file.
    findings : Findings
        Where complaints go.
    names : iterable of str
        The names that the file gives to values.
    given : Given
        Its surroundings.
    execute : callable
        Checks one statement.
    use : callable
        Checks another file and returns its network.

    Attributes
    ----------
    tree, findings, given
        As given.
    draft : Draft
        The network so far.
    current : tuple of str
        The layers or inputs whose values are the current one; LOST where that is not known.
    names : Names
        What names stand for.
    top : Scope
        The names outside of all braces.
    evaluator : Evaluator
        Computes expressions.
    prefix : str
        The path of the block or group that is being checked, with a slash at its end.
    blocks : list of BlockStatement
        The blocks that are being called.
    expanded : int
        How many statements of repetitions and blocks there were.
    stopped : bool
        Whether a limit was reached: nothing more that stands in braces is then looked at.
    hyperparameters : list of Hyperparameter
        What a search may change.
    called : set of int
        The blocks, by the identity of their statements, that have been called.
    depth : int
        How deep the statement is nested.
    trying : bool
        Whether it is no part of the network, as what stands in an ``if`` that is not chosen.
    constants : dict of str to str
        The given values of constants that no ``let`` has taken yet.
    files : tuple of Path
        The file, behind those that use or import it.
    outputs : tuple of str
        The results that an ``output`` statement names.
    net_name : Name or None
        What a ``net`` statement says.
    train : Span or None
        The word ``train``.
    settings : TrainChecker
        Reads the settings.
    """

    def __init__(
        self,
        tree: File,
        findings: Findings,
        names: Iterable[str],
        given: Given,
        execute: Callable[[Context, Statement], None],
        use: Callable[[File, Given], Net],
    ) -> None:
        self.tree = tree
        self.findings = findings
        self.given = given
        self.constants = dict(given.constants)
        self.files = given.files
        self.draft = Draft(names)
        self.current: tuple[str, ...] = (INPUT,)
        self.names = Names(findings, self.current_shape, given.classes)
        self.evaluator = Evaluator(self.names, findings)
        self.prefix = ""
        self.blocks: list[BlockStatement] = []
        self.called: set[int] = set()
        self.depth = given.depth
        self.trying = False
        self.expanded = 0
        self.stopped = False
        self.hyperparameters: list[Hyperparameter] = []
        self.outputs: tuple[str, ...] = ()
        self.net_name: Name | None = None
        self.train: Span | None = None
        self.settings = TrainChecker(self.evaluator, findings)
        self.top = self.names.scope
        self.use = use
        self._execute = execute

    def current_shape(self) -> Shape:
        """Return the shape of the current value."""
        return self.draft.shape(self.current[0])

    @property
    def at_top(self) -> bool:
        """Whether the statement stands outside of all braces."""
        return self.names.scope is self.top

    def lose(self) -> None:
        """Take note that the current value is not known."""
        self.current = (LOST,)

    def single(self, span: Span, what: str) -> str:
        """Return the one current value; complain where ``from`` made several the current one."""
        if len(self.current) > 1:
            self.findings.error(
                "TG207",
                f"`{what}` takes one value, receives {len(self.current)}",
                span,
                "`from` made several values the current one; only layers that merge take them",
            )
            self.lose()
        return self.current[0]

    # Statements inside of statements

    def run(self, statements: Sequence[Statement]) -> None:
        """Check statements one after the other."""
        for statement in statements:
            self._execute(self, statement)

    def run_body(self, body: Body, scope: Scope | None = None) -> None:
        """Check what stands in braces, with names of its own.

        Parameters
        ----------
        body : Body
            The braces.
        scope : Scope, optional
            Its names; by default it sees all that is around it.
        """
        if not self._may_expand(body):
            self.lose()
            return
        self.depth += 1
        with self.names.inside(scope or Scope(self.names.scope)):
            self.run(body.statements)
        self.depth -= 1

    def try_body(self, body: Body, scope: Scope | None = None) -> None:
        """Check what is no part of the network: a block that is not called, a skipped ``if``.

        The words are checked, but no shapes, and the network stays as it is.
        """
        before = self.draft, self.current, self.expanded, self.trying
        self.draft, self.trying = self.draft.aside(), True
        self.lose()
        self.run_body(body, scope or Scope(self.names.scope))
        self.draft, self.current, self.expanded, self.trying = before

    @contextmanager
    def path(self, name: str) -> Iterator[None]:
        """Name layers ``name/…`` for a while."""
        before, self.prefix = self.prefix, f"{name}/"
        try:
            yield
        finally:
            self.prefix = before

    def _may_expand(self, body: Body) -> bool:
        """Return whether a body may be checked; complain where there is no end of them."""
        self.expanded += len(body.statements) + 1
        if self.stopped:
            return False
        if self.depth >= MAX_DEPTH:
            self.stopped = True
            self.findings.error(
                "TG111",
                f"braces and blocks are nested more than {MAX_DEPTH} deep",
                body.span,
                f"this is the level {MAX_DEPTH + 1}",
            )
        elif self.expanded > MAX_EXPANDED:
            self.stopped = True
            self.findings.error(
                "TG112",
                f"repetitions and blocks come to more than {MAX_EXPANDED:,} statements",
                body.span,
                "the limit is reached here",
            )
        return not self.stopped
