"""What the package ``nvidia-cudnn-frontend`` does with the graphs that the engine gives it.

Names, arguments and defaults are the package's; `test_cudnn.py` compares them with the real one
where that is installed. Convolutions are computed by NumPy, from addresses, dims and strides alone.
"""

from __future__ import annotations

import ctypes
import enum
import itertools
from typing import Any

import numpy as np
from standin.streams import effect

data_type = enum.Enum("data_type", "FLOAT DOUBLE HALF NOT_SET")
heur_mode = enum.Enum("heur_mode", "A B FALLBACK")
numerical_note = enum.Enum(
    "numerical_note",
    "TENSOR_CORE DOWN_CONVERT_INPUTS REDUCED_PRECISION_REDUCTION FFT NONDETERMINISTIC WINOGRAD"
    " WINOGRAD_TILE_4x4 WINOGRAD_TILE_6x6 WINOGRAD_TILE_13x13",
)
DTYPES = {"FLOAT": np.float32, "DOUBLE": np.float64, "HALF": np.float16}


class cudnnGraphNotSupportedError(Exception):
    """There is no plan for a graph."""


class Log:
    """What was asked for, and what is refused.

    Attributes
    ----------
    graphs : list of pygraph
        All that were made.
    uneven : bool
        Whether different numbers of zeros before and after are supported.
    plans : int
        How many plans a graph has; the first of them cannot be built.
    """

    def __init__(self) -> None:
        self.graphs: list[Any] = []
        self.streams: dict[int, int] = {}
        self.handles = 0
        self.uneven = True
        self.plans = 3


LOG = Log()


def create_handle() -> int:
    LOG.handles += 1
    return 9000 + LOG.handles


def set_stream(handle: int, stream: int) -> None:
    LOG.streams[handle] = stream


def destroy_handle(handle: int) -> None:
    del LOG.streams[handle]


class Tensor:
    """A tensor of a graph; setters return it."""

    def __init__(self, dim: Any = None, stride: Any = None, kind: Any = None, uid: int = 0) -> None:
        self.dim, self.stride, self.kind, self.uid, self.output = dim, stride, kind, uid, False

    def set_output(self, value: bool) -> Tensor:
        self.output = value
        return self

    def set_data_type(self, data_type: Any) -> Tensor:
        self.kind = data_type
        return self

    def set_uid(self, uid: int) -> Tensor:
        self.uid = uid
        return self

    def set_dim(self, dim: list[int]) -> Tensor:
        self.dim = dim
        return self

    def set_stride(self, stride: list[int]) -> Tensor:
        self.stride = stride
        return self

    def view(self, pointer: int) -> np.ndarray:
        """Return what is at an address, as the tensor says."""
        dtype = np.dtype(DTYPES[self.kind.name])
        count = 1 + sum((n - 1) * s for n, s in zip(self.dim, self.stride, strict=True))
        memory = (ctypes.c_byte * (count * dtype.itemsize)).from_address(pointer)
        strides = [s * dtype.itemsize for s in self.stride]
        return np.lib.stride_tricks.as_strided(np.frombuffer(memory, dtype), self.dim, strides)


class pygraph:
    """A graph of one convolution."""

    def __init__(
        self,
        name: str = "test_graph",
        io_data_type: Any = None,
        intermediate_data_type: Any = None,
        compute_data_type: Any = None,
        handle: Any = None,
    ) -> None:
        self.name, self.handle = name, handle
        self.types = io_data_type, intermediate_data_type, compute_data_type
        self.did: list[str] = []
        self.excluded: set[str] = set()
        self.built: set[int] = set()
        self.executed: list[int] = []
        LOG.graphs.append(self)

    def tensor(
        self,
        dim: list[int],
        stride: list[int] | None = None,
        data_type: Any = None,
        *,
        name: str = "",
        uid: int = -1,
    ) -> Tensor:
        return Tensor(dim, stride, data_type, uid)

    def conv_fprop(self, image: Tensor, weight: Tensor, **how: list[int]) -> Tensor:
        return self._node("fprop", (image, weight), **how)

    def conv_dgrad(self, loss: Tensor, filter: Tensor, **how: list[int]) -> Tensor:
        return self._node("dgrad", (loss, filter), **how)

    def conv_wgrad(self, image: Tensor, loss: Tensor, **how: list[int]) -> Tensor:
        return self._node("wgrad", (image, loss), **how)

    def _node(
        self,
        kind: str,
        inputs: tuple[Tensor, Tensor],
        *,
        pre_padding: list[int],
        post_padding: list[int],
        stride: list[int],
        dilation: list[int],
    ) -> Tensor:
        self.kind, self.inputs, self.result = kind, inputs, Tensor()
        self.pads, self.steps, self.gaps = (pre_padding, post_padding), stride, dilation
        return self.result

    def validate(self) -> None:
        assert self.result.output
        assert self.result.uid == 3
        self.did.append("validate")

    def build_operation_graph(self) -> None:
        self.did.append("build_operation_graph")

    def create_execution_plans(self, heuristics: list[Any]) -> None:
        self.did.append("create_execution_plans")

    def deselect_numeric_notes(self, notes: list[Any]) -> pygraph:
        # What is excluded before there are plans is lost.
        assert self.did[-1] == "create_execution_plans"
        self.excluded = {note.name for note in notes}
        return self

    def deselect_workspace_greater_than(self, workspace_limit: int) -> pygraph:
        return self

    def check_support(self) -> None:
        if self.pads[0] != self.pads[1] and not LOG.uneven:
            raise cudnnGraphNotSupportedError("No valid engine configs")

    def get_execution_plan_count(self) -> int:
        return LOG.plans

    def build_plan_at_index(self, index: int) -> pygraph:
        if index == 0:
            raise cudnnGraphNotSupportedError("this plan cannot be built")
        self.built.add(index)
        return self

    def get_workspace_size_plan_at_index(self, index: int) -> int:
        return 64 * index

    def execute_plan_at_index(
        self, tensor_dict: dict[int, int], workspace: int = 0, index: int = 0, handle: Any = None
    ) -> None:
        assert index in self.built
        assert handle in LOG.streams
        assert all(type(value) is int for value in (*tensor_dict.values(), workspace))
        self.executed.append(index)
        effect(lambda: self._compute(tensor_dict))

    def _compute(self, pointers: dict[int, int]) -> None:
        by_uid = {t.uid: t for t in (*self.inputs, self.result)}
        first, second, result = (t.view(pointers[t.uid]) for t in (*self.inputs, by_uid[3]))
        given = {"fprop": ("x", "w", "y"), "dgrad": ("y", "w", "x"), "wgrad": ("x", "y", "w")}
        arrays = dict(zip(given[self.kind], (first, second, result), strict=True))
        convolve(self.kind, arrays, *self.pads, self.steps, self.gaps)


def convolve(
    kind: str, arrays: dict[str, Any], before: Any, after: Any, steps: Any, gaps: Any
) -> None:
    """Write a convolution, or one of its gradients, of arrays (count, channels, …)."""
    x, w, y = (arrays[name] for name in "xwy")
    groups = x.shape[1] // w.shape[1]
    # Where the gradient goes there may be anything.
    given = np.zeros(x.shape) if kind == "dgrad" else x.astype(np.float64)
    wide = np.pad(given, ((0, 0), (0, 0), *zip(before, after, strict=True)))
    total = np.zeros((y if kind == "fprop" else w).shape)
    for tap in itertools.product(*map(range, w.shape[2:])):
        places = tuple(
            slice(t * g, t * g + (n - 1) * s + 1, s)
            for t, g, n, s in zip(tap, gaps, y.shape[2:], steps, strict=True)
        )
        for group in range(groups):
            own = slice(group * w.shape[1], (group + 1) * w.shape[1])
            made = slice(group * len(w) // groups, (group + 1) * len(w) // groups)
            seen, weights = wide[(slice(None), own, *places)], w[(made, slice(None), *tap)]
            if kind == "fprop":
                total[:, made] += np.einsum("nc...,kc->nk...", seen, weights)
            elif kind == "dgrad":
                seen += np.einsum("nk...,kc->nc...", y[:, made], weights)
            else:
                axes = (0, *range(2, x.ndim))
                found = np.tensordot(y[:, made].astype(np.float64), seen, (axes, axes))
                total[(made, slice(None), *tap)] = found
    if kind == "dgrad":
        inner = (slice(b, b + n) for b, n in zip(before, x.shape[2:], strict=True))
        x[...] = wide[(slice(None), slice(None), *inner)]
    else:
        (y if kind == "fprop" else w)[...] = total
