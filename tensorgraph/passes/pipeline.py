"""The passes, in the order in which they run, and each by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tensorgraph.base import shapes
from tensorgraph.base.backend import Backend
from tensorgraph.passes.affine import join_affine
from tensorgraph.passes.bias import drop_needless_biases
from tensorgraph.passes.control import relax_control
from tensorgraph.passes.fold import fold_constants
from tensorgraph.passes.fuse import fuse_elementwise
from tensorgraph.passes.join_updates import join_updates
from tensorgraph.passes.merge import merge_equal_nodes
from tensorgraph.passes.norms import split_norms
from tensorgraph.passes.pairs import pair_gradients
from tensorgraph.passes.pool_first import pool_first
from tensorgraph.passes.program import Program, prune
from tensorgraph.passes.reshapes import copy_reshapes
from tensorgraph.passes.simplify import simplify
from tensorgraph.passes.softmax import fuse_log_softmax
from tensorgraph.passes.switches import remember_switches


class Pass(NamedTuple):
    """A step of the pipeline.

    Attributes
    ----------
    name : str
        How it is switched on and off.
    run : callable
        Program and backend to program.
    """

    name: str
    run: Callable[[Program, Backend], Program]


PIPELINE = (
    Pass("control", relax_control),
    Pass("fold", fold_constants),
    Pass("merge", merge_equal_nodes),
    Pass("simplify", simplify),
    Pass("softmax", fuse_log_softmax),
    Pass("bias", drop_needless_biases),
    Pass("affine", join_affine),
    Pass("updates", join_updates),
    Pass("pool", pool_first),
    Pass("switches", remember_switches),
    Pass("norms", split_norms),
    Pass("pairs", pair_gradients),
    Pass("reshapes", copy_reshapes),
    Pass("fuse", fuse_elementwise),
)

# What the plan does with the program after the passes: see `passes.regions`, and
# `runtime.rehearsal`.
REGIONS, REPLAY = "regions", "replay"

# Passes that gain something only where there are regions.
FOR_REGIONS = ("norms", "reshapes", REGIONS)

NAMES = (*(p.name for p in PIPELINE), REGIONS, REPLAY)


def optimize(
    program: Program, backend: Backend, names: Sequence[str] = NAMES, *, verify: bool = False
) -> Program:
    """Return the program after the passes.

    Parameters
    ----------
    program : Program
        The program.
    backend : Backend
        What computes constants.
    names : sequence of str, default all
        Which passes run; the order is always that of the pipeline.
    verify : bool, default False
        Check the program after each pass.

    Raises
    ------
    ValueError
        If there is no pass of a name.
    AssertionError
        If a pass broke the program.
    """
    for _, after in stages(program, backend, names):
        if verify:
            check_program(after, program)
        program = after
    return program


def stages(
    program: Program, backend: Backend, names: Sequence[str] = NAMES
) -> Iterator[tuple[Pass, Program]]:
    """Yield each pass that runs, with the program after it.

    Parameters and errors are those of `optimize`.
    """
    unknown = set(names) - set(NAMES)
    if unknown:
        raise ValueError(
            f"no pass is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}"
        )
    for step in PIPELINE:
        if step.name in names:
            program = prune(step.run(program, backend))
            yield step, program


def check_program(program: Program, before: Program) -> None:
    """Check that a program holds together and computes things of the same type as before.

    Raises
    ------
    AssertionError
        If an operation comes before one that it needs, or type or shape of a result changed.
    """
    seen = set()
    for op in program.graph.get_operations():
        for other in (*(t.op for t in op.inputs), *op.control_inputs):
            assert other in seen, f"{op.name} comes before {other.name}, which it needs"
        seen.add(op)
    assert [t.dtype for t in program.feeds] == [t.dtype for t in before.feeds]
    for new, old in zip(program.fetches, before.fetches, strict=True):
        assert new.op in seen, f"{new.name} is not part of the program"
        assert new.dtype is old.dtype, f"{old.name} changed its type to {new.dtype.name}"
        assert shapes.compatible(new.dims, old.dims), f"{old.name} changed its shape"
