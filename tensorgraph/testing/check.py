"""`check_gradients`: compares, and where a gradient is wrong, says whose fault it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.runtime.explanation import explain_gradient
from tensorgraph.runtime.session import Session
from tensorgraph.testing.differences import Comparison, Finding
from tensorgraph.testing.gradients import (
    as_sources,
    as_targets,
    build,
    compare_gradients,
    session_of,
)
from tensorgraph.testing.point import Point
from tensorgraph.testing.rules import Fault, find_faults
from tensorgraph.testing.scripts import script_of


class GradientError(AssertionError):
    """A gradient is wrong.

    Parameters
    ----------
    message : str
        Which, where, and both numbers.
    comparisons : sequence of Comparison
        What was compared, the right ones too.
    ys : sequence of Tensor, optional
        What was differentiated.
    faults : sequence of Fault, optional
        The operations whose own rules are wrong, in order.
    script : str, optional
        A script that shows the smallest failing graph.

    Attributes
    ----------
    comparisons, faults, script
        The parameters.
    """

    def __init__(
        self,
        message: str,
        comparisons: Sequence[Comparison],
        ys: Sequence[Tensor] = (),
        faults: Sequence[Fault] = (),
        script: str = "",
    ) -> None:
        super().__init__(message)
        self.comparisons = list(comparisons)
        self.faults = list(faults)
        self.script = script
        self._ys = list(ys)

    @property
    def op(self) -> Operation | None:
        """The operation whose rule is wrong; None where every rule is right by itself."""
        return self.faults[0].op if self.faults else None

    @property
    def finding(self) -> Finding:
        """What is wrong, in a word or two: with that operation's rule, or with the whole."""
        if self.faults:
            return self.faults[0].comparison.finding
        return next(c.finding for c in self.comparisons if not c.ok)

    @property
    def dot(self) -> str:
        """The graph in Graphviz's language, the operations with wrong rules in red."""
        from tensorgraph.viz.render import render

        marked = [fault.op for fault in self.faults]
        return render(self._ys, format="dot", highlight=marked).dot


def check_gradients(
    y: Tensor | Sequence[Tensor] | Callable[..., Any],
    xs: Any,
    feed_dict: Mapping[Any, Any] | None = None,
    *,
    session: Session | None = None,
    order: int = 1,
    method: str = "central",
    kinks: str = "skip",
    eps: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    max_elements: int | None = None,
    seed: int = 0,
) -> list[Comparison]:
    """Check what `gradients` gives for `y` by `xs`, and raise where it is wrong.

    Where the gradient of a graph is wrong, the rule of each operation is checked by itself, so
    that the error names the one to blame.

    Parameters and result are those of `compare_gradients`, but that `y` may be a function: it is
    called with placeholders of float64 for the arrays `xs`, in a graph of its own.

    Raises
    ------
    GradientError
        If a gradient is wrong. The message names the operation whose rule is wrong and the line
        that made it, x, the element and both numbers, and ends with a script that shows it.

    Examples
    --------
    >>> x = tf.placeholder(tf.float64, [3, 4])
    >>> check_gradients(tf.nn.softmax(x), x, {x: np.random.randn(3, 4)}, order=2)
    >>> check_gradients(tf.nn.softmax, np.random.randn(3, 4), order=2)
    """
    if callable(y):
        if feed_dict is not None:
            raise ValueError("with a function, all that it takes is given as arrays in xs")
        y, xs, feed_dict = build(y, xs)
    targets, sources = as_targets(y), as_sources(xs)
    session = session or session_of(targets[0].graph)
    comparisons = compare_gradients(
        targets,
        sources,
        feed_dict,
        session=session,
        order=order,
        method=method,
        kinks=kinks,
        eps=eps,
        rtol=rtol,
        atol=atol,
        max_elements=max_elements,
        seed=seed,
    )
    if any(not c.ok for c in comparisons):
        raise _explained(comparisons, targets, sources, feed_dict or {}, session, order, kinks)
    return comparisons


def _explained(
    comparisons: Sequence[Comparison],
    ys: Sequence[Tensor],
    xs: Sequence[Tensor],
    feeds: Mapping[Any, Any],
    session: Session,
    order: int,
    kinks: str,
) -> GradientError:
    """Return the error that says which operation is to blame."""
    wrong = [c for c in comparisons if not c.ok]
    point = Point(session, xs, feeds, ys)
    faults = find_faults(point, ys, xs, order, kinks)
    op = ys[0].op
    parts = [
        f"the gradient of {op.name!r} is wrong ({op.describe()}, made at {op.source})",
        *(f"  {c}" for c in wrong),
        *(str(fault) for fault in faults),
    ]
    if not faults:
        parts.append("the rule of every operation is right by itself, as far as it can be checked")
        parts.extend(_cuts(ys, xs))
    script = faults[0].script if faults else ""
    if not script:
        fed = {t: v for t, v in point.feeds(point.xs).items() if isinstance(t, Tensor)}
        script = script_of(ys, xs, fed, order)
    if script:
        parts.append(f"to see it by itself, run\n\n{script}")
    return GradientError("\n".join(parts), comparisons, ys, faults, script)


def _cuts(ys: Sequence[Tensor], xs: Sequence[Tensor]) -> list[str]:
    """Return where the gradients are cut, a line each."""
    cuts = [cut for y in ys for x in xs for cut in explain_gradient(y, x).cuts]
    lines = dict.fromkeys(str(cut) for cut in cuts)
    return [f"the gradient is cut at {line}" for line in lines]
