"""What every library is given: the networks, and batches that can be learnt."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

LEARNING_RATE = 1e-3
# How much of the moving averages of a batch norm a step keeps, and what it adds to variances.
MOMENTUM = 0.99
EPSILON = 1e-3
# How many small operations are called by ``calls.py``.
OPERATIONS = 10

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]
# The word of a layer and the numbers behind it, for the method of that name of each library.
Layer = tuple[Any, ...]


class Net(NamedTuple):
    """A network: the shape of an example, channels last, and its layers."""

    shape: tuple[int, ...]
    layers: list[Layer]
    classes: int = 10
    batch: int = 64
    steps: int = 30


def layers(text: str) -> list[Layer]:
    """Return the layers of a text such as ``conv 32 3 same, relu, maxpool 2``.

    ==================================================== ====================================
    ``conv FILTERS SIZE [PADDING [STEP [nobias]]]``       same where nothing else is said
    ``depthwise SIZE STEP``                               same, without a bias
    ``maxpool SIZE [STEP [PADDING]]``, ``avgpool SIZE``   of steps as large as the window
    ``dense UNITS``                                       of images, too
    ``lstm UNITS``                                        the last output
    ``dropout SHARE``                                     the share that is dropped
    ``batchnorm``, ``relu``, ``relu6``, ``tanh``, ``gap``
    ==================================================== ====================================
    """
    return [tuple(value_of(word) for word in layer.split()) for layer in text.split(",")]


def value_of(word: str) -> Any:
    if word[0].isdigit():
        return float(word) if "." in word else int(word)
    return word


def describe(net: Net) -> str:
    return ", ".join(" ".join(map(str, layer)) for layer in net.layers)


def conv_bn(filters: int, size: int, step: int = 1) -> str:
    return f"conv {filters} {size} same {step} nobias, batchnorm"


def mobilenet() -> list[Layer]:
    """Return MobileNet v1, of alpha 1."""
    text = f"{conv_bn(32, 3, 2)}, relu6"
    of_512 = [(512, 1)] * 5
    widths = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *of_512, (1024, 2)]
    for filters, step in [*widths, (1024, 1)]:
        text += f", depthwise 3 {step}, batchnorm, relu6, {conv_bn(filters, 1)}, relu6"
    return layers(f"{text}, gap, dense 1000")


def resnet50() -> list[Layer]:
    """Return ResNet-50; a residual layer is what is added: the body's result and the shortcut's."""
    result = layers(f"{conv_bn(64, 7, 2)}, relu, maxpool 3 2 same")
    for filters, depth, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(depth):
            step = 1 if i else first
            ends = conv_bn(filters, 1, step), conv_bn(4 * filters, 1)
            body = layers(f"{ends[0]}, relu, {conv_bn(filters, 3)}, relu, {ends[1]}")
            shortcut = [] if i else layers(conv_bn(4 * filters, 1, step))
            result += [("residual", body, shortcut), ("relu",)]
    return result + layers("gap, dense 1000")


DIGIT = (28, 28, 1)
TWICE = f"{conv_bn(32, 3)}, relu, " * 2 + "maxpool 2, " + f"{conv_bn(64, 3)}, relu, " * 2
NETS = {
    "mlp": Net((784,), layers("dense 128, relu, dense 10")),
    "lenet": Net(
        DIGIT,
        layers(
            "conv 6 5 same, tanh, avgpool 2, conv 16 5 valid, tanh, avgpool 2, dense 120, tanh,"
            " dense 84, tanh, dense 10"
        ),
    ),
    "card": Net(DIGIT, layers("conv 32 3 same, relu, maxpool 2, dense 10")),
    "lab": Net(
        DIGIT,
        layers(
            "conv 32 3 valid, relu, conv 64 3 valid, relu, maxpool 2, dropout 0.25, dense 128,"
            " relu, dropout 0.5, dense 10"
        ),
    ),
    "tfdeep": Net(
        DIGIT,
        layers(
            "conv 32 5 same, relu, maxpool 2, conv 64 5 same, relu, maxpool 2, dense 1024, relu,"
            " dropout 0.5, dense 10"
        ),
    ),
    "cifarbn": Net((32, 32, 3), layers(f"{TWICE}maxpool 2, dense 256, relu, dense 10")),
    "lstm": Net((28, 28), layers("lstm 128, dense 10")),
    "mobilenet": Net((96, 96, 3), mobilenet(), classes=1000, batch=8, steps=10),
    "resnet50": Net((96, 96, 3), resnet50(), classes=1000, batch=8, steps=10),
}
# What is compared by default.
SIX = ("mlp", "lenet", "card", "lab", "tfdeep", "cifarbn")


def find(name: str) -> Net:
    """Return a network by name; ``dense 8 512`` and ``conv 8 16`` are so many layers so wide."""
    if name in NETS:
        return NETS[name]
    kind, depth, width = name.split()
    if kind == "dense":
        return Net((784,), layers(f"dense {width}, relu, " * int(depth) + "dense 10"))
    return Net((16, 16, 3), layers(f"conv {width} 3, relu, " * int(depth) + "gap, dense 10"))


def batches(net: Net, batch: int) -> Iterator[Batch]:
    """Yield the same eight batches again and again: a noisy prototype for each of ten classes.

    Noise makes the classes hard enough to take some steps, and eight batches are few enough for
    the loss to fall within the steps of a benchmark.
    """
    rng = np.random.default_rng(0)
    prototypes = rng.random((10, *net.shape), dtype=np.float32)
    drawn = []
    for _ in range(8):
        y = rng.integers(0, 10, batch)
        noise = rng.standard_normal((batch, *net.shape), dtype=np.float32)
        drawn.append((prototypes[y] + 0.3 * noise, y))
    return itertools.cycle(drawn)


def stddev(shape: tuple[int, ...]) -> float:
    """Return the spread of initial weights of that shape, outputs last: √(2 / inputs)."""
    return float(np.sqrt(2 / np.prod(shape[:-1], dtype=Any)))
