"""What a user reads where a kernel fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.base.errors import InvalidArgumentError, OpError, ResourceExhaustedError
from tensorgraph.graph.node import Operation


def explained(error: Exception, op: Operation, values: Sequence[Any]) -> OpError:
    """Return the error of a kernel as one that names the node, its inputs and the user's line.

    Parameters
    ----------
    error : Exception
        What the kernel raised; an OpError that names its node already is returned as it is.
    op : Operation
        The node.
    values : sequence
        Its inputs.
    """
    if isinstance(error, OpError):
        if error.node is None:
            error.node, error.source = op.name, op.source
        return error
    kinds = ", ".join(
        f"{t.name}: {t.dtype.name}{getattr(value, 'shape', '')}"
        for t, value in zip(op.inputs, values, strict=False)
    )
    kind = ResourceExhaustedError if isinstance(error, MemoryError) else InvalidArgumentError
    return kind(f"{op.type}({kinds}): {error}", op.name, op.source)
