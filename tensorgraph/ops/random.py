"""Random numbers, reproducible by the graph's seed and the op's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.graph.defaults import apply, convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Arg, Draw, Input, KernelContext, OpDef, Sample, Spec, register
from tensorgraph.graph.static import static_shape
from tensorgraph.ops.array import SHAPE
from tensorgraph.ops.math import cast


class RandomOp(OpDef):
    """An op that draws numbers of a shape; ``seeds`` is what `Graph.get_seeds` gave."""

    inputs = (SHAPE,)
    stateful = True
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.attrs["dtype"], static_shape(op.inputs[0])),)

    def sample(self, draw: Draw) -> Sample:
        value = np.array(draw.shape(), np.int32)
        return Sample(
            (Input(value.shape, value=value, constant=True),),
            {"dtype": dtypes.float32, "seeds": (1, 2)},
        )


def _target(k: KernelContext, shape: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    return k.sizes(0, shape), k.op.attrs["dtype"].np_dtype


@register
class RandomNormal(RandomOp):
    """Numbers of the standard normal distribution."""

    type = "RandomStandardNormal"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.stream().normal(*_target(k, inputs[0]))


@register
class RandomUniform(RandomOp):
    """Numbers of the uniform distribution on [0, 1)."""

    type = "RandomUniform"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.stream().uniform(*_target(k, inputs[0]))


@register
class RandomUniformInt(RandomOp):
    """Integers of the uniform distribution on [minval, maxval)."""

    type = "RandomUniformInt"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        attrs = k.op.attrs
        return k.stream().integers(attrs["minval"], attrs["maxval"], *_target(k, inputs[0]))

    def sample(self, draw: Draw) -> Sample:
        value = np.array(draw.shape(), np.int32)
        attrs = {"dtype": dtypes.int32, "seeds": (1, 2), "minval": -3, "maxval": 4}
        return Sample((Input(value.shape, value=value, constant=True),), attrs)


@register
class TruncatedNormal(RandomOp):
    """Numbers of the standard normal distribution, those beyond ±2 drawn again."""

    type = "TruncatedNormal"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        shape, dtype = _target(k, inputs[0])
        stream = k.stream()
        result = stream.normal(shape, dtype)
        while True:
            beyond = k.xp.abs(result) > 2
            count = int(beyond.sum())
            if not count:
                return result
            result[beyond] = stream.normal((count,), dtype)


@register
class RandomOrthogonal(RandomOp):
    """A matrix whose columns, or rows if these are fewer, are orthonormal; each as likely."""

    type = "RandomOrthogonal"

    def infer(self, op: Operation) -> Sequence[Spec]:
        (spec,) = super().infer(op)
        if spec.shape is not None and len(spec.shape) != 2:
            raise ValueError(f"an orthogonal matrix has two sizes, not {spec.shape}")
        return (spec,)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        (rows, columns), dtype = _target(k, inputs[0])
        tall = k.stream().normal((max(rows, columns), min(rows, columns)), dtype)
        q, r = k.xp.linalg.qr(tall)
        # QR leaves the signs open; with these the distribution is uniform (arXiv:math-ph/0609050).
        q *= k.xp.where(k.xp.diagonal(r) < 0, -1, 1).astype(dtype)
        return q if rows >= columns else q.T

    def sample(self, draw: Draw) -> Sample:
        value = np.array((draw.size(), draw.size()), np.int32)
        attrs = {"dtype": dtypes.float32, "seeds": (1, 2)}
        return Sample((Input(value.shape, value=value, constant=True),), attrs)


@register
class DropoutMask(OpDef):
    """0 with probability ``rate``, else 1 / (1 - rate): what dropout multiplies by."""

    type = "DropoutMask"
    inputs = (SHAPE, Arg("rate"))
    stateful = True
    uses_out = True
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[1].dtype, static_shape(op.inputs[0])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        rate = float(k.host(1, inputs[1]))
        if not 0 <= rate < 1:
            raise ValueError(f"the share dropped must lie in [0, 1), not {rate}")
        # Comparing random bits is many times faster than drawing floats. Eight of them do for a
        # half and the like; with 16 any share is right to 1 in 65,536.
        kind = np.dtype(np.uint8 if (rate * 256).is_integer() else np.uint16)
        shape = k.sizes(0, inputs[0])
        bits = k.stream().bits(shape, kind)
        kept = k.scratch("kept", shape, np.bool_)
        k.xp.greater_equal(bits, round(rate * (1 << 8 * kind.itemsize)), out=kept)
        return k.xp.multiply(kept, inputs[1].dtype.type(1 / (1 - rate)), out=k.out)

    def sample(self, draw: Draw) -> Sample:
        value = np.array(draw.shape(), np.int32)
        rate = np.array(draw.choice([0.0, 0.5]), np.float32)
        shape = Input(value.shape, value=value, constant=True)
        return Sample((shape, Input((), value=rate, dtype=dtypes.float32)), {"seeds": (1, 2)})


def dropout_mask(x: Tensor, rate: Any, noise_shape: Any, seed: int | None) -> Tensor:
    """Return the random factors of dropout for a tensor; see `tf.nn.dropout`."""
    shape: Any = noise_shape
    if shape is None:
        shape = x.dims if shapes.is_full(x.dims) else apply("Shape", x, out_type=dtypes.int32)
    given = isinstance(rate, Tensor)
    rate_tensor = cast(rate, x.dtype) if given else convert_to_tensor(rate, x.dtype)
    mask = apply("DropoutMask", shape, rate_tensor, name="mask", seeds=x.graph.get_seeds(seed))
    if noise_shape is None:
        mask.set_shape(x.dims)
    return mask


def random_orthogonal(rows: int, columns: int, dtype: Any, seed: int | None = None) -> Tensor:
    """Return a random matrix with orthonormal columns, or rows if these are fewer."""
    return _random("RandomOrthogonal", (rows, columns), dtype, seed, None)


def _random(op_type: str, shape: Any, dtype: Any, seed: int | None, name: str | None) -> Tensor:
    attrs = {"dtype": as_dtype(dtype), "seeds": get_default_graph().get_seeds(seed)}
    return apply(op_type, shape, name=name, **attrs)


def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return numbers of a normal distribution, new ones in every run.

    Parameters
    ----------
    shape : sequence of int, or Tensor
        The shape.
    mean, stddev : float or Tensor, default 0 and 1
        Mean and standard deviation.
    dtype : DType, default float32
        A floating-point type.
    seed : int, optional
        The op's seed; see `set_random_seed`.
    name : str, default "random_normal"
        Its name.
    """
    with get_default_graph().name_scope(name or "random_normal") as scope:
        numbers: Tensor = _random("RandomStandardNormal", shape, dtype, seed, None) * stddev
        return apply("Add", numbers, mean, name=scope)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return what `random_normal` does, with numbers beyond two standard deviations redrawn."""
    with get_default_graph().name_scope(name or "truncated_normal") as scope:
        numbers: Tensor = _random("TruncatedNormal", shape, dtype, seed, None) * stddev
        return apply("Add", numbers, mean, name=scope)


def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return numbers of the uniform distribution on [minval, maxval), new ones in every run.

    Parameters
    ----------
    shape : sequence of int, or Tensor
        The shape.
    minval, maxval : number or Tensor, default 0 and 1
        The interval; integers need numbers, and `maxval`.
    dtype : DType, default float32
        A floating-point or integer type.
    seed : int, optional
        The op's seed; see `set_random_seed`.
    name : str, default "random_uniform"
        Its name.

    Raises
    ------
    ValueError
        If integers are asked for without `maxval`, or the interval is empty.
    """
    target = as_dtype(dtype)
    with get_default_graph().name_scope(name or "random_uniform") as scope:
        if not target.is_integer:
            span = (1 if maxval is None else maxval) - minval
            numbers: Tensor = _random("RandomUniform", shape, target, seed, None) * span
            return apply("Add", numbers, minval, name=scope)
        if maxval is None or not minval < maxval:
            raise ValueError(f"integers need an interval: minval={minval}, maxval={maxval}")
        attrs: dict[str, Any] = {
            "dtype": target,
            "seeds": get_default_graph().get_seeds(seed),
            "minval": int(minval),
            "maxval": int(maxval),
        }
        return apply("RandomUniformInt", shape, name=scope, **attrs)
