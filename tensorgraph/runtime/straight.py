"""The steps of a plan as one Python function.

A loop over steps looks up, for each of them, what it reads and where its result goes, although both
are the same in every run. Written out, a step is one line, as ``v7 = f3(v5, c2, out=o3)``: values
are local variables of the function, and whatever never changes is a name of its own. A step that
was rehearsed is a line too: ``r3_0(); r3_1()`` makes the calls that its kernel made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tensorgraph.base.backend import Array
from tensorgraph.runtime.rehearsal import Rehearsal, is_one_function

if TYPE_CHECKING:
    from tensorgraph.runtime.plan import Step

# Python takes 10 to 50 µs to compile a line, and saves a fraction of one each time that it runs.
MOST_STEPS = 1000


class Straight:
    """Steps written out.

    Parameters
    ----------
    steps : list of Step
        What runs, in order.
    initial : sequence
        The value of each slot before the first step: constants and variables, None elsewhere.
    feeds, fetches : sequence of int
        The slots that are given, and those that are returned.
    rehearsal : Rehearsal
        What was seen of the steps, if anything.

    Attributes
    ----------
    steps : list of Step
        The parameter.
    holds : callable
        Returns whether memory lies where it lay when the steps were written out.
    source : str
        What was written. The step of index i stands in line i + 3.
    run : callable
        Takes the values of `feeds`, returns a list with those of `fetches`.
    """

    def __init__(
        self,
        steps: list[Step],
        initial: Sequence[Any],
        feeds: Sequence[int],
        fetches: Sequence[int],
        rehearsal: Rehearsal,
    ) -> None:
        self.steps, self.holds = steps, rehearsal.still_holds
        self._initial = list(initial)
        for slot, array in rehearsal.fixed.items():
            self._initial[slot] = array
        # Names of the whole module: Python finds them as fast as local ones.
        names = {_value(i): value for i, value in enumerate(self._initial) if value is not None}
        names["copyto"] = rehearsal.copyto
        given = {slot: _fed(slot) if slot in rehearsal.staged else _value(slot) for slot in feeds}
        staged = [f"copyto({_value(slot)}, {given[slot]})" for slot in sorted(rehearsal.staged)]
        lines = [
            f"def run({', '.join(given.values())}):",
            f"    {'; '.join(staged) or 'pass'}",
            *(
                _line(number, step, names)
                if number not in rehearsal.calls
                else _repeated(number, rehearsal.calls[number], names)
                for number, step in enumerate(steps)
            ),
            f"    return [{_values(fetches)}]",
        ]
        self.source = "\n".join(lines)
        exec(compile(self.source, "<plan>", "exec"), names)
        # Taken out, lest the function and its names keep each other alive, and all buffers too.
        self.run: Callable[..., list[Array]] = names.pop("run")

    def failed(self, trace: TracebackType | None) -> tuple[Step, list[Any]] | None:
        """Return the step that raised an error, and the values of all slots then.

        Parameters
        ----------
        trace : traceback
            Of the error, from where `run` was called; None is returned if no step ran.
        """
        inside = trace.tb_next if trace is not None else None
        if inside is None or inside.tb_frame.f_code is not self.run.__code__:
            return None
        found = inside.tb_frame.f_locals
        values = [found.get(_value(i), value) for i, value in enumerate(self._initial)]
        return self.steps[inside.tb_lineno - 3], values


def _value(slot: int) -> str:
    return f"v{slot}"


def _fed(slot: int) -> str:
    return f"a{slot}"


def _values(slots: Sequence[int]) -> str:
    return ", ".join(map(_value, slots))


def _line(number: int, step: Step, names: dict[str, Any]) -> str:
    """Return the line of a step, and add the names that it uses."""
    call = _call(number, step, names)
    return f"    {_values(step.outputs)} = {call}" if step.outputs else f"    {call}"


def _repeated(number: int, calls: Sequence[Callable[[], object]], names: dict[str, Any]) -> str:
    """Return the line of a step that was rehearsed, and add the names that it uses."""
    names |= {f"r{number}_{i}": call for i, call in enumerate(calls)}
    return f"    {'; '.join(f'r{number}_{i}()' for i in range(len(calls))) or 'pass'}"


def _call(number: int, step: Step, names: dict[str, Any]) -> str:
    context, definition = step.context, step.context.op.definition
    if is_one_function(step):
        names[f"f{number}"] = getattr(context.xp, definition.ufunc)
        names[f"o{number}"] = context.out
        return f"f{number}({_values(step.inputs)}, out=o{number})"
    names[f"f{number}"], names[f"c{number}"] = step.kernel, context
    return f"f{number}({', '.join([f'c{number}', *map(_value, step.inputs)])})"
