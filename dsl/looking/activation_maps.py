"""Where a network sees a class: class activation maps, and what each layer makes of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsl.looking.probe import Array, Probe
from dsl.network import Net, NetLayer
from dsl.training.errors import RunError

# What hands its input on, once a network is trained.
_PASSES_ON = frozenset(["dropout", "spatial_dropout", "noise", "flatten"])


@dataclass(frozen=True)
class ActivationMap:
    """Where a network sees a class.

    Attributes
    ----------
    method : str
        ``"CAM"`` or ``"Grad-CAM"``.
    layer : str
        The layer whose values are weighed.
    values : array of shape (height, width)
        One number for each place of the layer.
    """

    method: str
    layer: str
    values: Array


def map_activations(probe: Probe, x: Array, of: int) -> ActivationMap:
    """Return the class activation map of an image: CAM where the network allows it, else Grad-CAM.

    Parameters
    ----------
    probe : Probe
        The network.
    x : array of shape (height, width, channels)
        One image.
    of : int
        The class.

    Raises
    ------
    RunError
        If the network has no convolution of images.
    """
    return cam(probe, x, of) if cam_layers(probe.net) else grad_cam(probe, x, of)


def cam_layers(net: Net) -> tuple[NetLayer, NetLayer] | None:
    """Return the layer that `gap` averages, and the last `dense` behind it, which sees no more.

    Then the score is the mean of the class activation map, and the bias. None where the network
    does not end so.
    """
    names = {layer.name for layer in net.layers}

    def before(layer: NetLayer) -> NetLayer | None:
        """Return the only layer whose values a layer gets, but for those that pass them on."""
        while len(layer.inputs) == 1 and layer.inputs[0] in names:
            layer = net[layer.inputs[0]]
            if layer.kind not in _PASSES_ON:
                return layer
        return None

    last = net[net.outputs[0]] if net.outputs[0] in names else None
    if last is None or last.kind != "dense":
        return None
    pool = before(last)
    if pool is None or pool.kind != "gap" or len(pool.use.input or ()) != 3:
        return None
    image = before(pool)
    return None if image is None else (image, last)


def cam(probe: Probe, x: Array, of: int) -> ActivationMap:
    """Return Σ_k w[k, class] · A_k of the layer before `gap`.

    Zhou et al. 2016 (arXiv:1512.04150). The mean of the map, with the bias, is the score.

    Raises
    ------
    RunError
        If the network does not end in `gap` and `dense`.
    """
    found = cam_layers(probe.net)
    if found is None:
        raise RunError(f"{probe.net.name} has no CAM: it does not end in `gap` and `dense`")
    layer, last = found
    kernel = probe.trainer.weights()[f"{last.name}/kernel"]
    weights = kernel[:, 0] * (2 * of - 1) if probe.tells_two else kernel[:, of]
    values = probe.run(probe.values[layer.name], x[np.newaxis])[0]
    return ActivationMap("CAM", layer.name, values @ weights)


def grad_cam(probe: Probe, x: Array, of: int, layer: str | None = None) -> ActivationMap:
    """Return max(0, Σ_k a_k · A_k), where a_k is the mean gradient of the score by channel k.

    Selvaraju et al. 2017 (arXiv:1610.02391).

    Parameters
    ----------
    probe : Probe
        The network.
    x : array of shape (height, width, channels)
        One image.
    of : int
        The class.
    layer : str, optional
        The layer whose values are weighed; by default the last that gives an image of more than
        one pixel, and that the score depends on.

    Raises
    ------
    RunError
        If there is no such layer.
    """
    chosen = layer or _last_image(probe.net)
    values = probe.values[chosen]
    image, gradient = (
        probe.run(fetch, x[np.newaxis], of)[0] for fetch in (values, probe.gradient_by(values))
    )
    weights = gradient.mean(axis=(0, 1))
    return ActivationMap("Grad-CAM", chosen, np.maximum(image @ weights, 0))


def _last_image(net: Net) -> str:
    """Return the name of the last layer of images that the result depends on."""
    if not any(layer.kind in _CONVOLUTIONS for layer in net.layers):
        raise RunError(
            f"{net.name} has no convolution, so that there are no places for a class activation map"
        )
    needed = {net.outputs[0]}
    for layer in reversed(net.layers):
        if layer.name in needed:
            needed.update(layer.inputs)
            shape = layer.output_shape
            image = shape is not None and len(shape) == 3 and shape[:2] != (1, 1)
            if image and layer.kind not in _PASSES_ON:
                return layer.name
    raise RunError(f"{net.name} gives no image of more than one pixel behind its convolutions")


_CONVOLUTIONS = frozenset(["conv", "depthwise", "separable", "deconv"])
