"""Diagonals and bands of matrices, and of stacks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.shapes import Dim, Shape
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    Arg,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    register,
)
from tensorgraph.graph.static import static_int
from tensorgraph.ops.array import ANY, reshape, shape
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.reduction import reduce_sum
from tensorgraph.ops.sources import zeros_like


def matrix_dims(t: Tensor) -> Shape:
    """Return the static shape of what must be a matrix or a stack of them."""
    if t.dims is not None and len(t.dims) < 2:
        raise ValueError(f"{t.name} must be a matrix or a stack of them, not of shape {t.shape}")
    return t.dims


def _diagonal_size(rows: Dim, columns: Dim) -> Dim:
    return None if rows is None or columns is None else min(rows, columns)


def _diagonal(k: KernelContext, matrix: Any) -> tuple[Any, ...]:
    """Return the index of the main diagonal of each matrix."""
    places = k.xp.arange(min(matrix.shape[-2:]))
    return (..., places, places)


@register
class MatrixDiag(OpDef):
    """Square matrices with the given diagonals."""

    type = "MatrixDiag"
    inputs = (ANY,)

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        if x.dims == ():
            raise ValueError("a diagonal must have at least one axis")
        return (Spec(x.dtype, None if x.dims is None else (*x.dims, x.dims[-1])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        result = k.xp.zeros((*x.shape, x.shape[-1]), x.dtype)
        result[_diagonal(k, result)] = x
        return result

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (matrix_diag_part(grads[0]),)

    def sample(self, draw: Draw) -> Sample:
        return Sample((Input(draw.shape(min_rank=1, max_rank=2)),))


@register
class MatrixDiagPart(OpDef):
    """The main diagonals of matrices."""

    type = "MatrixDiagPart"
    inputs = (ANY,)

    def infer(self, op: Operation) -> Sequence[Spec]:
        dims = matrix_dims(op.inputs[0])
        result = None if dims is None else (*dims[:-2], _diagonal_size(*dims[-2:]))
        return (Spec(op.inputs[0].dtype, result),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.asarray(inputs[0][_diagonal(k, inputs[0])])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (matrix_set_diag(zeros_like(op.inputs[0]), grads[0]),)

    def sample(self, draw: Draw) -> Sample:
        return Sample((Input(draw.shape(min_rank=2)),))


@register
class MatrixSetDiag(OpDef):
    """The matrices with other main diagonals."""

    type = "MatrixSetDiag"
    inputs = (Arg("input", dtypes.ALL), Arg("diagonal", dtypes.ALL))

    def infer(self, op: Operation) -> Sequence[Spec]:
        matrix, diagonal = op.inputs
        dims = matrix_dims(matrix)
        if dims is not None:
            shapes.merge(diagonal.dims, (*dims[:-2], _diagonal_size(*dims[-2:])))
        return (Spec(matrix.dtype, dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        result = k.xp.array(inputs[0])
        result[_diagonal(k, result)] = inputs[1]
        return result

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        dy = grads[0]
        return (
            lambda: matrix_set_diag(dy, zeros_like(op.inputs[1])),
            lambda: matrix_diag_part(dy),
        )

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=2)
        return Sample((Input(dims), Input((*dims[:-2], min(dims[-2:])))))


@register
class MatrixBandPart(OpDef):
    """Matrices in which only ``lower`` diagonals below and ``upper`` above the main one stay."""

    type = "MatrixBandPart"
    inputs = (ANY,)

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, matrix_dims(op.inputs[0])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, (lower, upper) = inputs[0], (k.op.attrs["lower"], k.op.attrs["upper"])
        rows, columns = x.shape[-2:]
        # How far below the main diagonal each element stands.
        below = k.xp.arange(rows)[:, None] - k.xp.arange(columns)
        kept = k.xp.ones((rows, columns), bool)
        if lower >= 0:
            kept &= below <= lower
        if upper >= 0:
            kept &= -below <= upper
        return k.xp.where(kept, x, x.dtype.type(0))

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("MatrixBandPart", grads[0], **op.attrs),)

    def sample(self, draw: Draw) -> Sample:
        attrs = {"lower": draw.integer(-1, 2), "upper": draw.integer(-1, 2)}
        return Sample((Input(draw.shape(min_rank=2)),), attrs)


# The names users type


def matrix_diag(diagonal: Any, name: str = "diag") -> Tensor:
    """Return square matrices with the given diagonals, one for each vector along the last axis."""
    return apply("MatrixDiag", diagonal, name=name)


def matrix_diag_part(input: Any, name: str = "diag_part") -> Tensor:
    """Return the main diagonals of matrices of shape (…, m, n)."""
    return apply("MatrixDiagPart", input, name=name)


def matrix_set_diag(input: Any, diagonal: Any, name: str = "set_diag") -> Tensor:
    """Return matrices of shape (…, m, n) with other main diagonals, of shape (…, min(m, n))."""
    return apply("MatrixSetDiag", input, diagonal, name=name)


def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """Return matrices in which only a band around the main diagonal stays.

    Parameters
    ----------
    input : Tensor of shape (…, m, n)
        The matrices.
    num_lower, num_upper : int
        How many diagonals stay below and above the main one; -1 for all.
    name : str, optional
        Its name.
    """
    attrs = {
        "lower": static_int(num_lower, "num_lower"),
        "upper": static_int(num_upper, "num_upper"),
    }
    return apply("MatrixBandPart", input, name=name, **attrs)


def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """Return zeros but for the diagonal: of shape (n, n) for n elements, (m, n, m, n) for (m, n).

    Raises
    ------
    ValueError
        If the rank is not known.
    """
    x = convert_to_tensor(diagonal)
    with x.graph.name_scope(name or "Diag") as scope:
        flat = matrix_diag(reshape(x, [-1]))
        result = reshape(flat, concat([shape(x), shape(x)], 0), name=scope)
    if x.dims is not None:
        result.set_shape((*x.dims, *x.dims))
    return result


def diag_part(input: Any, name: str | None = None) -> Tensor:
    """Return the diagonal that `diag` would put there: of shape (n,) for (n, n).

    Raises
    ------
    ValueError
        If the rank is odd or not known, or the halves of the shape differ.
    """
    x = convert_to_tensor(input)
    if x.dims is None or len(x.dims) % 2:
        raise ValueError(f"diag_part needs a tensor of known, even rank, not {x.shape}")
    half = len(x.dims) // 2
    dims = shapes.merge(x.dims[:half], x.dims[half:])
    with x.graph.name_scope(name or "DiagPart") as scope:
        first = shape(x)[:half]
        size = apply("Prod", first, axes=None, keepdims=False)
        flat = reshape(x, apply("Pack", size, size, axis=0))
        result = reshape(matrix_diag_part(flat), first, name=scope)
    result.set_shape(dims)
    return result


def trace(x: Any, name: str | None = None) -> Tensor:
    """Return the sum of the main diagonal of each matrix."""
    value = convert_to_tensor(x)
    with value.graph.name_scope(name or "Trace") as scope:
        return reduce_sum(matrix_diag_part(value), [-1], name=scope)
