"""Random numbers of further distributions, random order and random parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.graph.defaults import apply, convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    POSITIVE,
    Arg,
    Draw,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    register,
)
from tensorgraph.graph.static import static_int, static_ints, static_shape
from tensorgraph.ops.array import SHAPE, shape
from tensorgraph.ops.division import floormod
from tensorgraph.ops.gather import gather
from tensorgraph.ops.math import maximum
from tensorgraph.ops.random import random_uniform
from tensorgraph.ops.slicing import slice_
from tensorgraph.ops.sorting import argsort


@register
class RandomGamma(OpDef):
    """Numbers of the gamma distribution, of a shape for each element of alpha.

    By the method of Marsaglia and Tsang, ACM Trans. Math. Softw. 26 (2000).
    """

    type = "RandomGamma"
    inputs = (SHAPE, Arg("alpha"))
    stateful = True
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        lead, alpha = static_shape(op.inputs[0]), op.inputs[1]
        dims = None if lead is None or alpha.dims is None else lead + alpha.dims
        return (Spec(alpha.dtype, dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        lead, alpha = inputs
        xp, stream = k.xp, k.stream()
        wanted = xp.broadcast_to(alpha, (*k.sizes(0, lead), *alpha.shape))
        flat = wanted.reshape(-1).astype(np.float64)
        # Below 1 by a number for alpha + 1, times a power of a uniform one.
        d = xp.where(flat < 1, flat + 1, flat) - 1 / 3
        c = 1 / xp.sqrt(9 * d)
        result = xp.empty_like(flat)
        left = xp.arange(flat.size)
        while left.size:
            x = stream.normal(left.shape, flat.dtype)
            u = stream.uniform(left.shape, flat.dtype)
            v = (1 + c[left] * x) ** 3
            bound = 0.5 * x * x + d[left] * (1 - v + xp.log(xp.maximum(v, 1e-300)))
            taken = (v > 0) & (xp.log(u) < bound)
            result[left[taken]] = (d[left] * v)[taken]
            left = left[~taken]
        power = 1 - stream.uniform(flat.shape, flat.dtype)
        result *= xp.where(flat < 1, power ** (1 / xp.maximum(flat, 1e-300)), 1.0)
        return result.reshape(wanted.shape).astype(alpha.dtype)

    def sample(self, draw: Draw) -> Sample:
        value = np.array(draw.shape(max_rank=2), np.int32)
        given = Input(value.shape, value=value, constant=True)
        alpha = Input(draw.shape(max_rank=1), POSITIVE)
        return Sample((given, alpha), {"seeds": (1, 2)})


@register
class Multinomial(OpDef):
    """``num_samples`` class numbers for each row, with probabilities softmax(logits)."""

    type = "Multinomial"
    inputs = (Arg("logits"),)
    stateful = True
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        logits = op.inputs[0]
        if logits.dims is not None and len(logits.dims) != 2:
            raise ValueError(f"logits must be a matrix, not of shape {logits.shape}")
        rows = None if logits.dims is None else logits.dims[0]
        return (Spec(op.attrs["dtype"], (rows, op.attrs["num_samples"])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        logits, attrs = inputs[0].astype(np.float64), k.op.attrs
        count = attrs["num_samples"]
        if count and logits.shape[0] and not logits.shape[1]:
            raise ValueError("there are no classes to choose from")
        if not logits.size:
            return k.xp.zeros((len(logits), count), attrs["dtype"].np_dtype)
        weights = k.xp.exp(logits - logits.max(1, keepdims=True))
        ends = k.xp.cumsum(weights, 1)
        u = k.stream().uniform((len(logits), count), logits.dtype) * ends[:, -1:]
        # The class in whose interval the number falls; one of probability 0 has none.
        chosen = (ends[:, None, :] <= u[:, :, None]).sum(2)
        return chosen.astype(attrs["dtype"].np_dtype)

    def sample(self, draw: Draw) -> Sample:
        attrs = {"num_samples": draw.size(), "dtype": dtypes.int64, "seeds": (1, 2)}
        return Sample((Input((draw.size(), draw.integer(1, 4))),), attrs)


# The names users type


def random_gamma(
    shape: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return numbers of the gamma distribution, new ones in every run.

    Parameters
    ----------
    shape : sequence of int, or Tensor
        How many for each pair of parameters.
    alpha : number or Tensor
        The shape parameter.
    beta : number or Tensor, default 1
        The inverse scale.
    dtype : DType, default float32
        A floating-point type.
    seed : int, optional
        The op's seed; see `set_random_seed`.
    name : str, default "random_gamma"
        Its scope.

    Returns
    -------
    Tensor of shape ``shape + broadcast(alpha, beta)``; no gradient passes through it
    """
    kind = as_dtype(dtype)
    graph = get_default_graph()
    with graph.name_scope(name or "random_gamma"):
        scale = convert_to_tensor(1.0 if beta is None else beta, kind)
        wanted = convert_to_tensor(alpha, kind)
        joint = apply("Add", wanted, apply("Mul", scale, 0.0))
        numbers = apply("RandomGamma", shape, joint, seeds=graph.get_seeds(seed))
        # A number too small for the type must not become 0, whose logarithm is infinite.
        return maximum(float(np.finfo(kind.np_dtype).tiny), numbers / scale)


def multinomial(
    logits: Any,
    num_samples: Any,
    seed: int | None = None,
    name: str | None = None,
    output_dtype: Any = None,
) -> Tensor:
    """Return class numbers drawn for each row, with probabilities softmax(logits).

    Parameters
    ----------
    logits : Tensor of shape (batch, classes)
        Logarithms of the probabilities, but for a constant in each row.
    num_samples : int
        How many to draw.
    seed : int, optional
        The op's seed; see `set_random_seed`.
    name : str, default "multinomial"
        Its scope.
    output_dtype : DType, default int64
        The element type.

    Returns
    -------
    Tensor of shape (batch, num_samples)
    """
    return _categorical(logits, num_samples, output_dtype, seed, name or "multinomial")


def categorical(
    logits: Any,
    num_samples: Any,
    dtype: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return what `multinomial` does."""
    return _categorical(logits, num_samples, dtype, seed, name or "categorical")


def _categorical(logits: Any, num_samples: Any, dtype: Any, seed: int | None, name: str) -> Tensor:
    x = convert_to_tensor(logits)
    attrs: dict[str, Any] = {
        "num_samples": static_int(num_samples, "num_samples"),
        "dtype": dtypes.int64 if dtype is None else as_dtype(dtype),
    }
    with x.graph.name_scope(name):
        return apply("Multinomial", x, seeds=x.graph.get_seeds(seed), **attrs)


def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """Return the rows of a tensor in random order, another one in every run."""
    x = convert_to_tensor(value)
    with x.graph.name_scope(name or "RandomShuffle") as scope:
        order = argsort(random_uniform(shape(x)[:1], seed=seed))
        result = gather(x, order, name=scope)
    result.set_shape(x.dims)
    return result


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """Return a block of a tensor at a random place, another one in every run.

    Parameters
    ----------
    value : Tensor
        Where to cut from.
    size : sequence of int
        The size of the block, for each axis.
    seed : int, optional
        The op's seed; see `set_random_seed`.
    name : str, default "random_crop"
        Its name.

    Raises
    ------
    ValueError
        If the block is larger than the tensor; InvalidArgumentError where that is known only when
        it runs.
    """
    x = convert_to_tensor(value)
    block = static_ints(size, "the size of a crop")
    if x.dims is not None:
        if len(x.dims) != len(block):
            raise ValueError(f"a size of {len(block)} numbers for a tensor of shape {x.shape}")
        if any(d is not None and d < s for d, s in zip(x.dims, block, strict=True)):
            raise ValueError(f"a block of {block} does not fit in {x.shape}")
    with x.graph.name_scope(name or "random_crop") as scope:
        room = shape(x) - list(block) + 1
        largest = int(np.iinfo(np.int32).max)
        numbers = random_uniform([len(block)], 0, largest, dtypes.int32, seed)
        return slice_(x, floormod(numbers, room), block, name=scope)
