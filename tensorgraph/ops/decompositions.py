"""Inverses, determinants and decompositions of matrices, and of stacks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.shapes import Shape
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
from tensorgraph.ops.array import ANY, expand_dims
from tensorgraph.ops.diagonal import matrix_dims

MATRIX = Arg("matrix", (dtypes.float32, dtypes.float64))


def _square(t: Tensor) -> Shape:
    """Return the static shape of what must be square matrices."""
    dims = matrix_dims(t)
    if dims is None:
        return None
    shapes.merge(dims[-2:], dims[:-3:-1])
    size = dims[-1] if dims[-2] is None else dims[-2]
    return (*dims[:-2], size, size)


def _swap(x: Tensor) -> Tensor:
    """Return the matrices transposed, whatever the rank."""
    return apply("SwapLast", x)


def _product(a: Tensor, b: Tensor, ta: bool = False, tb: bool = False) -> Tensor:
    return apply("MatMul", a, b, transpose_a=ta, transpose_b=tb)


def _draw_square(draw: Draw, *, definite: bool = False) -> np.ndarray[Any, Any]:
    """Return well-conditioned matrices, symmetric and positive definite on demand."""
    lead = draw.choice([(), (2,)])
    size = draw.size()
    result = np.zeros((*lead, size, size))
    for place in range(result.size):
        result.flat[place] = draw.integer(-9, 9) / 20
    if definite:
        return result @ result.swapaxes(-1, -2) + np.eye(size)
    return result + 2 * np.eye(size)


class _SquareOp(OpDef):
    """An op on square matrices that gives matrices of the same shape."""

    inputs = (MATRIX,)

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, _square(op.inputs[0])),)

    def sample(self, draw: Draw) -> Sample:
        value = _draw_square(draw)
        return Sample((Input(value.shape, value=value),))


@register
class SwapLast(OpDef):
    """The matrices transposed."""

    type = "SwapLast"
    inputs = (ANY,)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        dims = matrix_dims(op.inputs[0])
        swapped = None if dims is None else (*dims[:-2], dims[-1], dims[-2])
        return (Spec(op.inputs[0].dtype, swapped),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return inputs[0].swapaxes(-1, -2)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (_swap(grads[0]),)

    def sample(self, draw: Draw) -> Sample:
        return Sample((Input(draw.shape(min_rank=2)),))


@register
class MatrixInverse(_SquareOp):
    """The inverse."""

    type = "MatrixInverse"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.linalg.inv(inputs[0])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        y = op.outputs[0]
        return (-_product(y, _product(grads[0], y, tb=True), ta=True),)


@register
class MatrixDeterminant(_SquareOp):
    """The determinant."""

    type = "MatrixDeterminant"

    def infer(self, op: Operation) -> Sequence[Spec]:
        dims = _square(op.inputs[0])
        return (Spec(op.inputs[0].dtype, None if dims is None else dims[:-2]),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.asarray(k.xp.linalg.det(inputs[0]), inputs[0].dtype)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        inverse = apply("MatrixInverse", op.inputs[0])
        scale = expand_dims(expand_dims(grads[0] * op.outputs[0], -1), -1)
        return (scale * _swap(inverse),)


@register
class LogMatrixDeterminant(_SquareOp):
    """The sign of the determinant, and the logarithm of its absolute value."""

    type = "LogMatrixDeterminant"

    def infer(self, op: Operation) -> Sequence[Spec]:
        dims = _square(op.inputs[0])
        return [Spec(op.inputs[0].dtype, None if dims is None else dims[:-2])] * 2

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        parts = k.xp.linalg.slogdet(inputs[0])
        return tuple(k.xp.asarray(p, inputs[0].dtype) for p in parts)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        if grads[1] is None:
            return (None,)
        scale = expand_dims(expand_dims(grads[1], -1), -1)
        return (scale * _swap(apply("MatrixInverse", op.inputs[0])),)


@register
class Cholesky(_SquareOp):
    """The lower triangular L with L Lᵀ = A, for A symmetric and positive definite."""

    type = "Cholesky"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        try:
            # The mean with the transpose, so that the gradient, which is symmetric, is exact.
            matrix = (inputs[0] + inputs[0].swapaxes(-1, -2)) / 2
            return k.xp.linalg.cholesky(matrix)
        except ValueError:
            raise ValueError(
                "Cholesky decomposition was not successful: the matrix is not positive definite"
            ) from None

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        # Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527, eq. 10.
        factor = op.outputs[0]
        middle = _product(factor, apply("MatrixBandPart", grads[0], lower=-1, upper=0), ta=True)
        lower = apply("MatrixBandPart", middle, lower=-1, upper=0)
        diagonal = apply("MatrixBandPart", middle, lower=0, upper=0)
        half = lower - diagonal * 0.5
        attrs: dict[str, Any] = {"lower": True, "adjoint": True}
        left = apply("MatrixTriangularSolve", factor, half, **attrs)
        both = _swap(apply("MatrixTriangularSolve", factor, _swap(left), **attrs))
        return ((both + _swap(both)) * 0.5,)

    def sample(self, draw: Draw) -> Sample:
        value = _draw_square(draw, definite=True)
        return Sample((Input(value.shape, value=value),))


class _Solve(OpDef):
    """An op that solves A X = B, or Aᵀ X = B with ``adjoint``."""

    inputs = (MATRIX, Arg("rhs", (dtypes.float32, dtypes.float64)))

    def infer(self, op: Operation) -> Sequence[Spec]:
        matrix, rhs = op.inputs
        dims, right = _square(matrix), matrix_dims(rhs)
        if dims is None or right is None:
            return (Spec(rhs.dtype, right),)
        shapes.merge(dims[:-1], right[:-1])
        return (Spec(rhs.dtype, right),)

    def matrix(self, k: KernelContext, given: Any) -> Any:
        """Return the matrix that is meant."""
        return given

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        matrix = self.matrix(k, inputs[0])
        if k.op.attrs["adjoint"]:
            matrix = matrix.swapaxes(-1, -2)
        return k.xp.linalg.solve(matrix, inputs[1])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        a, x = op.inputs[0], op.outputs[0]
        attrs = {**op.attrs, "adjoint": not op.attrs["adjoint"]}
        by_rhs = apply(self.type, a, grads[0], **attrs)

        def by_matrix() -> Tensor:
            left, right = (x, by_rhs) if op.attrs["adjoint"] else (by_rhs, x)
            return self.part(op, -_product(left, right, tb=True))

        return (by_matrix, by_rhs)

    def part(self, op: Operation, gradient: Tensor) -> Tensor:
        """Return the part of a matrix's gradient that is read of it."""
        return gradient

    def sample(self, draw: Draw) -> Sample:
        value = _draw_square(draw)
        rhs = Input((*value.shape[:-1], draw.size()))
        return Sample((Input(value.shape, value=value), rhs), self.draw_attrs(draw))

    def draw_attrs(self, draw: Draw) -> dict[str, Any]:
        """Return the attributes of a sample."""
        return {"adjoint": draw.boolean()}


@register
class MatrixSolve(_Solve):
    """The X with A X = B, or Aᵀ X = B with ``adjoint``."""

    type = "MatrixSolve"


@register
class MatrixTriangularSolve(_Solve):
    """The same for a triangular A, of which only the ``lower`` or upper half is read."""

    type = "MatrixTriangularSolve"

    def matrix(self, k: KernelContext, given: Any) -> Any:
        return k.xp.tril(given) if k.op.attrs["lower"] else k.xp.triu(given)

    def part(self, op: Operation, gradient: Tensor) -> Tensor:
        lower, upper = (-1, 0) if op.attrs["lower"] else (0, -1)
        return apply("MatrixBandPart", gradient, lower=lower, upper=upper)

    def draw_attrs(self, draw: Draw) -> dict[str, Any]:
        return {"lower": draw.boolean(), "adjoint": draw.boolean()}


# The names users type: `input` is a matrix, or a stack of them in its last two axes


def cholesky(input: Any, name: str | None = None) -> Tensor:
    """Return the lower triangular L with L Lᵀ = A, for A symmetric and positive definite.

    Raises
    ------
    InvalidArgumentError
        When run, if a matrix is not positive definite.
    """
    return apply("Cholesky", input, name=name)


def matrix_inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """Return the inverse of square matrices, transposed with `adjoint`.

    Raises
    ------
    InvalidArgumentError
        When run, if a matrix has none.
    """
    x = convert_to_tensor(input)
    return apply("MatrixInverse", _swap(x) if adjoint else x, name=name)


def matrix_determinant(input: Any, name: str | None = None) -> Tensor:
    """Return the determinant of square matrices; its gradient needs an inverse."""
    return apply("MatrixDeterminant", input, name=name)


def slogdet(input: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Return the sign of the determinant, and the logarithm of its absolute value."""
    sign, log = apply("LogMatrixDeterminant", input, name=name).op.outputs
    return sign, log


def matrix_solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """Return the X with A X = B.

    Parameters
    ----------
    matrix : Tensor of shape (…, n, n)
        A.
    rhs : Tensor of shape (…, n, k)
        B.
    adjoint : bool, default False
        Take Aᵀ for A.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    InvalidArgumentError
        When run, if a matrix has no inverse.
    """
    return apply("MatrixSolve", matrix, rhs, name=name, adjoint=bool(adjoint))


def matrix_triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Tensor:
    """Return what `matrix_solve` does for a triangular A; its other half is not read."""
    attrs = {"lower": bool(lower), "adjoint": bool(adjoint)}
    return apply("MatrixTriangularSolve", matrix, rhs, name=name, **attrs)
