"""The training step in PyTorch, eager."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from dsl.bench.libraries.walk import Library, Step, Weights
from dsl.bench.task import Task

Options = Mapping[str, Any]
Variables = Mapping[str, Any]


class PyTorch(Library):
    """PyTorch's eager mode: images are computed with channels first.

    Parameters and errors are those of `Library`.
    """

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._torch = importlib.import_module("torch")
        self._f = importlib.import_module("torch.nn.functional")
        self._torch.set_num_threads(threads)
        self.version = str(self._torch.__version__)

    def make_step(self, task: Task, weights: Weights) -> Step:
        """Return what makes a training step."""
        torch = self._torch
        images = {p.weights["kernel"]: p.options["image"] for p in task.pieces if p.kind == "dense"}
        variables = {
            name: torch.tensor(_arranged(value, images.get(name)))
            for name, value in weights.items()
        }
        for name in task.trained:
            variables[name].requires_grad_()
        optimizer = self._optimizer(task, variables)

        def step(inputs: Any, labels: Any) -> float:
            x, y = torch.from_numpy(inputs), torch.from_numpy(labels)
            if x.ndim == 4:
                x = x.permute(0, 3, 1, 2).contiguous()
            optimizer.zero_grad()
            result = self.forward(task, x, variables)
            measure = self._f.mse_loss if task.loss == "mse" else self._f.cross_entropy
            loss = measure(result, y)
            loss.backward()
            optimizer.step()
            return float(loss.item())

        return step

    def _optimizer(self, task: Task, variables: Variables) -> Any:
        optim, o = self._torch.optim, task.optimizer.options
        groups = [
            {"params": [variables[name]], "weight_decay": task.decays.get(name, 0.0)}
            for name in task.trained
        ]
        if task.optimizer.name == "adam":
            betas = (o["beta1"], o["beta2"])
            # The fused form is the fastest that PyTorch has for the CPU.
            return optim.Adam(groups, lr=o["lr"], betas=betas, eps=o["eps"], fused=True)
        nesterov = task.optimizer.name == "nesterov"
        return optim.SGD(groups, lr=o["lr"], momentum=o["momentum"], nesterov=nesterov)

    def conv(self, x: Any, options: Options, own: Variables) -> Any:
        """Return a convolution."""
        windows = options["windows"]
        padded, edges = self._padded(x, windows, 0.0)
        return self._f.conv2d(
            padded, own["kernel"], own.get("bias"), stride=windows.stride, padding=edges
        )

    def maxpool(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the maxima of windows."""
        windows = options["windows"]
        padded, edges = self._padded(x, windows, -np.inf)
        return self._f.max_pool2d(padded, windows.size, windows.stride, edges)

    def avgpool(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the means of windows, of real pixels only."""
        windows = options["windows"]
        if all(before == after for before, after in windows.edges):
            edges = [before for before, _ in windows.edges]
            return self._f.avg_pool2d(
                x, windows.size, windows.stride, edges, count_include_pad=False
            )
        counted = self._torch.ones_like(x[:1, :1])
        sums, counts = (
            self._f.avg_pool2d(self._padded(a, windows, 0.0)[0], windows.size, windows.stride)
            for a in (x, counted)
        )
        return sums / counts

    def _padded(self, x: Any, windows: Any, value: float) -> tuple[Any, list[int]]:
        """Return images padded where that is not the same on both sides, and the padding else."""
        if all(before == after for before, after in windows.edges):
            return x, [before for before, _ in windows.edges]
        (top, bottom), (left, right) = windows.edges
        return self._f.pad(x, (left, right, top, bottom), value=value), [0, 0]

    def dense(self, x: Any, options: Options, own: Variables) -> Any:
        """Return a product with a kernel."""
        return self._f.linear(x.flatten(1), own["kernel"], own.get("bias"))

    def batchnorm(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the batch normalised, and change the moving statistics."""
        return self._f.batch_norm(
            x,
            own["moving_mean"],
            own["moving_variance"],
            own["gamma"],
            own["beta"],
            training=True,
            momentum=1.0 - options["momentum"],
            eps=options["eps"],
        )

    def dropout(self, x: Any, options: Options, own: Variables) -> Any:
        """Return some values, scaled up."""
        return self._f.dropout(x, options["rate"])

    def flatten(self, x: Any, options: Options, own: Variables) -> Any:
        """Return each example as a row."""
        return x.flatten(1)

    def gap(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the mean of each channel."""
        return x.flatten(2).mean(2)

    def activation(self, x: Any, options: Options, own: Variables) -> Any:
        """Return the activation."""
        if options["name"] == "softmax":
            return self._f.softmax(x, dim=1)
        found = getattr(self._torch, options["name"], None) or getattr(self._f, options["name"])
        return found(x)


def _arranged(value: Any, image: tuple[int, ...] | None) -> Any:
    """Return a variable's value as PyTorch has it: outputs first, and channels before pixels.

    Parameters
    ----------
    value : array
        The value here.
    image : tuple of int or None
        Of a dense layer's kernel, the image that its input was.
    """
    if value.ndim == 4:
        return np.ascontiguousarray(value.transpose(3, 2, 0, 1))
    if value.ndim != 2:
        return value
    if image is not None and len(image) == 3:
        pixels = value.reshape(*image, -1).transpose(2, 0, 1, 3)
        value = pixels.reshape(value.shape)
    return np.ascontiguousarray(value.T)
