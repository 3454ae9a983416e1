"""`Session`: runs parts of a graph and holds the values of its variables."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.base import shapes
from tensorgraph.base.backend import Backend
from tensorgraph.base.constants import feed_array
from tensorgraph.graph.defaults import get_default_graph
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.stacks import default_session
from tensorgraph.passes import pipeline
from tensorgraph.passes.program import Program, extract
from tensorgraph.runtime.numerics import check_feeds
from tensorgraph.runtime.options import GPUOptions, GraphOptions
from tensorgraph.runtime.plan import Plan
from tensorgraph.runtime.state import SessionState

# Each plan owns buffers, so that only so many are kept: one for each set of fetches and shapes.
PLANS_KEPT = 64


@dataclass(kw_only=True, slots=True)
class ConfigProto:
    """How a session runs.

    Attributes
    ----------
    passes : sequence of str
        Which graph passes run; all by default. The results do not depend on it.
    check_numerics : bool
        Look at every result, and raise InvalidArgumentError at the first node to produce NaN or
        infinity, with its inputs' ranges and the line that made it. For this the graph runs as it
        was built: no passes. Constants may be infinite.
    strict : bool
        Take no way to compute that errs more than plain sums do. Without it, convolutions of
        float32 may err by 1e-5 of the largest result in place of 1e-6, and take half the time.
    gpu_options, graph_options : GPUOptions, GraphOptions
        Kept, as what follows: the backend decides.
    allow_soft_placement, log_device_placement : bool
        Whether another device may serve; whether to tell where operations run.
    device_count : dict
        How many devices of each kind to use.
    intra_op_parallelism_threads : int
        How many threads may share the work of one operation; 0 for one on each processor.
    inter_op_parallelism_threads : int
        Kept: operations run one after the other.
    operation_timeout_in_ms : int
        How long an operation may take.
    """

    passes: Sequence[str] = pipeline.NAMES
    check_numerics: bool = False
    strict: bool = False
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
        self._backend: Backend = NumpyBackend(self._config.intra_op_parallelism_threads)
        self._state = self._new_state()
        self._plans: OrderedDict[Hashable, Plan] = OrderedDict()
        self._contexts: list[AbstractContextManager[Any]] = []
        self._closed = False

    def _new_state(self) -> SessionState:
        return SessionState(self._backend, self._config.check_numerics, self._config.strict)

    def run(
        self,
        fetches: Any,
        feed_dict: Mapping[Any, Any] | None = None,
        options: Any = None,
        run_metadata: Any = None,
    ) -> Any:
        """Return the values of `fetches`.

        Parameters
        ----------
        fetches : Tensor, Operation, Variable, name, or list, tuple or dict of them
            What to compute; nested as you like. An operation gives None.
        feed_dict : mapping, optional
            From tensors to the values they have in this run: placeholders, or any other tensor.
        options, run_metadata : object
            Accepted for TensorFlow's sake.

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
        del options, run_metadata
        if self._closed:
            raise RuntimeError("the session is closed")
        elements: list[Tensor | Operation] = []
        rebuild = self._flatten(fetches, elements)
        fed = self._feeds(feed_dict or {})
        plan = self._plan(elements, fed)
        arrays = [self._backend.from_host(array) for array in fed.values()]
        if self._config.check_numerics:
            check_feeds(self._backend.xp, dict(zip(fed, arrays, strict=True)))
        values = iter(plan.run(arrays))
        results = [next(values) if isinstance(e, Tensor) else None for e in elements]
        return rebuild([v if v is None or v.ndim else v[()] for v in results])

    def plan(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None) -> Plan:
        """Return the compiled plan that `run` would execute, without running it."""
        elements: list[Tensor | Operation] = []
        self._flatten(fetches, elements)
        return self._plan(elements, self._feeds(feed_dict or {}))

    def program(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, optimized: bool = True
    ) -> Program:
        """Return what `run` would compute, before or after the passes, without running it."""
        elements: list[Tensor | Operation] = []
        self._flatten(fetches, elements)
        return self._program(elements, self._feeds(feed_dict or {}), optimized)

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

    def _flatten(
        self, fetches: Any, elements: list[Tensor | Operation]
    ) -> Callable[[list[Any]], Any]:
        """Add the leaves of a nested structure to `elements`; return what builds it again."""
        if isinstance(fetches, list | tuple):
            parts = [self._flatten(f, elements) for f in fetches]
            make = getattr(type(fetches), "_make", type(fetches))  # named tuples
            return lambda values: make([part(values) for part in parts])
        if isinstance(fetches, Mapping):
            entries = {key: self._flatten(f, elements) for key, f in fetches.items()}
            kind = type(fetches) if isinstance(fetches, OrderedDict) else dict
            return lambda values: kind((key, part(values)) for key, part in entries.items())
        if fetches is None:
            raise TypeError("None cannot be fetched")
        place = len(elements)
        elements.append(self.graph.as_graph_element(fetches))
        return lambda values: values[place]

    def _feeds(self, feed_dict: Mapping[Any, Any]) -> dict[Tensor, Any]:
        """Return the fed arrays, checked against type and static shape."""
        fed: dict[Tensor, Any] = {}
        for key, value in feed_dict.items():
            tensor = self.graph.as_graph_element(key)
            if not isinstance(tensor, Tensor):
                raise TypeError(f"{key!r} is an operation: only tensors can be fed")
            if isinstance(value, Tensor):
                raise TypeError(f"{tensor.name!r} was fed a tensor: feed an array or a number")
            try:
                array = feed_array(value, tensor.dtype)
            except (TypeError, ValueError) as error:
                raise type(error)(
                    f"cannot feed {tensor.name!r}, of {tensor.dtype.name}: {error}"
                ) from None
            if not shapes.compatible(array.shape, tensor.dims):
                raise ValueError(
                    f"cannot feed a value of shape {shapes.format_shape(array.shape)} to"
                    f" {tensor.name!r}, which has shape {tensor.shape}"
                    f" (made at {tensor.op.source})"
                )
            fed[tensor] = array
        return fed

    def _plan(self, elements: Sequence[Tensor | Operation], fed: Mapping[Tensor, Any]) -> Plan:
        key = (tuple(elements), tuple((t, a.shape) for t, a in fed.items()))
        plan = self._plans.get(key)
        if plan is None:
            program = self._program(elements, fed, True)
            plan = Plan(program, self._backend, self._state, self._passes)
            self._plans[key] = plan
            if len(self._plans) > PLANS_KEPT:
                self._plans.popitem(last=False)
        else:
            self._plans.move_to_end(key)
        return plan

    def _program(
        self, elements: Sequence[Tensor | Operation], fed: Mapping[Tensor, Any], optimized: bool
    ) -> Program:
        program = extract(
            [e for e in elements if isinstance(e, Tensor)],
            [e for e in elements if isinstance(e, Operation)],
            {t: a.shape for t, a in fed.items()},
        )
        if not optimized:
            return program
        return pipeline.optimize(program, self._backend, self._passes)

    def as_default(self) -> AbstractContextManager[None]:
        """Return a context in which ``eval`` and ``run`` use this session."""
        return default_session(self)

    def close(self) -> None:
        """Give up the values of the variables; the session cannot run any more."""
        self._closed = True
        self._plans.clear()
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
        if not self._closed:
            self._default.__exit__(None, None, None)
        super().close()
