"""`Session`: runs parts of a graph and holds the values of its variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from tensorgraph.base.backend import Backend
from tensorgraph.base.errors import FailedPreconditionError
from tensorgraph.base.shapes import FullShape
from tensorgraph.graph.defaults import get_default_graph
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Tensor
from tensorgraph.graph.stacks import default_session
from tensorgraph.passes import pipeline
from tensorgraph.passes.program import Program
from tensorgraph.runtime.call import Call, Runner, is_lasting, signature
from tensorgraph.runtime.options import GPUOptions, GraphOptions, RunMetadata, RunOptions
from tensorgraph.runtime.placement import backend_for, default_backend, needs_gpu
from tensorgraph.runtime.plan import Plan
from tensorgraph.runtime.plans import Plans
from tensorgraph.runtime.state import SessionState
from tensorgraph.runtime.tracing import tracer
from tensorgraph.runtime.tuning import choices_file, tuner_at

# Fetches and feeds that were run; there may be several ways to write those of one plan.
CALLS_KEPT = 256


@dataclass(kw_only=True, slots=True)
class ConfigProto:
    """How a session runs.

    Attributes
    ----------
    backend : str
        What computes: ``"numpy"``, the processor, or ``"cupy"``, the GPU. Empty: the GPU if an
        operation of the graph was made under ``tf.device('/gpu:0')``, else the processor. The
        default is what ``TENSORGRAPH_BACKEND`` says in the environment.
    passes : sequence of str
        Which graph passes run; all by default. The results do not depend on it.
    check_numerics : bool
        Look at every result, and raise InvalidArgumentError at the first node to produce NaN or
        infinity, with its inputs' ranges and the line that made it. For this the graph runs as it
        was built: no passes. Constants may be infinite.
    strict : bool
        Take no way to compute that errs more than plain sums do. Without it, convolutions of
        float32 may err by 1e-5 of the largest result in place of 1e-6, and take half the time.
    autotune : bool
        Where there are several ways to compute a convolution, time them once for each shape, and
        take the fastest on this machine. The choices are kept in
        ``~/.cache/tensorgraph/kernels.json``, so that later runs repeat; another machine may
        choose differently, and differ in the last digits. Without it a fixed rule chooses. Where
        the environment has a variable ``TENSORGRAPH_AUTOTUNE``, that is the default.
    poison_buffers : bool
        Fill every buffer with NaN, or the largest integer, as soon as no later step needs it, and
        so the kernels' scratch memory: a step that reads what was given away is seen by its result.
        For tests of kernels and passes; runs take two or three times as long. Where the environment
        has a variable ``TENSORGRAPH_POISON``, that is the default.
    cuda_graphs : bool
        On a GPU, record what a step starts as one CUDA graph, the third time that it runs, and
        launch that from then on. A step that cannot be recorded runs as before.
    tf32 : bool
        On a GPU, let tensor cores compute products of float32: they round what they multiply to 10
        bits, and are several times as fast.
    gpu_options : GPUOptions
        Which GPU, and how much of its memory.
    graph_options : GraphOptions
        Kept.
    allow_soft_placement : bool
        Let the processor compute where the GPU that the graph names cannot be had.
    log_device_placement : bool
        Kept.
    device_count : dict
        How many devices of each kind to use: ``{"GPU": 0}`` keeps a session off the GPU.
    intra_op_parallelism_threads : int
        How many threads share the work of one operation; 0 for one on each processor, or as many
        as ``OMP_NUM_THREADS`` says.
    inter_op_parallelism_threads : int
        Kept: operations run one after the other.
    operation_timeout_in_ms : int
        How long an operation may take.
    """

    backend: str = field(default_factory=default_backend)
    passes: Sequence[str] = pipeline.NAMES
    check_numerics: bool = False
    strict: bool = False
    autotune: bool = field(default_factory=lambda: "TENSORGRAPH_AUTOTUNE" in os.environ)
    poison_buffers: bool = field(default_factory=lambda: "TENSORGRAPH_POISON" in os.environ)
    cuda_graphs: bool = True
    tf32: bool = False
    gpu_options: GPUOptions = field(default_factory=GPUOptions)
    graph_options: GraphOptions = field(default_factory=GraphOptions)
    allow_soft_placement: bool = False
    log_device_placement: bool = False
    device_count: dict[str, int] = field(default_factory=dict)
    inter_op_parallelism_threads: int = 0
    intra_op_parallelism_threads: int = 0
    operation_timeout_in_ms: int = 0


class Session:
    """Runs parts of a graph and holds the values of its variables.

    Parameters
    ----------
    target : str
        Accepted for TensorFlow's sake; sessions are local.
    graph : Graph, optional
        The graph; default is the default graph.
    config : ConfigProto, optional
        How to run.

    Attributes
    ----------
    graph : Graph
        The graph.

    Examples
    --------
    >>> with tf.Session() as sess:
    ...     sess.run(tf.global_variables_initializer())
    ...     print(sess.run(loss, feed_dict={x: images, y: labels}))
    """

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: ConfigProto | None = None
    ) -> None:
        del target
        self.graph = graph or get_default_graph()
        self._config = config or ConfigProto()
        self._passes = () if self._config.check_numerics else self._config.passes
        self._open(backend_for(self._config, self.graph.devices))
        self._calls: dict[Hashable, Call] = {}
        self._contexts: list[AbstractContextManager[Any]] = []

    def _open(self, backend: Backend) -> None:
        self._backend = backend
        self._state = self._new_state()
        passes = [name for name in self._passes if name not in backend.needless_passes]
        self._plans = Plans(backend, self._state, passes)

    def _keep_placed(self) -> None:
        """See that the session computes where the graph, which may have grown, wants it to."""
        if self._backend.name == "cupy" or not needs_gpu(self._config, self.graph.devices):
            return
        backend = backend_for(self._config, self.graph.devices)
        if backend.name == self._backend.name:
            return  # another device may serve
        if len(self._plans):
            raise FailedPreconditionError(
                "the graph now has operations for a GPU, but the session has already run on the"
                " processor: say ConfigProto(backend='cupy') when you make it"
            )
        self._open(backend)

    def _new_state(self) -> SessionState:
        config = self._config
        return SessionState(
            self._backend,
            config.check_numerics,
            config.strict,
            config.poison_buffers,
            tuner_at(choices_file()) if config.autotune else None,
        )

    def run(
        self,
        fetches: Any,
        feed_dict: Mapping[Any, Any] | None = None,
        options: RunOptions | None = None,
        run_metadata: RunMetadata | None = None,
    ) -> Any:
        """Return the values of `fetches`.

        Parameters
        ----------
        fetches : Tensor, Operation, Variable, name, or list, tuple or dict of them
            What to compute; nested as you like. An operation gives None.
        feed_dict : mapping, optional
            From tensors to the values they have in this run: placeholders, or any other tensor.
        options : RunOptions, optional
            Whether to trace the run.
        run_metadata : RunMetadata, optional
            Receives what a traced run tells of itself.

        Returns
        -------
        numpy.ndarray or numpy scalar, or a structure of them like `fetches`

        Raises
        ------
        RuntimeError
            If the session is closed.
        TypeError, ValueError
            If a fetch or feed is no part of the graph, or a value has the wrong type or shape.
        OpError
            If an operation fails; the message names it and the line that made it.
        """
        feeds = feed_dict or {}
        call = self._call(fetches, feeds)
        return call.run(list(feeds.values()), _runner(options, run_metadata))

    def make_callable(
        self, fetches: Any, feed_list: Iterable[Any] | None = None, accept_options: bool = False
    ) -> Callable[..., Any]:
        """Return a function that runs `fetches`, faster than `run` does.

        Parameters
        ----------
        fetches : Tensor, Operation, Variable, name, or list, tuple or dict of them
            As for `run`.
        feed_list : iterable, optional
            What its arguments are the values of, in order: tensors, variables or names.
        accept_options : bool, default False
            Whether it takes ``options`` and ``run_metadata``, as `run` does, by their names.

        Returns
        -------
        callable
            Takes a value for each of `feed_list`, and returns what `run` would. It raises what
            `run` would, and TypeError where the number of arguments is another one.

        Raises
        ------
        RuntimeError
            If the session is closed.
        TypeError, ValueError
            If a fetch or feed is no part of the graph.

        Examples
        --------
        >>> step = sess.make_callable([train_op, loss], [x, y])
        >>> _, value = step(images, labels)
        """
        feeds = list(feed_list or ())
        call = self._new_call(fetches, feeds)
        count = len(feeds)

        def run(*values: Any) -> Any:
            if len(values) != count:
                raise TypeError(f"{count} values are to be fed, not {len(values)}")
            return call.run(values)

        def run_with_options(
            *values: Any,
            options: RunOptions | None = None,
            run_metadata: RunMetadata | None = None,
        ) -> Any:
            if len(values) != count:
                raise TypeError(f"{count} values are to be fed, not {len(values)}")
            return call.run(values, _runner(options, run_metadata))

        return run_with_options if accept_options else run

    def plan(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None) -> Plan:
        """Return the compiled plan that `run` would execute, without running it."""
        call, feeds = self._call_and_shapes(fetches, feed_dict)
        return self._plans.find(call.elements, feeds)[1]

    def program(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, optimized: bool = True
    ) -> Program:
        """Return what `run` would compute, before or after the passes, without running it."""
        call, feeds = self._call_and_shapes(fetches, feed_dict)
        return self._plans.program(call.elements, feeds, optimized)

    def random_state(self) -> dict[str, Any]:
        """Return where the random numbers of this session stand, as values that JSON can hold.

        With the values of the variables it is all that a session keeps of a training: put back by
        `restore_random_state`, the next run draws the same numbers again.
        """
        return self._state.random_state()

    def restore_random_state(self, state: Mapping[str, Any]) -> None:
        """Set the random numbers back to where they stood.

        Parameters
        ----------
        state : mapping
            From `random_state` of this session, or of another one of an equal graph.
        """
        self._state.restore_random_state(state)

    def _call(self, fetches: Any, feeds: Iterable[Any]) -> Call:
        """Return what was made ready for fetches and feeds, or make it."""
        try:
            key = signature(fetches, feeds)
            known = self._calls.get(key)
        except TypeError:
            return self._new_call(fetches, feeds)
        if known is None:
            known = self._new_call(fetches, feeds)
            if len(self._calls) >= CALLS_KEPT:
                self._calls.clear()
            if is_lasting(feeds):
                self._calls[key] = known
        return known

    def _new_call(self, fetches: Any, feeds: Iterable[Any]) -> Call:
        self._plans.check_open()
        self._keep_placed()
        return Call(self._plans, self.graph, fetches, feeds)

    def _call_and_shapes(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None
    ) -> tuple[Call, dict[Tensor, FullShape]]:
        feeds = feed_dict or {}
        call = self._new_call(fetches, feeds)
        return call, call.shapes(list(feeds.values()))

    def as_default(self) -> AbstractContextManager[None]:
        """Return a context in which ``eval`` and ``run`` use this session."""
        return default_session(self)

    def close(self) -> None:
        """Give up the values of the variables; the session cannot run any more."""
        self._plans.close()
        self._calls.clear()
        self._state = self._new_state()

    def __enter__(self) -> Session:
        for context in (self.graph.as_default(), self.as_default()):
            context.__enter__()
            self._contexts.append(context)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for _ in range(2):
            self._contexts.pop().__exit__(None, None, None)
        if not self._contexts:
            self.close()


def _runner(options: RunOptions | None, run_metadata: RunMetadata | None) -> Runner:
    """Return what runs a plan as the options of a run say."""
    if options is None or run_metadata is None or options.trace_level == RunOptions.NO_TRACE:
        return Plan.run
    return tracer(run_metadata)


class InteractiveSession(Session):
    """A session that is the default one from the start, for notebooks and shells.

    Parameters are those of `Session`.
    """

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: ConfigProto | None = None
    ) -> None:
        super().__init__(target, graph, config)
        self._default = self.as_default()
        self._default.__enter__()

    def close(self) -> None:
        """Stop being the default session, and close."""
        if not self._plans.closed:
            self._default.__exit__(None, None, None)
        super().close()
