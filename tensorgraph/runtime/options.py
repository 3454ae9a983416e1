"""Options that TensorFlow's sessions take, under its names.

What the engine has no use for is kept and may be read again, so that scripts that set it run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tensorgraph.runtime.step_stats import StepStats


@dataclass(kw_only=True, slots=True)
class GPUOptions:
    """Which GPU is used, and how much of its memory.

    Attributes
    ----------
    per_process_gpu_memory_fraction : float
        The share of the memory that may be taken; 0 for all.
    allow_growth : bool
        Kept: memory is always taken as it is needed.
    visible_device_list : str
        The numbers of GPUs, with commas: the first is ``/gpu:0``, the next ``/gpu:1``.
    """

    per_process_gpu_memory_fraction: float = 0.0
    allow_growth: bool = False
    visible_device_list: str = ""


@dataclass(kw_only=True, slots=True)
class OptimizerOptions:
    """How graphs are optimised: kept; the engine's own passes are `ConfigProto.passes`."""

    L1: ClassVar[int] = 0
    L0: ClassVar[int] = -1
    DEFAULT: ClassVar[int] = 0
    OFF: ClassVar[int] = -1
    ON_1: ClassVar[int] = 1
    ON_2: ClassVar[int] = 2

    opt_level: int = 0
    global_jit_level: int = 0
    do_common_subexpression_elimination: bool = True
    do_constant_folding: bool = True
    do_function_inlining: bool = True


@dataclass(kw_only=True, slots=True)
class GraphOptions:
    """How graphs are prepared: kept."""

    optimizer_options: OptimizerOptions = field(default_factory=OptimizerOptions)
    place_pruned_graph: bool = False


@dataclass(kw_only=True, slots=True)
class RunOptions:
    """How one run is watched.

    Attributes
    ----------
    trace_level : int
        NO_TRACE, or any other one: `RunMetadata` is told when each node began and ended.
    timeout_in_ms, output_partition_graphs, report_tensor_allocations_upon_oom
        Kept.
    """

    NO_TRACE: ClassVar[int] = 0
    SOFTWARE_TRACE: ClassVar[int] = 1
    HARDWARE_TRACE: ClassVar[int] = 2
    FULL_TRACE: ClassVar[int] = 3

    trace_level: int = 0
    timeout_in_ms: int = 0
    output_partition_graphs: bool = False
    report_tensor_allocations_upon_oom: bool = False


@dataclass(kw_only=True, slots=True)
class RunMetadata:
    """What a run tells of itself.

    Attributes
    ----------
    step_stats : StepStats
        Of a run that was traced, the times and results of its nodes.
    """

    step_stats: StepStats = field(default_factory=StepStats)
