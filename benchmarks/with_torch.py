"""The networks in PyTorch, eager."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from workload import LEARNING_RATE, Batch


def layers(net: str) -> list[nn.Module]:
    if net == "mlp":
        return [nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)]
    if net == "lenet":
        return [
            *(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
            nn.Flatten(),
            *(nn.Linear(400, 120), nn.Tanh()),
            *(nn.Linear(120, 84), nn.Tanh()),
            nn.Linear(84, 10),
        ]
    return [
        *(nn.Conv2d(1, 32, 3), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        nn.Flatten(),
        *(nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5)),
        nn.Linear(128, 10),
    ]


def make_step(net: str, channels_last: bool) -> Callable[[Batch], float]:
    """Return a function that trains on one batch and returns its loss."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = nn.Sequential(*layers(net)).to(memory_format=layout)
    # The fused form is the fastest that PyTorch has for the CPU.
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    measure = nn.CrossEntropyLoss()

    def step(batch: Batch) -> float:
        x, y = (torch.from_numpy(a) for a in batch)
        if x.ndim == 4:  # from channels last, as the batches are: no copy, for there is one channel
            x = x.permute(0, 3, 1, 2).contiguous(memory_format=layout)
        optimizer.zero_grad()
        loss = measure(model(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step
