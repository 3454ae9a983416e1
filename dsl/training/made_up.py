"""Random examples of the right shapes, for what needs no real ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from dsl.losses import is_of_classes
from dsl.network import Net, NetInput

_UNKNOWN = 8  # how long an axis is whose length is up to the data


def made_up_input(given: NetInput, count: int, rng: np.random.Generator) -> Any:
    """Return random values for an input: numbers between 0 and 1, or token ids."""
    shape = (count, *(_UNKNOWN if size is None else size for size in given.shape or ()))
    if given.vocabulary is not None:
        return rng.integers(0, given.vocabulary, shape, np.int32)
    return rng.uniform(0, 1, shape)


def made_up_labels(net: Net, inputs: Any, rng: np.random.Generator) -> Any:
    """Return labels that suit the network's loss, for a batch of its first input.

    Parameters
    ----------
    net : Net
        The network.
    inputs : array of shape (examples, ...)
        The batch: the labels of a network that reconstructs it.
    rng : Generator
        What they are drawn from.
    """
    if net.train.reconstructs:
        return np.asarray(inputs, np.float32)
    shape = tuple(_UNKNOWN if size is None else size for size in net.output_shape or ())
    if is_of_classes(net.train.loss, net[net.outputs[0]].activation.name):
        return rng.integers(0, max(2, shape[-1]), len(inputs))
    return rng.standard_normal((len(inputs), *shape), np.float32)
