"""The networks in PyTorch, eager."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from workload import EPSILON, LEARNING_RATE, MOMENTUM, OPERATIONS, Batch, Layer, Net


class Residual(nn.Module):
    """What a body makes of its input, and what a shortcut makes of it, added."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)


class LastOutput(nn.Module):
    """A recurrent layer of which the last output counts."""

    def __init__(self, layer: nn.LSTM) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[1][0][0]


class Builder:
    """Makes modules: a method for each layer.

    Follows the shape of an example, channels first, which modules are told in advance.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = (shape[-1], *shape[:-1]) if len(shape) == 3 else shape

    def build(self, layers: Sequence[Layer]) -> nn.Sequential:
        return nn.Sequential(*(getattr(self, kind)(*numbers) for kind, *numbers in layers))

    def shrink(self, channels: int, size: int, step: int, padding: str) -> int:
        """Move the shape on; return how many zeros the border has."""
        border = size // 2 if padding == "same" else 0
        places = ((n + 2 * border - size) // step + 1 for n in self.shape[1:])
        self.shape = (channels, *places)
        return border

    def dense(self, units: int) -> nn.Module:
        inputs, self.shape = math.prod(self.shape), (units,)
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, units))

    def conv(
        self,
        filters: int,
        size: int,
        padding: str = "same",
        step: int = 1,
        bias: str = "bias",
        groups: int = 1,
    ) -> nn.Module:
        channels = self.shape[0]
        border = self.shrink(filters, size, step, padding)
        return nn.Conv2d(channels, filters, size, step, border, 1, groups, bias == "bias")

    def depthwise(self, size: int, step: int) -> nn.Module:
        channels = self.shape[0]
        return self.conv(channels, size, "same", step, "nobias", channels)

    def maxpool(self, size: int, step: int = 0, padding: str = "valid") -> nn.Module:
        step = step or size
        return nn.MaxPool2d(size, step, self.shrink(self.shape[0], size, step, padding))

    def avgpool(self, size: int) -> nn.Module:
        self.shrink(self.shape[0], size, size, "valid")
        return nn.AvgPool2d(size)

    def gap(self) -> nn.Module:
        self.shape = self.shape[:1]
        return nn.AdaptiveAvgPool2d(1)

    def batchnorm(self) -> nn.Module:
        return nn.BatchNorm2d(self.shape[0], EPSILON, 1 - MOMENTUM)

    def residual(self, body: Sequence[Layer], shortcut: Sequence[Layer]) -> nn.Module:
        before = self.shape
        made = self.build(body)
        after, self.shape = self.shape, before
        side = self.build(shortcut)
        self.shape = after
        return Residual(made, side)

    def dropout(self, share: float) -> nn.Module:
        return nn.Dropout(share)

    def lstm(self, units: int) -> nn.Module:
        inputs, self.shape = self.shape[-1], (units,)
        return LastOutput(nn.LSTM(inputs, units, batch_first=True))

    def relu(self) -> nn.Module:
        return nn.ReLU()

    def relu6(self) -> nn.Module:
        return nn.ReLU6()

    def tanh(self) -> nn.Module:
        return nn.Tanh()


def make_step(net: Net, training: bool, channels_last: bool) -> Callable[[Batch], float]:
    """Return a function of a batch; what it returns is the loss, or a result of forward runs."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = Builder(net.shape).build(net.layers).to(memory_format=layout).train(training)
    # The fused form is the fastest that PyTorch has for the CPU.
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)

    def images(batch: Batch) -> torch.Tensor:
        x = torch.from_numpy(batch[0])
        # Batches are channels last: where there is one channel, no copy.
        return x.permute(0, 3, 1, 2).contiguous(memory_format=layout) if x.ndim == 4 else x

    def train(batch: Batch) -> float:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(images(batch)), torch.from_numpy(batch[1]))
        loss.backward()
        optimizer.step()
        return float(loss.item())

    @torch.inference_mode()
    def forward(batch: Batch) -> float:
        return float(model(images(batch))[0, 0])

    return train if training else forward


def make_calls(prepared: bool) -> Callable[[np.ndarray[Any, Any]], float]:
    """Return a function of ten operations on eight numbers; there is one way to call it."""

    @torch.inference_mode()
    def call(fed: np.ndarray[Any, Any]) -> float:
        x = torch.from_numpy(fed)
        for _ in range(OPERATIONS // 2):
            x = torch.tanh(x * 1.5)
        return float(x[0])

    return call
