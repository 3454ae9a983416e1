"""What a step of a plan is called where people see it: in tables, traces and pages."""

from __future__ import annotations

from typing import NamedTuple

from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.runtime.plan import Step
from tensorgraph.runtime.reads import READS
from tensorgraph.runtime.regions import RegionKernel


class Label(NamedTuple):
    """What a step does, for people.

    Attributes
    ----------
    name : str
        The node's name; of a region, that of its first one.
    type : str
        The type of operation, ``Read`` for a variable, ``Region`` for several operations that run
        block by block.
    ops : tuple of Operation
        The operations; none where a variable is only read.
    outputs : tuple of Tensor
        What it gives.
    source : str
        The user's line.
    """

    name: str
    type: str
    ops: tuple[Operation, ...]
    outputs: tuple[Tensor, ...]
    source: str

    @property
    def text(self) -> str:
        """The name, and of a region how many operations it has and the last of them."""
        if len(self.ops) < 2:
            return self.name
        return f"{self.name} … {self.ops[-1].name} ({len(self.ops)} operations)"

    @property
    def flops(self) -> int:
        """The floating-point operations of a run, as far as the operations say."""
        return sum(op.definition.flops(op) for op in self.ops)


def label(step: Step) -> Label:
    """Return what a step is called.

    Parameters
    ----------
    step : Step
        Of a plan, as it was made: not one that is watched.
    """
    op, kernel = step.context.op, step.kernel
    if kernel in READS:
        return Label(op.name, "Read", (), op.outputs, op.source)
    if isinstance(kernel, RegionKernel):
        return Label(op.name, "Region", kernel.region.ops, kernel.outputs, op.source)
    return Label(op.name, op.type, (op,), op.outputs, op.source)
