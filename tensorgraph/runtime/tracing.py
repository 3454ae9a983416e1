"""A run that is traced: when each node began and ended, and what it wrote.

This is what ``RunOptions(trace_level=RunOptions.FULL_TRACE)`` asks for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgraph.base.backend import Array
from tensorgraph.graph.node import Tensor
from tensorgraph.runtime.labels import label
from tensorgraph.runtime.options import RunMetadata
from tensorgraph.runtime.plan import Plan, Step
from tensorgraph.runtime.step_stats import (
    AllocationDescription,
    DeviceStepStats,
    NodeExecStats,
    NodeOutput,
    TensorDescription,
)

DEVICE = "/job:localhost/replica:0/task:0/device:CPU:0"


def tracer(
    metadata: RunMetadata,
) -> Callable[[Plan, Sequence[Array]], list[np.ndarray[Any, Any]]]:
    """Return what runs a plan, and writes into `metadata` what happened."""

    def run(plan: Plan, feeds: Sequence[Array]) -> list[np.ndarray[Any, Any]]:
        # The clock of the stamps runs evenly; the other one knows the date.
        offset = time.time_ns() - time.perf_counter_ns()
        nodes: list[NodeExecStats] = []
        results = plan.run(feeds, [_traced(step, nodes, offset) for step in plan.steps])
        metadata.step_stats.dev_stats = [DeviceStepStats(device=DEVICE, node_stats=nodes)]
        return results

    return run


def _traced(step: Step, nodes: list[NodeExecStats], offset: int) -> Step:
    """Return a step that adds what happened to `nodes`."""
    kernel, found = step.kernel, label(step)
    inputs = ", ".join(t.op.name for op in found.ops for t in op.inputs)

    def run(*arguments: Any) -> Any:
        start = time.perf_counter_ns()
        result = kernel(*arguments)
        stats = _times(start + offset, time.perf_counter_ns() - start)
        stats.node_name = found.name
        stats.timeline_label = f"{found.name} = {found.type}({inputs})"
        results = (result,) if len(step.outputs) == 1 else result
        pairs = zip(found.outputs, results or (), strict=False)
        stats.output = [_output(slot, *pair) for slot, pair in enumerate(pairs)]
        nodes.append(stats)
        return result

    return step._replace(kernel=run)


def _times(start: int, nanos: int) -> NodeExecStats:
    micros = -(-nanos // 1000)
    return NodeExecStats(
        all_start_micros=start // 1000,
        all_start_nanos=start,
        op_end_rel_micros=micros,
        op_end_rel_nanos=nanos,
        all_end_rel_micros=micros,
        all_end_rel_nanos=nanos,
        scheduled_micros=start // 1000,
        scheduled_nanos=start,
    )


def _output(slot: int, t: Tensor, result: Any) -> NodeOutput:
    """Return the description of a result; of a variable itself, one without a size."""
    # What only regions read lies in blocks.
    blocks = result if isinstance(result, list) else [result]
    size = sum(int(getattr(block, "nbytes", 0)) for block in blocks)
    shape: Any = getattr(result, "shape", t.dims)
    return NodeOutput(
        slot=slot,
        tensor_description=TensorDescription(
            dtype=t.dtype.name,
            shape=tuple(shape or ()),
            allocation_description=AllocationDescription(
                requested_bytes=size, allocated_bytes=size
            ),
        ),
    )
