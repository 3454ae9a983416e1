"""The tensors of a module of another library → the weights of a layer.

PyTorch calls a kernel ``weight`` and puts its outputs first; Keras calls it ``kernel`` and has our
layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dsl.layers.definition import Weight
from dsl.network import Net, NetLayer
from dsl.training.state import Arrays

Array = np.ndarray[Any, Any]

_NAMES: Mapping[str, Sequence[str]] = {
    "kernel": ("kernel", "weight", "depthwise_kernel"),
    "depthwise_kernel": ("depthwise_kernel",),
    "pointwise_kernel": ("pointwise_kernel",),
    "embeddings": ("embeddings", "weight"),
    "bias": ("bias",),
    "gamma": ("gamma", "weight"),
    "beta": ("beta", "bias"),
    "moving_mean": ("moving_mean", "running_mean"),
    "moving_variance": ("moving_variance", "running_var"),
}
"""What a weight of ours is called elsewhere."""
_PYTORCH = "weight"
_FLAT = frozenset(["dropout", "act", "noise"])
"""Layers that leave a flat value in its order."""


def convert_module(
    net: Net, layer: NetLayer, tensors: Mapping[str, Array], *, exact: bool = False
) -> Arrays | None:
    """Return the weights of a layer, by their names within it; None if the tensors do not fit.

    A bias that the module lacks is 0.

    Parameters
    ----------
    net : Net
        The network.
    layer : NetLayer
        The layer.
    tensors : mapping of str to array
        The tensors of the module, by what their names end in.
    exact : bool, default False
        Whether axes of size 1 count: else a dense layer fits a convolution of single pixels.
    """
    values: Arrays = {}
    used = set()
    for weight in layer.weights:
        leaf = next((n for n in _NAMES.get(weight.name, ()) if n in tensors), None)
        if leaf is None:
            if weight.name != "bias":
                return None
            values["bias"] = np.zeros(weight.shape, np.float32)
            continue
        value = convert_tensor(net, layer, weight, tensors[leaf], leaf, exact=exact)
        if value is None:
            return None
        used.add(leaf)
        values[weight.name] = value
    return values if used == set(tensors) else None


def convert_tensor(
    net: Net, layer: NetLayer, weight: Weight, tensor: Array, leaf: str, *, exact: bool = False
) -> Array | None:
    """Return a tensor in the layout of a weight, None if it does not fit.

    Parameters
    ----------
    net : Net
        The network.
    layer, weight
        The layer, and which of its weights.
    tensor : array
        The tensor.
    leaf : str
        What its name ends in; ``weight`` means PyTorch's layout.
    exact : bool, default False
        As for `convert_module`.
    """
    value = tensor
    if leaf == _PYTORCH and weight.name == "kernel":
        value = _from_pytorch(net, layer, tensor)
        if layer.kind == "depthwise" and value.size == weight.size:
            value = value.reshape(weight.shape)
    same = value.shape == weight.shape
    if not same and not exact and weight.name == "kernel":
        same = _without_ones(value.shape) == _without_ones(weight.shape)
    if not same:
        return None
    return np.ascontiguousarray(value.reshape(weight.shape))


def _from_pytorch(net: Net, layer: NetLayer, tensor: Array) -> Array:
    """Return a kernel with its places first, then inputs and outputs."""
    if tensor.ndim < 2:
        return tensor
    image = _flattened(net, layer) if layer.kind == "dense" and tensor.ndim == 2 else None
    if image is not None and tensor.shape[1] == np.prod(image):
        # PyTorch flattens an image channel by channel, we flatten it pixel by pixel.
        *places, channels = image
        apart = tensor.reshape(len(tensor), channels, *places)
        return np.moveaxis(apart, (0, 1), (-1, -2)).reshape(-1, len(tensor))
    return np.moveaxis(tensor, (0, 1), (-1, -2))


def _flattened(net: Net, layer: NetLayer) -> tuple[int, ...] | None:
    """Return the shape of the image that a dense layer receives as one row, if it is one."""
    while True:
        shape = layer.input_shapes[0]
        if shape is None or None in shape:
            return None
        if len(shape) > 1:
            return tuple(size for size in shape if size is not None)
        before = {other.name: other for other in net.layers}.get(layer.inputs[0])
        if before is None or before.kind not in {"flatten", *_FLAT, *_activations(before)}:
            return None
        layer = before


def _activations(layer: NetLayer) -> tuple[str, ...]:
    """Return the word of a layer that is an activation alone."""
    return (layer.kind,) if layer.kind == layer.activation.name else ()


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]
