"""The networks in JAX: the whole step in one jitted function, whose state is updated in place."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from workload import EPSILON, LEARNING_RATE, MOMENTUM, OPERATIONS, Batch, Layer, Net, stddev

Array = jax.Array


class Network:
    """Computes layers: a method each, from an array to an array.

    The first pass, without weights, draws them; the next ones take them in the same order.

    Parameters
    ----------
    weights, averages : list of array, optional
        The weights; the moving averages of batch norm.
    key : array
        What weights and dropout are drawn from.
    training : bool
        Whether dropout drops, and batches give the statistics of batch norm.
    """

    def __init__(
        self,
        key: Array,
        training: bool,
        weights: Sequence[Array] | None = None,
        averages: Sequence[Array] | None = None,
    ) -> None:
        self.keys = (jax.random.fold_in(key, i) for i in itertools.count())
        self.training = training
        self.drawing = weights is None
        self.given = iter(weights or ())
        self.given_averages = iter(averages or ())
        # All weights in their order, and the averages as they are after the step.
        self.weights: list[Array] = []
        self.averages: list[Array] = []

    def build(self, layers: Sequence[Layer], x: Array) -> Array:
        for kind, *numbers in layers:
            x = getattr(self, kind)(x, *numbers)
        return x

    def weight(self, shape: tuple[int, ...], spread: float = 0.0, mean: float = 0.0) -> Array:
        if not self.drawing:
            return next(self.given)
        drawn = spread * jax.random.truncated_normal(next(self.keys), -2.0, 2.0, shape) + mean
        self.weights.append(drawn)
        return drawn

    def dense(self, x: Array, units: int) -> Array:
        shape = (math.prod(x.shape[1:]), units)
        return x.reshape(len(x), -1) @ self.weight(shape, stddev(shape)) + self.weight((units,))

    def conv(
        self,
        x: Array,
        filters: int,
        size: int,
        padding: str = "same",
        step: int = 1,
        bias: str = "bias",
        groups: int = 1,
    ) -> Array:
        shape = (size, size, x.shape[-1] // groups, filters)
        mapped = lax.conv_general_dilated(
            x,
            self.weight(shape, stddev(shape)),
            (step, step),
            padding.upper(),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )
        return mapped + self.weight((filters,)) if bias == "bias" else mapped

    def depthwise(self, x: Array, size: int, step: int) -> Array:
        return self.conv(x, x.shape[-1], size, "same", step, "nobias", x.shape[-1])

    def maxpool(self, x: Array, size: int, step: int = 0, padding: str = "valid") -> Array:
        return pool(x, -jnp.inf, lax.max, size, step or size, padding)

    def avgpool(self, x: Array, size: int) -> Array:
        return pool(x, 0.0, lax.add, size, size, "valid") / size**2

    def gap(self, x: Array) -> Array:
        return x.mean((1, 2))

    def batchnorm(self, x: Array) -> Array:
        channels = x.shape[-1:]
        scale, offset = self.weight(channels, mean=1.0), self.weight(channels)
        before = [next(self.given_averages, jnp.full(channels, start)) for start in (0.0, 1.0)]
        found = [x.mean((0, 1, 2)), x.var((0, 1, 2))] if self.training else before
        self.averages += [
            MOMENTUM * old + (1 - MOMENTUM) * new for old, new in zip(before, found, strict=True)
        ]
        return (x - found[0]) * (scale * lax.rsqrt(found[1] + EPSILON)) + offset

    def residual(self, x: Array, body: Sequence[Layer], shortcut: Sequence[Layer]) -> Array:
        return self.build(body, x) + self.build(shortcut, x)

    def dropout(self, x: Array, share: float) -> Array:
        if not self.training:
            return x
        kept = jax.random.bernoulli(next(self.keys), 1 - share, x.shape)
        return jnp.where(kept, x / (1 - share), 0.0)

    def lstm(self, x: Array, units: int) -> Array:
        inputs = (x.shape[-1] + units, 4 * units)
        kernel, bias = self.weight(inputs, stddev(inputs)), self.weight(inputs[1:])

        def cell(state: tuple[Array, Array], row: Array) -> tuple[tuple[Array, Array], None]:
            c, h = state
            gates = jnp.concatenate([row, h], 1) @ kernel + bias
            write, new, keep, show = jnp.split(gates, 4, 1)
            c = c * jax.nn.sigmoid(keep + 1) + jax.nn.sigmoid(write) * jnp.tanh(new)
            return (c, jnp.tanh(c) * jax.nn.sigmoid(show)), None

        zeros = jnp.zeros((len(x), units))
        (_, last), _ = lax.scan(cell, (zeros, zeros), x.swapaxes(0, 1))
        return last

    def relu(self, x: Array) -> Array:
        return jax.nn.relu(x)

    def relu6(self, x: Array) -> Array:
        return jax.nn.relu6(x)

    def tanh(self, x: Array) -> Array:
        return jnp.tanh(x)


def pool(x: Array, start: float, join: Any, size: int, step: int, padding: str) -> Array:
    window, steps = (1, size, size, 1), (1, step, step, 1)
    return lax.reduce_window(x, start, join, window, steps, padding.upper())


def make_step(net: Net, training: bool) -> Callable[[Batch], float]:
    """Return a function of a batch; what it returns is the loss, or a result of forward runs."""
    first = Network(jax.random.key(0), training)
    first.build(net.layers, jnp.zeros((1, *net.shape)))
    weights, averages = first.weights, first.averages

    def loss_of(weights: Any, averages: Any, x: Array, y: Array, key: Array) -> Any:
        network = Network(key, True, weights, averages)
        logs = jax.nn.log_softmax(network.build(net.layers, x))
        return -jnp.take_along_axis(logs, y[:, None], axis=1).mean(), network.averages

    @partial(jax.jit, donate_argnames="state")
    def update(state: Any, x: Array, y: Array) -> tuple[Any, Array]:
        """Return the state after a step of Adam, and the loss before it."""
        weights, averages, mean, square, t = state
        t = t + 1
        key = jax.random.fold_in(jax.random.key(1), t)
        derive = jax.value_and_grad(loss_of, has_aux=True)
        (loss, averages), gradient = derive(weights, averages, x, y, key)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, gradient)
        rate = LEARNING_RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), weights, mean, square
        )
        return (weights, averages, mean, square, t), loss

    @jax.jit
    def results(weights: Any, averages: Any, x: Array) -> Array:
        return Network(jax.random.key(0), False, weights, averages).build(net.layers, x)

    zeros = partial(jax.tree.map, jnp.zeros_like)
    state = weights, averages, zeros(weights), zeros(weights), 0

    def train(batch: Batch) -> float:
        nonlocal state
        state, loss = update(state, *batch)
        jax.block_until_ready(state)
        return float(loss)

    def forward(batch: Batch) -> float:
        return float(np.asarray(results(weights, averages, batch[0]))[0, 0])

    return train if training else forward


def make_calls(prepared: bool) -> Callable[[np.ndarray[Any, Any]], float]:
    """Return a function of ten operations on eight numbers; there is one way to call it."""

    @jax.jit
    def compute(x: Array) -> Array:
        for _ in range(OPERATIONS // 2):
            x = jnp.tanh(x * 1.5)
        return x

    return lambda fed: float(np.asarray(compute(fed))[0])
