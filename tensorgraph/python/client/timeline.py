"""Traced runs as pictures of time: ``from tensorgraph.python.client import timeline``.

The text that `Timeline` makes is opened by ``chrome://tracing`` and by https://ui.perfetto.dev.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tensorgraph.runtime.step_stats import DeviceStepStats, NodeExecStats, StepStats


class Timeline:
    """What a traced run tells, as a picture of time.

    Parameters
    ----------
    step_stats : StepStats
        From `RunMetadata`.

    Examples
    --------
    >>> options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    >>> metadata = tf.RunMetadata()
    >>> sess.run(train_op, options=options, run_metadata=metadata)
    >>> trace = timeline.Timeline(metadata.step_stats).generate_chrome_trace_format()
    """

    def __init__(self, step_stats: StepStats) -> None:
        self._step_stats = step_stats

    def generate_chrome_trace_format(
        self, show_dataflow: bool = True, show_memory: bool = False
    ) -> str:
        """Return the trace as JSON text.

        Parameters
        ----------
        show_dataflow : bool, default True
            Say with each node which ones it reads.
        show_memory : bool, default False
            Say with each node what it wrote, and draw how many bytes that were so far.
        """
        events: list[dict[str, Any]] = []
        for pid, device in enumerate(self._step_stats.dev_stats):
            events.append(
                {"ph": "M", "name": "process_name", "pid": pid, "args": {"name": device.device}}
            )
            events += [_node(pid, stats, show_dataflow, show_memory) for stats in device.node_stats]
            if show_memory:
                events += _memory(pid, device)
        return json.dumps({"traceEvents": events}, indent=2)


def written(stats: NodeExecStats) -> int:
    """Return how many bytes the results of a node have."""
    return sum(
        output.tensor_description.allocation_description.requested_bytes for output in stats.output
    )


def _node(pid: int, stats: NodeExecStats, dataflow: bool, memory: bool) -> dict[str, Any]:
    """Return the event of a node; times are in microseconds."""
    kind, inputs = _parts(stats.timeline_label)
    args: dict[str, Any] = {"name": stats.node_name, "op": kind}
    if dataflow:
        args |= {f"input{i}": name for i, name in enumerate(inputs)}
    if memory:
        args["bytes"] = written(stats)
    return {
        "ph": "X",
        "cat": "Op",
        "name": kind,
        "pid": pid,
        "tid": stats.thread_id,
        "ts": stats.all_start_nanos / 1000,
        "dur": stats.op_end_rel_nanos / 1000,
        "args": args,
    }


def _memory(pid: int, device: DeviceStepStats) -> list[dict[str, Any]]:
    """Return the events of a curve: the bytes written so far, at the end of each node."""
    events: list[dict[str, Any]] = []
    total = 0
    for stats in device.node_stats:
        total += written(stats)
        end = (stats.all_start_nanos + stats.op_end_rel_nanos) / 1000
        events.append(
            {"ph": "C", "name": "written", "pid": pid, "ts": end, "args": {"bytes": total}}
        )
    return events


def _parts(label: str) -> tuple[str, list[str]]:
    """Return the type and the inputs that a label names, as in ``"y = MatMul(x, w)"``."""
    found = re.fullmatch(r"(?s).* = (\w+)\((.*)\)", label)
    if found is None:
        return label, []
    return found[1], found[2].split(", ") if found[2] else []
