"""A network's training step as a list of plain pieces, which other libraries can be given.

The pieces are what these libraries have in common: a chain of layers, each with one input, a loss
and an optimizer. What is none of that is refused with its line, so that nobody is measured at
something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dsl.layers.windows import Windows
from dsl.network import Net, NetLayer
from dsl.optimizers import OptimizerSettings
from tensorgraph.base.shapes import FullShape, window_padding


class UnsupportedError(Exception):
    """A network has something that the other libraries are not given; the message says where."""


@dataclass(frozen=True)
class Piece:
    """A layer, or the activation at its end.

    Attributes
    ----------
    kind : str
        ``conv``, ``maxpool``, ``avgpool``, ``dense``, ``batchnorm``, ``dropout``, ``flatten``,
        ``gap`` or ``activation``.
    options : mapping
        What it is told, by kind: `Sliding` of ``conv`` and pools, and so on.
    weights : mapping of str to str
        The variables by their names within the layer.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sliding:
    """Windows that move over an image.

    Attributes
    ----------
    size, stride : tuple of int
        Height and width.
    padding : str
        ``"SAME"`` or ``"VALID"``.
    edges : ((int, int), (int, int))
        The zeros above and below, left and right, that this comes to.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str
    edges: tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Task:
    """What is measured.

    Attributes
    ----------
    shape : tuple of int
        The shape of an example, channels last.
    pieces : tuple of Piece
        The network; without its softmax where the loss contains it.
    loss : str
        ``cross_entropy``, of numbers of classes, or ``mse``.
    optimizer : OptimizerSettings
        What makes the step.
    decays : mapping of str to float
        What share of a kernel is added to its gradient.
    trained : tuple of str
        The names of the variables that are trained.
    """

    shape: FullShape
    pieces: tuple[Piece, ...]
    loss: str
    optimizer: OptimizerSettings
    decays: Mapping[str, float]
    trained: tuple[str, ...]


def task_of(net: Net) -> Task:
    """Return a network's training step as pieces.

    Raises
    ------
    UnsupportedError
        If it has anything that the pieces cannot say.
    """
    _check_training(net)
    pieces: list[Piece] = []
    value, shape = net.inputs[0].name, _full(net.input_shape)
    image: FullShape | None = None  # what was flattened, until a dense layer takes it
    for layer in net.layers:
        if layer.inputs != (value,):
            raise _unsupported(layer, "takes something else than the value before it")
        kind = _KINDS.get(layer.kind)
        if kind is None or layer.frozen:
            raise _unsupported(layer, "is frozen" if kind else "has no counterpart here")
        if layer.kind in ("flatten", "dense") and len(shape) > 1:
            image = shape
        pieces.append(Piece(kind, _OPTIONS[kind](layer, image), _weights(layer)))
        if layer.kind == "dense":
            image = None
        value, shape = layer.name, _full(layer.output_shape)
        pieces += _activation(layer, net)
    if net.outputs != (value,):
        raise UnsupportedError(f"{net.source.name}: the result is not the last layer's")
    optimizer = net.train.optimizer
    share = net.train.regularize.l2 + optimizer.weight_decay
    weights = [(f"{layer.name}/{w.name}", w) for layer in net.layers for w in layer.weights]
    return Task(
        _full(net.input_shape),
        tuple(piece for piece in pieces if piece.kind != "linear"),
        net.train.loss,
        optimizer,
        {name: share + w.l2 for name, w in weights if len(w.shape) > 1 and share + w.l2},
        tuple(name for name, w in weights if w.trainable),
    )


def _check_training(net: Net) -> None:
    """Refuse what the training step does besides loss, gradients and update."""
    train, place = net.train, net.source.name
    weights = [w for layer in net.layers for w in layer.weights]
    found = {
        "several inputs": len(net.inputs) > 1,
        "an input of token ids": net.inputs[0].vocabulary is not None,
        f"loss {train.loss}": train.loss not in ("cross_entropy", "mse"),
        "options of the loss": any(train.loss_options.values()),
        f"optimizer {train.optimizer.name}": train.optimizer.name not in OPTIMIZERS,
        "clipped gradients": train.clip.norm is not None or train.clip.value is not None,
        "an l1 penalty": bool(train.regularize.l1) or any(w.l1 for w in weights),
        "a limit of the weights' norm": any(w.max_norm is not None for w in weights),
        "attacked examples": train.adversarial is not None,
        "a result with several axes": len(net.output_shape or ()) != 1,
    }
    for what, is_there in found.items():
        if is_there:
            raise UnsupportedError(f"{place}: {what} has no counterpart here")


OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam")
"""Those that all libraries have, with the same rule."""

_KINDS = {
    **{kind: kind for kind in ("conv", "maxpool", "avgpool", "dense", "batchnorm", "dropout")},
    **{kind: kind for kind in ("flatten", "gap")},
    **dict.fromkeys(("act", "relu", "tanh", "sigmoid", "elu", "softplus", "softmax"), "linear"),
}
"""The layers that are known, and the pieces they become; "linear" ones are but an activation."""

_ACTIVATIONS = ("relu", "tanh", "sigmoid", "elu", "softplus", "softmax")


def _activation(layer: NetLayer, net: Net) -> list[Piece]:
    """Return the activation at the end of a layer, but for a softmax that the loss contains."""
    name = layer.activation.name
    last = (layer.name,) == net.outputs and net.train.loss == "cross_entropy"
    if last and name != "softmax":
        raise _unsupported(layer, "is the last one, and has no softmax")
    if name == "linear" or last:
        return []
    if name not in _ACTIVATIONS:
        raise _unsupported(layer, f"has the activation {name}, which has no counterpart here")
    return [Piece("activation", {"name": name})]


def _sliding(layer: NetLayer, image: FullShape | None) -> Mapping[str, Any]:
    windows = Windows.of(layer.use)
    plain = isinstance(windows.padding, str) and not windows.ceil
    if len(windows.size) != 2 or not plain or set(windows.dilation) != {1}:
        raise _unsupported(layer, "has more than a size, a stride, and valid or same")
    if layer.arguments.get("groups", 1) != 1:
        raise _unsupported(layer, "has groups")
    padding = str(windows.padding).upper()
    sizes = zip(_full(layer.input_shapes[0]), windows.size, windows.stride, strict=False)
    above, left = (window_padding(*size, padding) for size in sizes)
    return {"windows": Sliding(windows.size, windows.stride, padding, (above, left))}


def _given(*names: str) -> Callable[[NetLayer, FullShape | None], Mapping[str, Any]]:
    return lambda layer, image: {name: layer.arguments[name] for name in names}


def _normalized(layer: NetLayer, image: FullShape | None) -> Mapping[str, Any]:
    if not (layer.arguments["scale"] and layer.arguments["center"]):
        raise _unsupported(layer, "learns no factor, or no offset")
    return _given("momentum", "eps")(layer, image)


_OPTIONS: dict[str, Callable[[NetLayer, FullShape | None], Mapping[str, Any]]] = {
    "conv": _sliding,
    "maxpool": _sliding,
    "avgpool": _sliding,
    # The image that its input was, for who keeps channels first: the kernel's rows are arranged.
    "dense": lambda layer, image: {"image": image},
    "batchnorm": _normalized,
    "dropout": _given("rate"),
    "flatten": _given(),
    "gap": _given(),
    "linear": _given(),
}


def _weights(layer: NetLayer) -> dict[str, str]:
    return {weight.name: f"{layer.name}/{weight.name}" for weight in layer.weights}


def _full(shape: Any) -> FullShape:
    if shape is None or None in shape:
        raise UnsupportedError("a size of the network is up to the data")
    return tuple(shape)


def _unsupported(layer: NetLayer, what: str) -> UnsupportedError:
    return UnsupportedError(f"{layer.span.location}: `{layer.kind}` {what}")
