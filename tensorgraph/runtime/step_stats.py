"""What a traced run tells of its nodes, under the names of TensorFlow's ``step_stats.proto``."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(kw_only=True, slots=True)
class AllocationDescription:
    """The memory of a result.

    Attributes
    ----------
    requested_bytes, allocated_bytes : int
        Its size.
    """

    requested_bytes: int = 0
    allocated_bytes: int = 0


@dataclass(kw_only=True, slots=True)
class TensorDescription:
    """A result.

    Attributes
    ----------
    dtype : str
        Its element type, as ``"float32"``.
    shape : tuple of int
        Its shape.
    allocation_description : AllocationDescription
        Its memory.
    """

    dtype: str = ""
    shape: tuple[int, ...] = ()
    allocation_description: AllocationDescription = field(default_factory=AllocationDescription)


@dataclass(kw_only=True, slots=True)
class NodeOutput:
    """One output of a node: its place among them, and what it is."""

    slot: int = 0
    tensor_description: TensorDescription = field(default_factory=TensorDescription)


@dataclass(kw_only=True, slots=True)
class NodeExecStats:
    """One node in one run.

    Attributes
    ----------
    node_name : str
        Its name.
    all_start_micros, all_start_nanos : int
        When it began, since 1970.
    op_start_rel_micros, op_end_rel_micros, all_end_rel_micros : int
        When its kernel began and ended, and when all was done, since then.
    op_start_rel_nanos, op_end_rel_nanos, all_end_rel_nanos : int
        The same more exactly.
    output : list of NodeOutput
        What it computed.
    timeline_label : str
        Name, type and inputs, as ``"y = MatMul(x, w)"``.
    scheduled_micros, scheduled_nanos : int
        When it could have begun: the same, for nodes run one after the other.
    thread_id : int
        Always 0: workers share what is one node.
    """

    node_name: str = ""
    all_start_micros: int = 0
    all_start_nanos: int = 0
    op_start_rel_micros: int = 0
    op_start_rel_nanos: int = 0
    op_end_rel_micros: int = 0
    op_end_rel_nanos: int = 0
    all_end_rel_micros: int = 0
    all_end_rel_nanos: int = 0
    output: list[NodeOutput] = field(default_factory=list)
    timeline_label: str = ""
    scheduled_micros: int = 0
    scheduled_nanos: int = 0
    thread_id: int = 0


@dataclass(kw_only=True, slots=True)
class DeviceStepStats:
    """The nodes of a device, in the order in which they ran."""

    device: str = ""
    node_stats: list[NodeExecStats] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class StepStats:
    """The devices of a run: there is one."""

    dev_stats: list[DeviceStepStats] = field(default_factory=list)
