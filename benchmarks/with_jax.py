"""The networks in JAX: the whole step in one jitted function, whose state is updated in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from workload import LEARNING_RATE, Batch, stddev

WEIGHT_SHAPES = {
    "mlp": [(784, 128), (128, 10)],
    "lenet": [(5, 5, 1, 6), (5, 5, 6, 16), (400, 120), (120, 84), (84, 10)],
    "lab": [(3, 3, 1, 32), (3, 3, 32, 64), (9216, 128), (128, 10)],
}


def initial(net: str) -> list[tuple[jax.Array, jax.Array]]:
    """Return the weights and biases of each layer."""
    keys = jax.random.split(jax.random.key(0), len(WEIGHT_SHAPES[net]))
    return [
        (stddev(s) * jax.random.truncated_normal(k, -2.0, 2.0, s), jnp.zeros(s[-1]))
        for k, s in zip(keys, WEIGHT_SHAPES[net], strict=True)
    ]


def conv(x: jax.Array, layer: tuple[jax.Array, jax.Array], padding: str) -> jax.Array:
    dimensions = ("NHWC", "HWIO", "NHWC")
    mapped = lax.conv_general_dilated(x, layer[0], (1, 1), padding, dimension_numbers=dimensions)
    return mapped + layer[1]


def pool(x: jax.Array, start: float, join: Any) -> jax.Array:
    return lax.reduce_window(x, start, join, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def avg_pool(x: jax.Array) -> jax.Array:
    return pool(x, 0.0, lax.add) / 4


def dense(x: jax.Array, layer: tuple[jax.Array, jax.Array]) -> jax.Array:
    return x @ layer[0] + layer[1]


def dropout(x: jax.Array, rate: float, key: jax.Array) -> jax.Array:
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)


def logits(net: str, layers: Any, x: jax.Array, key: jax.Array) -> jax.Array:
    rest: Iterator[Any] = iter(layers)
    if net == "mlp":
        return dense(jax.nn.relu(dense(x, next(rest))), next(rest))
    if net == "lenet":
        x = avg_pool(jnp.tanh(conv(x, next(rest), "SAME")))
        x = avg_pool(jnp.tanh(conv(x, next(rest), "VALID")))
        x = jnp.tanh(dense(x.reshape(len(x), -1), next(rest)))
        return dense(jnp.tanh(dense(x, next(rest))), next(rest))
    first, second = jax.random.split(key)
    x = jax.nn.relu(conv(x, next(rest), "VALID"))
    x = jax.nn.relu(conv(x, next(rest), "VALID"))
    x = dropout(pool(x, -jnp.inf, lax.max), 0.25, first)
    x = dropout(jax.nn.relu(dense(x.reshape(len(x), -1), next(rest))), 0.5, second)
    return dense(x, next(rest))


def loss_of(layers: Any, net: str, x: jax.Array, y: jax.Array, key: jax.Array) -> jax.Array:
    logs = jax.nn.log_softmax(logits(net, layers, x, key))
    return -jnp.take_along_axis(logs, y[:, None], axis=1).mean()


@partial(jax.jit, static_argnames="net", donate_argnames="state")
def update(net: str, state: Any, x: jax.Array, y: jax.Array) -> tuple[Any, jax.Array]:
    """Return the state after a step of Adam, and the loss before it."""
    layers, mean, square, t = state
    t = t + 1
    key = jax.random.fold_in(jax.random.key(1), t)
    loss, gradient = jax.value_and_grad(loss_of)(layers, net, x, y, key)
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
    square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, gradient)
    rate = LEARNING_RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    layers = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), layers, mean, square)
    return (layers, mean, square, t), loss


def make_step(net: str) -> Callable[[Batch], float]:
    """Return a function that trains on one batch and returns its loss."""
    layers = initial(net)
    state = layers, jax.tree.map(jnp.zeros_like, layers), jax.tree.map(jnp.zeros_like, layers), 0

    def step(batch: Batch) -> float:
        nonlocal state
        state, loss = update(net, state, *batch)
        jax.block_until_ready(state)
        return float(loss)

    return step
