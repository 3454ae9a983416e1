"""Initializers, as ``tf.initializers``: how a variable's first value comes from its shape.

An initializer is called with a shape and an element type, and returns a tensor. `get_variable` and
the layers call them; any function of that kind serves as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import DType, as_dtype
from tensorgraph.base.shapes import TensorShape
from tensorgraph.graph.node import Tensor
from tensorgraph.ops import array, random, sources
from tensorgraph.ops.variables import (
    global_variables_initializer as global_variables,
)
from tensorgraph.ops.variables import (
    local_variables_initializer as local_variables,
)
from tensorgraph.ops.variables import variables_initializer as variables

__all__ = [
    "Initializer",
    "constant",
    "global_variables",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "local_variables",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "uniform_unit_scaling",
    "variables",
    "variance_scaling",
    "zeros",
]

# The standard deviation of the standard normal distribution cut off at ±2.
TRUNCATED_DEVIATION = 0.87962566103423978


class Initializer:
    """What all initializers have in common.

    Parameters
    ----------
    dtype : DType, default float32
        The element type where the call says none.
    """

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Return the first value of a variable.

        Parameters
        ----------
        shape : sequence of int
            The shape of the variable.
        dtype : DType, optional
            Its element type.
        partition_info : object
            Accepted for TensorFlow's sake.

        Raises
        ------
        ValueError
            If the initializer is not for such a shape or type.
        """
        del partition_info
        sizes = tuple(int(d) for d in TensorShape(shape))
        return self.value(sizes, self.dtype if dtype is None else as_dtype(dtype))

    def value(self, shape: tuple[int, ...], dtype: DType) -> Tensor:
        """Return a tensor of that shape and type; what a subclass defines."""
        raise NotImplementedError


class Zeros(Initializer):
    """All zeros."""

    def value(self, shape: tuple[int, ...], dtype: DType) -> Tensor:
        """Return zeros."""
        return sources.zeros(shape, dtype)


class Ones(Initializer):
    """All ones."""

    def value(self, shape: tuple[int, ...], dtype: DType) -> Tensor:
        """Return ones."""
        return sources.ones(shape, dtype)


class Constant(Initializer):
    """The same numbers each time.

    Parameters
    ----------
    value : number or array_like, default 0
        One number for all elements, or the elements in row-major order; the last one fills up.
    dtype : DType, default float32
        The element type where the call says none.
    verify_shape : bool, default False
        Refuse a value of another shape instead of filling.

    Raises
    ------
    TypeError
        If the value is no number and no array.
    """

    def __init__(
        self, value: Any = 0, dtype: Any = dtypes.float32, verify_shape: bool = False
    ) -> None:
        super().__init__(dtype)
        if not (np.isscalar(value) or isinstance(value, list | tuple | np.ndarray)):
            raise TypeError(f"a constant initializer needs a number or an array, not {value!r}")
        self._value = value
        self._verify_shape = verify_shape

    def value(self, shape: tuple[int, ...], dtype: DType) -> Tensor:
        """Return the constant."""
        return sources.constant(self._value, dtype, shape, verify_shape=self._verify_shape)


class RandomUniform(Initializer):
    """Numbers of the uniform distribution on [minval, maxval).

    Parameters
    ----------
    minval, maxval : number, default 0 and 1
        The interval; integers need `maxval`.
    seed : int, optional
        The op's seed.
    dtype : DType, default float32
        The element type where the call says none.
    """

    def __init__(
        self,
        minval: Any = 0,
        maxval: Any = None,
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__(dtype)
        self._interval = (minval, maxval)
        self._seed = seed

    def value(self, shape: tuple[int, ...], dtype: DType) -> Tensor:
        """Return new numbers."""
        return random.random_uniform(shape, *self._interval, dtype=dtype, seed=self._seed)


class RandomNormal(Initializer):
    """Numbers of a normal distribution.

    Parameters
    ----------
    mean, stddev : float, default 0 and 1
        Mean and standard deviation.
    seed : int, optional
        The op's seed.
    dtype : DType, default float32
        A floating-point type.
    """

    def __init__(
        self,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__(_floating(dtype))
        self._mean = mean
        self._stddev = stddev
        self._seed = seed

    def value(self, shape: tuple[int, ...], dtype: DType) -> Tensor:
        """Return new numbers."""
        return random.random_normal(shape, self._mean, self._stddev, dtype, self._seed)


class TruncatedNormal(RandomNormal):
    """What `RandomNormal` gives, with numbers beyond two standard deviations drawn again."""

    def value(self, shape: tuple[int, ...], dtype: DType) -> Tensor:
        """Return new numbers."""
        return random.truncated_normal(shape, self._mean, self._stddev, dtype, self._seed)


class UniformUnitScaling(Initializer):
    """Uniform numbers that keep the scale of the input; the forerunner of `VarianceScaling`.

    The interval is ±factor · √(3 / n), where n is the product of all sizes but the last.

    Parameters
    ----------
    factor : float, default 1
        Multiplies all numbers.
    seed : int, optional
        The op's seed.
    dtype : DType, default float32
        A floating-point type.
    """

    def __init__(
        self, factor: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        super().__init__(_floating(dtype))
        self._factor = factor
        self._seed = seed

    def value(self, shape: tuple[int, ...], dtype: DType) -> Tensor:
        """Return new numbers."""
        limit = self._factor * math.sqrt(3 / max(1, math.prod(shape[:-1])))
        return random.random_uniform(shape, -limit, limit, dtype, self._seed)


class VarianceScaling(Initializer):
    """Numbers whose variance is ``scale / n``: Glorot's, He's and LeCun's initializers.

    Parameters
    ----------
    scale : float, default 1
        The numerator; positive.
    mode : str, default "fan_in"
        What n is: the inputs of one unit, its outputs (``"fan_out"``), or the mean of the two
        (``"fan_avg"``).
    distribution : str, default "truncated_normal"
        Or ``"untruncated_normal"``, ``"uniform"``; ``"normal"`` is the truncated one.
    seed : int, optional
        The op's seed.
    dtype : DType, default float32
        A floating-point type.

    Raises
    ------
    ValueError
        If a setting is none of these.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__(_floating(dtype))
        if scale <= 0:
            raise ValueError(f"scale must be positive, not {scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"mode must be 'fan_in', 'fan_out' or 'fan_avg', not {mode!r}")
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(
                "distribution must be 'truncated_normal', 'untruncated_normal' or 'uniform',"
                f" not {distribution!r}"
            )
        self._scale = scale
        self._mode = mode
        self._distribution = distribution
        self._seed = seed

    def value(self, shape: tuple[int, ...], dtype: DType) -> Tensor:
        """Return new numbers."""
        fan_in, fan_out = fans(shape)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self._scale / max(1.0, count[self._mode])
        if self._distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random.random_uniform(shape, -limit, limit, dtype, self._seed)
        if self._distribution == "untruncated_normal":
            return random.random_normal(shape, 0.0, math.sqrt(variance), dtype, self._seed)
        deviation = math.sqrt(variance) / TRUNCATED_DEVIATION
        return random.truncated_normal(shape, 0.0, deviation, dtype, self._seed)


class GlorotUniform(VarianceScaling):
    """Uniform on ±√(6 / (inputs + outputs)) (Glorot and Bengio 2010); that of all layers.

    Parameters
    ----------
    seed : int, optional
        The op's seed.
    dtype : DType, default float32
        A floating-point type.
    """

    def __init__(self, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)


class GlorotNormal(VarianceScaling):
    """Truncated normal of variance 2 / (inputs + outputs); parameters as in `GlorotUniform`."""

    def __init__(self, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, dtype)


class Orthogonal(Initializer):
    """A random matrix with orthonormal columns, or rows if these are fewer (arXiv:1312.6120).

    More than two axes are taken as a matrix of the last one and all others.

    Parameters
    ----------
    gain : float, default 1
        Multiplies the matrix.
    seed : int, optional
        The op's seed.
    dtype : DType, default float32
        A floating-point type.
    """

    def __init__(
        self, gain: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        super().__init__(_floating(dtype))
        self._gain = gain
        self._seed = seed

    def value(self, shape: tuple[int, ...], dtype: DType) -> Tensor:
        """Return a new matrix."""
        if len(shape) < 2:
            raise ValueError(f"an orthogonal initializer needs two axes or more, not {shape}")
        rows = math.prod(shape[:-1])
        matrix = random.random_orthogonal(rows, shape[-1], dtype, self._seed)
        return self._gain * array.reshape(matrix, shape)


class Identity(Initializer):
    """The identity matrix.

    Parameters
    ----------
    gain : float, default 1
        Multiplies it.
    dtype : DType, default float32
        A floating-point type.
    """

    def __init__(self, gain: float = 1.0, dtype: Any = dtypes.float32) -> None:
        super().__init__(_floating(dtype))
        self._gain = gain

    def value(self, shape: tuple[int, ...], dtype: DType) -> Tensor:
        """Return the matrix."""
        if len(shape) != 2:
            raise ValueError(f"an identity initializer needs a matrix, not {shape}")
        return sources.constant(np.eye(*shape) * self._gain, dtype)


def fans(shape: Sequence[int]) -> tuple[float, float]:
    """Return how many inputs and how many outputs one unit of a weight of that shape has.

    The last two axes are inputs and outputs, those before them places of a filter.
    """
    if len(shape) < 2:
        count = float(shape[0]) if shape else 1.0
        return count, count
    places = math.prod(shape[:-2])
    return float(places * shape[-2]), float(places * shape[-1])


def _floating(dtype: Any) -> DType:
    result = as_dtype(dtype)
    if not result.is_floating:
        raise ValueError(f"this initializer needs a floating-point type, not {result.name}")
    return result


def he_normal(seed: int | None = None) -> VarianceScaling:
    """Return the initializer of truncated normal numbers of variance 2 / inputs (for ReLU)."""
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed: int | None = None) -> VarianceScaling:
    """Return the initializer of uniform numbers of variance 2 / inputs (arXiv:1502.01852)."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


def lecun_normal(seed: int | None = None) -> VarianceScaling:
    """Return the initializer of truncated normal numbers of variance 1 / inputs (for SELU)."""
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed: int | None = None) -> VarianceScaling:
    """Return the initializer of uniform numbers of variance 1 / inputs (LeCun et al. 1998)."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


# The names of ``tf.initializers``, and the older ones that stand in `tf` itself.
zeros = zeros_initializer = Zeros
ones = ones_initializer = Ones
constant = constant_initializer = Constant
random_uniform = random_uniform_initializer = RandomUniform
random_normal = random_normal_initializer = RandomNormal
truncated_normal = truncated_normal_initializer = TruncatedNormal
uniform_unit_scaling = uniform_unit_scaling_initializer = UniformUnitScaling
variance_scaling = variance_scaling_initializer = VarianceScaling
glorot_uniform = glorot_uniform_initializer = GlorotUniform
glorot_normal = glorot_normal_initializer = GlorotNormal
orthogonal = orthogonal_initializer = Orthogonal
identity = Identity
