"""Convolution by cuDNN, through the package ``nvidia-cudnn-frontend``.

cuDNN is told of one convolution as a graph of one node, and offers several plans for it. The first
time that a case is asked for, each is run a few times, and the fastest serves from then on.

Images stay as they are: cuDNN calls their axes (batch, channels, height, width) and learns from the
strides that channels come last. It wants filters the same way round, (out, height, width, in), so
that those of the engine are turned on the way in and out.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import logging
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tensorgraph.backends.cuda import columns
from tensorgraph.backends.cuda.transpose import copy
from tensorgraph.backends.cuda.windows import Case
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

_logger = logging.getLogger("tensorgraph")

# No more of the plans are tried, best first as cuDNN ranks them, each so often.
MOST_PLANS, TRIALS = 8, 3
WORKSPACE_BYTES = 1 << 30

_NAMES = {
    np.dtype(np.float32): "FLOAT",
    np.dtype(np.float64): "DOUBLE",
    np.dtype(np.float16): "HALF",
}
# Of plans: what makes two runs differ, and what rounds products of float32.
_UNSTEADY = ("NONDETERMINISTIC",)
_ROUNDING = (
    *("TENSOR_CORE", "DOWN_CONVERT_INPUTS", "REDUCED_PRECISION_REDUCTION"),
    *("FFT", "WINOGRAD", "WINOGRAD_TILE_4x4", "WINOGRAD_TILE_6x6", "WINOGRAD_TILE_13x13"),
)


class _Product(NamedTuple):
    """One of the three: the frontend's function, its inputs and their roles, and the result."""

    function: str
    ports: tuple[tuple[str, str], tuple[str, str]]
    result: str


_PRODUCTS = {
    "forward": _Product("conv_fprop", (("image", "images"), ("weight", "filter")), "results"),
    "by_input": _Product("conv_dgrad", (("filter", "filter"), ("loss", "results")), "images"),
    "by_filter": _Product("conv_wgrad", (("image", "images"), ("loss", "results")), "filter"),
}


class _Chosen(NamedTuple):
    """A plan for a case.

    Attributes
    ----------
    graph : object
        The frontend's graph, of the tensors 1, 2 and 3: the inputs and the result.
    number : int
        Which of its plans.
    workspace : int
        How many bytes it needs.
    size : tuple of int
        The size of the images; with the zeros around them, where cuDNN knows no other way.
    """

    graph: Any
    number: int
    workspace: int
    size: tuple[int, ...]


# A handle, which is of one device; a case, one of the products, and the element type.
_Key: TypeAlias = tuple[Any, Case, str, np.dtype[Any]]


class Cudnn:
    """Knows the fastest plan for each case.

    Parameters
    ----------
    library : module
        The frontend, as ``import cudnn`` gives it.
    xp : module
        The array module, with `Products`.
    """

    def __init__(self, library: Any, xp: Any) -> None:
        self._library = library
        self._xp = xp
        self._handles: dict[int, Any] = {}
        self._chosen: dict[_Key, _Chosen | None] = {}
        self._choosing = threading.Lock()
        self._failures = (
            *(library.cudnnGraphNotSupportedError, RuntimeError, ValueError),
            *(NotImplementedError, IndexError),
        )
        self._handle()

    def _handle(self) -> Any:
        """Return the handle for the current stream."""
        stream = self._xp.cuda.get_current_stream().ptr
        found = self._handles.get(stream)
        if found is None:
            found = self._library.create_handle()
            self._library.set_stream(handle=found, stream=stream)
            self._handles[stream] = found
        return found

    def compute(
        self, k: KernelContext, case: Case, product: str, one: Array, other: Array, out: Array
    ) -> bool:
        """Compute a convolution, or one of its gradients; return whether cuDNN can.

        Parameters are those of `find`, and what the function that it returns takes.
        """
        key = (self._handle(), case, product, out.dtype)
        if key not in self._chosen:
            with self._choosing:
                # Another thread may have waited here for the same.
                if key not in self._chosen:
                    self._chosen[key] = self._choose(k, case, product, one, other, out)
        chosen = self._chosen[key]
        if chosen is not None:
            self._run(k, case, chosen, product, one, other, out)
        return chosen is not None

    def _choose(
        self, k: KernelContext, case: Case, product: str, one: Array, other: Array, out: Array
    ) -> _Chosen | None:
        """Return the fastest plan for a case; None if there is none."""
        reason: BaseException | None = None
        for how in dict.fromkeys((case, _framed(case))):
            try:
                graph = self._graph(how, product, out.dtype)
            except self._failures as error:
                reason = error
                continue
            best, least = None, math.inf
            for plan in itertools.islice(self._plans(graph, how.size), MOST_PLANS):
                trial = functools.partial(self._run, k, case, plan, product, one, other, out)
                try:
                    taken = self._time(trial)
                except (*self._failures, MemoryError) as error:
                    # Where there is no room for what one plan needs, another one may do with less.
                    reason = error
                    continue
                if taken < least:
                    best, least = plan, taken
            if best is not None:
                return best
        text = str(reason).splitlines()[0] if reason is not None and str(reason) else "no plan"
        _logger.info("cuDNN cannot compute %s of %s (%s): a product does", product, case, text)
        return None

    def _graph(self, case: Case, product: str, dtype: np.dtype[Any]) -> Any:
        """Return the frontend's graph for a case, with its plans ranked."""
        library, (function, ports, result) = self._library, _PRODUCTS[product]
        kind = getattr(library.data_type, _NAMES[dtype])
        exact = library.data_type.DOUBLE if dtype == np.float64 else library.data_type.FLOAT
        graph = library.pygraph(
            name=product,
            io_data_type=kind,
            intermediate_data_type=exact,
            compute_data_type=exact,
            handle=self._handle(),
        )
        layouts = _layouts(case)
        tensors = {
            port: graph.tensor(
                name=role,
                dim=layouts[role][0],
                stride=layouts[role][1],
                data_type=kind,
                uid=number,
            )
            for number, (port, role) in enumerate(ports, 1)
        }
        made = getattr(graph, function)(
            **tensors,
            pre_padding=[before for before, _ in case.pads],
            post_padding=[after for _, after in case.pads],
            stride=list(case.steps),
            dilation=list(case.gaps),
        )
        made.set_output(True).set_data_type(kind).set_uid(3)
        dims, strides = layouts[result]
        made.set_dim(dims).set_stride(strides)
        graph.validate()
        graph.build_operation_graph()
        modes = library.heur_mode
        graph.create_execution_plans([modes.A, modes.FALLBACK])
        excluded: tuple[str, ...] = _UNSTEADY
        if dtype != np.float16 and not self._xp.products.tf32:
            excluded += _ROUNDING
        graph.deselect_numeric_notes([getattr(library.numerical_note, n) for n in excluded])
        graph.deselect_workspace_greater_than(WORKSPACE_BYTES)
        graph.check_support()
        return graph

    def _plans(self, graph: Any, size: tuple[int, ...]) -> Iterator[_Chosen]:
        """Yield the plans of a graph that can be built."""
        for index in range(graph.get_execution_plan_count()):
            try:
                graph.build_plan_at_index(index)
                workspace = graph.get_workspace_size_plan_at_index(index)
            except self._failures:
                continue
            yield _Chosen(graph, index, workspace, size)

    def _time(self, trial: Callable[[], None]) -> float:
        """Return how many milliseconds something takes on the device."""
        events = self._xp.cuda
        trial()
        begin, end = events.Event(), events.Event()
        begin.record()
        for _ in range(TRIALS):
            trial()
        end.record()
        end.synchronize()
        return float(events.get_elapsed_time(begin, end))

    def _run(
        self,
        k: KernelContext,
        case: Case,
        plan: _Chosen,
        product: str,
        one: Array,
        other: Array,
        out: Array,
    ) -> None:
        """Have a plan compute: filters turned, and zeros around the images where it wants them."""
        _, ports, result = _PRODUCTS[product]
        arrays = [
            _given(k, case, plan.size, role, array)
            for (_, role), array in zip(ports, (one, other), strict=True)
        ]
        target = out
        if result == "filter":
            target = k.scratch("turned", (out.shape[-1], *out.shape[:-1]), out.dtype)
        elif result == "images" and plan.size != case.size:
            target = _frame(k, case, plan.size, out)
        workspace = k.scratch("workspace", (max(plan.workspace, 1),), np.uint8)
        pointers = {n: a.data.ptr for n, a in enumerate((*arrays, target), 1)}
        plan.graph.execute_plan_at_index(
            pointers, workspace.data.ptr, index=plan.number, handle=self._handle()
        )
        if result == "filter":
            copy(k, target.transpose(*range(1, out.ndim), 0), out)
        elif target is not out:
            out[...] = target[_inner(case)]


def _given(k: KernelContext, case: Case, size: tuple[int, ...], role: str, array: Array) -> Array:
    """Return an input as cuDNN wants it."""
    if role == "filter":
        *taps, channels, filters = array.shape
        turned = k.scratch("filter", (filters, *taps, channels), array.dtype)
        return copy(k, array.transpose(array.ndim - 1, *range(array.ndim - 1)), turned)
    if role == "images" and size != case.size:
        framed = _frame(k, case, size, array)
        framed[...] = 0
        framed[_inner(case)] = array
        return framed
    return array


def _frame(k: KernelContext, case: Case, size: tuple[int, ...], images: Array) -> Array:
    """Return memory for images with zeros around them."""
    return k.scratch("framed", (case.batch, *size, images.shape[-1]), images.dtype)


def find(
    k: KernelContext, case: Case, product: str, dtype: np.dtype[Any]
) -> Callable[..., None] | None:
    """Return what has cuDNN compute a case, or else what `columns` has; None without cuDNN.

    Parameters
    ----------
    k : KernelContext
        The node.
    case : Case
        The shapes of the convolution.
    product : str
        ``"forward"``, ``"by_input"`` or ``"by_filter"``.
    dtype : dtype
        The element type.
    """
    cudnn = _cudnn(k.xp)
    if cudnn is None or dtype not in _NAMES:
        return None
    return functools.partial(_compute, cudnn, product)


def _compute(
    cudnn: Cudnn, product: str, k: KernelContext, case: Case, one: Array, other: Array, out: Array
) -> None:
    if not cudnn.compute(k, case, product, one, other, out):
        getattr(columns, product)(k, case, one, other, out)


# By array module.
_FOUND: dict[Any, Cudnn | None] = {}


def _cudnn(xp: Any) -> Cudnn | None:
    """Return cuDNN for an array module; None, and why in the log, where it is not to be had."""
    if xp not in _FOUND:
        try:
            _FOUND[xp] = Cudnn(importlib.import_module("cudnn"), xp)
        except (ImportError, RuntimeError, OSError, AttributeError) as error:
            _logger.info(
                "convolutions are computed without cuDNN (%s): pip install nvidia-cudnn-cu13"
                " 'nvidia-cudnn-frontend<1.28'",
                error,
            )
            _FOUND[xp] = None
    return _FOUND[xp]


def _layouts(case: Case) -> dict[str, tuple[list[int], list[int]]]:
    """Return dims and strides of each tensor, as cuDNN calls the axes."""
    return {
        "images": _channels_last(case.batch, case.channels * case.groups, case.size),
        "filter": _channels_last(case.filters * case.groups, case.channels, case.taps),
        "results": _channels_last(case.batch, case.filters * case.groups, case.places),
    }


def _channels_last(
    count: int, channels: int, spatial: Sequence[int]
) -> tuple[list[int], list[int]]:
    steps = [channels * math.prod(spatial[i + 1 :]) for i in range(len(spatial))]
    return [count, channels, *spatial], [channels * math.prod(spatial), 1, *steps]


def _framed(case: Case) -> Case:
    """Return the case with the zeros around the images as part of them, where they are uneven."""
    if all(before == after for before, after in case.pads):
        return case
    size = tuple(n + sum(pad) for n, pad in zip(case.size, case.pads, strict=True))
    return case._replace(size=size, pads=((0, 0),) * len(size))


def _inner(case: Case) -> tuple[Any, ...]:
    """Return where the images of a case are among the zeros around them."""
    along = zip(case.pads, case.size, strict=True)
    return (slice(None), *[slice(before, before + n) for (before, _), n in along])
