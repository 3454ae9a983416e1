"""The training step in JAX: all of it in one jitted function, whose state is updated in place."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from dsl.bench.libraries.walk import Library, Step, Weights
from dsl.bench.task import Task

Options = Mapping[str, Any]
Variables = Mapping[str, Any]


class Jax(Library):
    """JAX on the CPU.

    Parameters and errors are those of `Library`.
    """

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._jax = importlib.import_module("jax")
        self._np = importlib.import_module("jax.numpy")
        self._lax = importlib.import_module("jax.lax")
        self.version = str(self._jax.__version__)
        self._key: Any = None
        self._moved: dict[str, Any] = {}

    def make_step(self, task: Task, weights: Weights) -> Step:
        """Return what makes a training step."""
        jax, np = self._jax, self._np
        trained = {name: np.asarray(weights[name]) for name in task.trained}
        fixed = {n: np.asarray(value) for n, value in weights.items() if n not in trained}
        zeros = {name: np.zeros_like(value) for name, value in trained.items()}
        state = trained, fixed, zeros, {n: np.zeros_like(value) for n, value in zeros.items()}, 0

        def loss_of(trained: Any, fixed: Any, x: Any, y: Any, t: Any) -> Any:
            self._key = jax.random.fold_in(jax.random.key(0), t)
            self._moved = dict(fixed)
            result = self.forward(task, x, {**trained, **_named(fixed)})
            return self._loss(task, result, y), self._moved

        def update(state: Any, x: Any, y: Any) -> Any:
            trained, fixed, first, second, t = state
            measure = jax.value_and_grad(loss_of, has_aux=True)
            (loss, fixed), gradients = measure(trained, fixed, x, y, t)
            for name, share in task.decays.items():
                gradients[name] = gradients[name] + share * trained[name]
            changed = {n: self._rule(task, g, first[n], second[n], t) for n, g in gradients.items()}
            trained = {name: trained[name] - changed[name][0] for name in trained}
            first = {name: parts[1] for name, parts in changed.items()}
            second = {name: parts[2] for name, parts in changed.items()}
            return (trained, fixed, first, second, t + 1), loss

        run = jax.jit(update, donate_argnums=0)

        def step(inputs: Any, labels: Any) -> float:
            nonlocal state
            state, loss = run(state, inputs, labels)
            jax.block_until_ready(state)
            return float(loss)

        return step

    def _loss(self, task: Task, result: Any, y: Any) -> Any:
        if task.loss == "mse":
            return ((result - y) ** 2).mean()
        logs = self._jax.nn.log_softmax(result)
        return -self._np.take_along_axis(logs, y[:, None], axis=1).mean()

    def _rule(self, task: Task, g: Any, m: Any, v: Any, t: Any) -> tuple[Any, Any, Any]:
        """Return by how much a variable goes down, and its two slots."""
        o, name, np = task.optimizer.options, task.optimizer.name, self._np
        if name == "adam":
            m = o["beta1"] * m + (1 - o["beta1"]) * g
            v = o["beta2"] * v + (1 - o["beta2"]) * g * g
            rate = o["lr"] * np.sqrt(1 - o["beta2"] ** (t + 1)) / (1 - o["beta1"] ** (t + 1))
            return rate * m / (np.sqrt(v) + o["eps"]), m, v
        m = o["momentum"] * m + g
        return o["lr"] * (g + o["momentum"] * m if name == "nesterov" else m), m, v

    def conv(self, x: Any, options: Options, own: Variables) -> Any:
        """Return a convolution."""
        w = options["windows"]
        mapped = self._lax.conv_general_dilated(
            x, own["kernel"], w.stride, w.padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return mapped + own["bias"] if "bias" in own else mapped

    def maxpool(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the maxima of windows."""
        return self._reduced(x, options, -float("inf"), self._lax.max)

    def avgpool(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the means of windows, of real pixels only."""
        counts = self._reduced(self._np.ones_like(x[:1]), options, 0.0, self._lax.add)
        return self._reduced(x, options, 0.0, self._lax.add) / counts

    def _reduced(self, x: Any, options: Options, start: float, join: Any) -> Any:
        w = options["windows"]
        return self._lax.reduce_window(
            x, start, join, (1, *w.size, 1), (1, *w.stride, 1), w.padding
        )

    def dense(self, x: Any, options: Options, own: Variables) -> Any:
        """Return a product with a kernel."""
        mapped = x.reshape(len(x), -1) @ own["kernel"]
        return mapped + own["bias"] if "bias" in own else mapped

    def batchnorm(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the batch normalised, and remember the moving statistics."""
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axes), x.var(axes)
        count = x.size // x.shape[-1]
        for (name, moving), now in (
            (own["moving_mean"], mean),
            (own["moving_variance"], variance * count / (count - 1)),
        ):
            self._moved[name] = moving - (moving - now) * (1.0 - options["momentum"])
        scale = own["gamma"] * self._lax.rsqrt(variance + options["eps"])
        return (x - mean) * scale + own["beta"]

    def dropout(self, x: Any, options: Options, own: Variables) -> Any:
        """Return some values, scaled up."""
        self._key, key = self._jax.random.split(self._key)
        kept = self._jax.random.bernoulli(key, 1 - options["rate"], x.shape)
        return self._np.where(kept, x / (1 - options["rate"]), 0.0)

    def flatten(self, x: Any, options: Options, own: Variables) -> Any:
        """Return each example as a row."""
        return x.reshape(len(x), -1)

    def gap(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the mean of each channel."""
        return x.mean(tuple(range(1, x.ndim - 1)))

    def activation(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the activation."""
        name = options["name"]
        return self._np.tanh(x) if name == "tanh" else getattr(self._jax.nn, name)(x)


def _named(values: Variables) -> dict[str, tuple[str, Any]]:
    """Return variables that are not trained together with their names: who changes them says so."""
    return {name: (name, value) for name, value in values.items()}
