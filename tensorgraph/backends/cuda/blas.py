"""Matrix products on the device, and all that is made of them.

cuBLAS counts down the columns first, the engine along the rows. A matrix of ours, row after row, is
its transpose to cuBLAS; so it is asked for Cᵀ = BᵀAᵀ, and nothing is moved. Whatever other order a
factor has is copied first.
"""

from __future__ import annotations

import functools
import itertools
import logging
import math
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.backends.cuda.cublas import (
    DTYPES,
    WORKSPACE_BYTES,
    Cublas,
    Operand,
    load_library,
)
from tensorgraph.backends.cuda.elementwise import joined
from tensorgraph.base.backend import Array
from tensorgraph.base.errors import UnavailableError
from tensorgraph.graph.kernel import KernelContext

_logger = logging.getLogger("tensorgraph")

# What the array module has in place of its own.
NAMES = ("matmul", "dot", "tensordot", "einsum")


class _Rows(NamedTuple):
    """How a matrix lies in memory, in numbers: row after row, or column after column."""

    by_column: bool
    lead: int


class Products:
    """Products of arrays, under the names of the array module's own functions.

    Without the library of cuBLAS the array module's own products serve, which no captured step can
    hold.

    Parameters
    ----------
    xp : module
        The array module.
    tf32 : bool
        Whether products of float32 may be computed by tensor cores, which read 10 bits of each
        fraction.
    find : callable
        Returns the library of cuBLAS, or raises UnavailableError.

    Attributes
    ----------
    tf32 : bool
        The parameter.
    """

    def __init__(self, xp: Any, tf32: bool = False, find: Callable[[], Any] = load_library) -> None:
        self._xp = xp
        self.tf32 = tf32
        self._find = find
        self._handles: dict[int, Cublas] = {}
        self._is_missing = False
        self._connecting = threading.Lock()

    def _handle(self) -> Cublas | None:
        """Return the handle for the current stream; None where there is no library."""
        stream = self._xp.cuda.get_current_stream().ptr
        found = self._handles.get(stream)
        if found is None and not self._is_missing:
            with self._connecting:
                found = self._connect(stream)
        return found

    def _connect(self, stream: int) -> Cublas | None:
        try:
            library = self._find()
        except UnavailableError as error:
            self._is_missing = True
            _logger.warning("matrix products are CuPy's own, so no step can be captured: %s", error)
            return None
        workspace = self._xp.empty(WORKSPACE_BYTES, np.uint8)
        made = self._handles[stream] = Cublas(library, stream, workspace, self.tf32)
        return made

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Return the product of matrices, or of stacks of them with broadcast leading axes.

        Parameters
        ----------
        a, b : array
            The factors; one of a single axis is a row, or a column.
        out : array, optional
            Where to write; of any strides, and no part of a factor.
        """
        if a.ndim == 1 or b.ndim == 1:
            return self._with_vectors(a, b, out)
        if a.dtype not in DTYPES or a.dtype != b.dtype:
            return self._xp.matmul(a, b, out=out)
        if a.shape[-1] != b.shape[-2]:
            raise ValueError(f"matrices of shapes {a.shape} and {b.shape} have no product")
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        shape = (*lead, a.shape[-2], b.shape[-1])
        if out is None:
            out = self._xp.empty(shape, a.dtype)
        elif out.shape != shape:
            raise ValueError(f"the product has shape {shape}, but where it goes has {out.shape}")
        self.accumulate(a, b, out, add=False)
        return out

    def accumulate(self, a: Array, b: Array, out: Array, add: bool = True) -> None:
        """Add ``a @ b`` to an array.

        Parameters
        ----------
        a, b : array
            Matrices, or stacks of them, of one of cuBLAS's types.
        out : array
            Where to add; of the shape of the product.
        add : bool, default True
            False overwrites what is there.
        """
        if not out.size:
            return
        if not a.shape[-1]:
            if not add:
                out[...] = 0
            return
        handle = self._handle()
        if handle is None or _rows(out) is None or out.dtype != a.dtype:
            made = self._xp.matmul(a, b) if handle is None else self.matmul(a, b)
            if add:
                self._xp.add(out, made, out=out)
            else:
                self._xp.copyto(out, made)
            return
        for left, right, result in _stacks(self._usable(a), self._usable(b), out):
            _multiply(handle, left, right, result, add)

    def _usable(self, x: Array) -> Array:
        """Return an array whose matrices cuBLAS can read: the array itself, or a copy."""
        forward = all(step >= 0 for step in x.strides[:-2])
        return x if forward and _rows(x) is not None else self._xp.ascontiguousarray(x)

    def _with_vectors(self, a: Array, b: Array, out: Array | None) -> Array:
        rows = a.reshape(1, -1) if a.ndim == 1 else a
        columns = b.reshape(-1, 1) if b.ndim == 1 else b
        shape = (
            *a.shape[:-1],
            *(b.shape[:-2] if a.ndim == 1 else ()),
            *b.shape[-1:] * (b.ndim > 1),
        )
        result = self.matmul(rows, columns).reshape(shape)
        return result if out is None else _written(out, result)

    def dot(self, a: Array, b: Array) -> Array:
        """Return the sum of products over the last axis of `a` and the last but one of `b`."""
        if not a.ndim or not b.ndim:
            return self._xp.multiply(a, b)
        return self.tensordot(a, b, ((a.ndim - 1,), (max(b.ndim - 2, 0),)))

    def tensordot(self, a: Array, b: Array, axes: Any = 2) -> Array:
        """Return the sum of products over some axes of both.

        Parameters
        ----------
        a, b : array
            The factors.
        axes : int or pair of (int or sequence of int), default 2
            So many axes, the last of one and the first of the other; or which of each.
        """
        if isinstance(axes, int):
            axes = (tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes)))
        first, second = (
            tuple(i % x.ndim for i in ((part,) if isinstance(part, int) else part))
            for part, x in zip(axes, (a, b), strict=True)
        )
        kept_a = [i for i in range(a.ndim) if i not in first]
        kept_b = [i for i in range(b.ndim) if i not in second]
        inner = math.prod(a.shape[i] for i in first)
        left = a.transpose(*kept_a, *first).reshape(_count(a, kept_a), inner)
        right = b.transpose(*second, *kept_b).reshape(inner, _count(b, kept_b))
        shape = (*(a.shape[i] for i in kept_a), *(b.shape[i] for i in kept_b))
        return self.matmul(left, right).reshape(shape)

    def einsum(
        self, equation: str, *operands: Array, out: Array | None = None, **options: Any
    ) -> Array:
        """Return the sum of products that an equation with an arrow spells; see `tf.einsum`."""
        del options
        terms, _, output = equation.replace(" ", "").partition("->")
        factors = list(zip(terms.split(","), operands, strict=True))
        while len(factors) > 1:
            (left, a), (right, b) = factors.pop(0), factors.pop(0)
            there = set(output).union(*(term for term, _ in factors))
            factors.insert(0, self._contracted(left, a, right, b, there))
        ((term, array),) = factors
        term, array = self._summed(term, array, set(output))
        result = array.transpose(*(term.index(letter) for letter in output))
        return result if out is None else _written(out, result)

    def _contracted(
        self, left: str, a: Array, right: str, b: Array, there: set[str]
    ) -> tuple[str, Array]:
        """Return the product of two factors, summed over what is nowhere else."""
        left, a = self._summed(left, a, there | set(right))
        right, b = self._summed(right, b, there | set(left))
        both = [letter for letter in left if letter in right]
        stack = [letter for letter in both if letter in there]
        inner = [letter for letter in both if letter not in there]
        rows = [letter for letter in left if letter not in right]
        columns = [letter for letter in right if letter not in left]
        sizes = dict(zip(left + right, (*a.shape, *b.shape), strict=True))

        def matrices(term: str, array: Array, *groups: list[str]) -> Array:
            turned = array.transpose(*(term.index(i) for group in groups for i in group))
            return turned.reshape([math.prod(sizes[i] for i in group) for group in groups])

        product = self.matmul(
            matrices(left, a, stack, rows, inner), matrices(right, b, stack, inner, columns)
        )
        letters = [*stack, *rows, *columns]
        return "".join(letters), product.reshape([sizes[i] for i in letters])

    def _summed(self, term: str, array: Array, kept: set[str]) -> tuple[str, Array]:
        """Return a factor summed over the axes whose letters are not kept."""
        axes = tuple(i for i, letter in enumerate(term) if letter not in kept)
        if not axes:
            return term, array
        return "".join(letter for letter in term if letter in kept), array.sum(axis=axes)


class _Stack(NamedTuple):
    """Matrices at equal distances: their shape, how one lies, how many, and how far apart."""

    address: int
    dtype: np.dtype[Any]
    shape: tuple[int, int]
    rows: _Rows
    copies: int
    stride: int

    def turned(self) -> _Stack:
        """Return the transposes, which is the same memory."""
        by_column, lead = self.rows
        return self._replace(shape=self.shape[::-1], rows=_Rows(not by_column, lead))

    def operand(self) -> Operand:
        """Return what cuBLAS is told: rows are columns to it."""
        return Operand(self.address, self.rows.by_column, self.rows.lead, self.stride)


def _multiply(handle: Cublas, a: _Stack, b: _Stack, out: _Stack, add: bool) -> None:
    """Have a stack of products computed: the transposes of them, to cuBLAS."""
    if out.rows.by_column:
        # Column after column it is what cuBLAS writes: of the transposes, in the other order.
        a, b, out = b.turned(), a.turned(), out.turned()
    (m, n), inner = out.shape, a.shape[1]
    left, right, result = (x.operand() for x in (b, a, out))
    handle.product(out.dtype, (n, m, inner), left, right, result, out.copies, add)


def _written(out: Array, result: Array) -> Array:
    out[...] = result
    return out


def _rows(x: Array) -> _Rows | None:
    """Return how the matrices of an array lie; None in a way that cuBLAS knows nothing of."""
    (m, n), item = x.shape[-2:], x.dtype.itemsize
    down, across = x.strides[-2:]
    # A stride along an axis of one element is never taken.
    if (n == 1 or across == item) and (m == 1 or down >= n * item):
        return _Rows(False, max(n, down // item if m > 1 else 1))
    if (m == 1 or down == item) and (n == 1 or across >= m * item):
        return _Rows(True, max(m, across // item if n > 1 else 1))
    return None


def _stacks(a: Array, b: Array, out: Array) -> Iterator[list[_Stack]]:
    """Yield the products to compute, as few as strides allow: two factors and the result."""
    lead = out.shape[:-2]
    arrays = (a, b, out)
    shapes = [tuple(x.shape[-2:]) for x in arrays]
    ways = [rows for x in arrays if (rows := _rows(x)) is not None]
    sizes, steps = joined(lead, [_lead_strides(x, len(lead)) for x in arrays])
    if len(sizes) == 1 and (tall := _one_tall(shapes, ways, sizes[0], steps, out)):
        shapes, sizes, steps = tall, [], [[], [], []]
    *outer, copies = sizes or [1]
    for index in itertools.product(*map(range, outer)):
        yield [
            _Stack(
                x.data.ptr + sum(i * s for i, s in zip(index, along, strict=False)),
                x.dtype,
                shape,
                rows,
                copies,
                along[-1] // x.dtype.itemsize if along else 0,
            )
            for x, along, shape, rows in zip(arrays, steps, shapes, ways, strict=True)
        ]


def _one_tall(
    shapes: Sequence[tuple[int, int]],
    ways: Sequence[_Rows],
    copies: int,
    steps: Sequence[Sequence[int]],
    out: Array,
) -> list[tuple[int, int]] | None:
    """Return the shapes of one product in place of a stack of them by the same right factor.

    Rows of all left factors, one after the other, are the rows of one tall matrix.
    """
    m = shapes[0][0]
    (left,), (right,), (result,) = steps
    tall = all(
        not rows.by_column and step == m * rows.lead * out.dtype.itemsize
        for rows, step in ((ways[0], left), (ways[2], result))
    )
    if right or not tall:
        return None
    return [(copies * m, shapes[0][1]), shapes[1], (copies * m, shapes[2][1])]


def _lead_strides(x: Array, axes: int) -> list[int]:
    """Return the strides of the leading axes, 0 along those that are broadcast."""
    own = [0 if d == 1 else s for d, s in zip(x.shape[:-2], x.strides[:-2], strict=True)]
    return [0] * (axes - len(own)) + own


@functools.cache
def with_products(xp: Any, tf32: bool) -> Any:
    """Return an array module with our products in place of its own; one for all sessions.

    Parameters
    ----------
    xp : module
        CuPy, or what stands for it.
    tf32 : bool
        As of `Products`.
    """
    products = Products(xp, tf32, load_library)
    module = types.ModuleType(xp.__name__, xp.__doc__)
    vars(module).update(vars(xp))
    vars(module).update({name: getattr(products, name) for name in NAMES}, products=products)
    return module


def _count(x: Array, axes: Sequence[int]) -> int:
    return math.prod(x.shape[i] for i in axes)


def _matmul(k: KernelContext, a: Array, b: Array) -> Array:
    """Compute `MatMul`."""
    if k.op.attrs["transpose_a"]:
        a = a.swapaxes(-1, -2)
    if k.op.attrs["transpose_b"]:
        b = b.swapaxes(-1, -2)
    return k.xp.matmul(a, b, out=k.out)


# The op's own kernel shares its work between threads.
KERNELS: dict[str, Callable[..., Any]] = {"MatMul": _matmul}
