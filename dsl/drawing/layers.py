"""Checked network → `Diagram`: one box a layer, its words as the file has them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import prod

from dsl.layers.arguments import format_sizes, format_value
from dsl.network import Net, NetInput, NetLayer
from tensorgraph.viz.diagram import Arrow, Box, Diagram, Kind, Path, Role
from tensorgraph.viz.folding import counted, rounded
from tensorgraph.viz.labels import shape_text
from tensorgraph.viz.painting import Form, paint
from tensorgraph.viz.picture import Picture

MAX_BOXES = 120
"""From how many layers on blocks are folded."""

LEAST_SAVED = 4
"""How many boxes have to be saved where equal blocks are drawn once."""


def draw_layers(
    net: Net, format: str = "svg", *, unfold: Sequence[str] = (), max_boxes: int = MAX_BOXES
) -> Picture:
    """Return a picture of a network with one box a layer.

    Parameters
    ----------
    net : Net
        The network.
    format : str, default "svg"
        One of `tensorgraph.viz.FORMATS`.
    unfold : sequence of str, optional
        Blocks to draw as they are, ``"resnet/stage"``; ``"all"`` for every one.
    max_boxes : int, default MAX_BOXES
        From how many layers on blocks are folded into single boxes.

    Raises
    ------
    ValueError
        If there is no block to unfold of a name.
    GraphvizMissingError, DrawingError
        As `tensorgraph.viz.render`.
    """
    form = Form(format, net.name, max_boxes, tuple(unfold), LEAST_SAVED)
    return paint(layer_diagram(net), form)


def layer_diagram(net: Net) -> Diagram:
    """Return the diagram of a network with one box a layer.

    Parameters
    ----------
    net : Net
        The network; shapes that are not known are drawn as such.
    """
    boxes: dict[str, Box] = {}
    ids: dict[str, str] = {}
    for given in net.inputs:
        ids[given.name] = f"i{len(ids)}"
        boxes[ids[given.name]] = _input_box(ids[given.name], given)
    arrows = []
    for layer in net.layers:
        key = ids[layer.name] = f"l{len(ids)}"
        boxes[key] = _layer_box(key, layer, layer.name in net.outputs)
        for name in dict.fromkeys(layer.inputs):
            arrows.append(Arrow(ids[name], key, label=shape_text(net.shape_of(name))))
    return Diagram(_framed(boxes), tuple(arrows), noun="layer")


def _framed(boxes: dict[str, Box]) -> dict[str, Box]:
    """Return the boxes without frames that would hold a single one."""
    sizes = Counter(box.scope[:end] for box in boxes.values() for end in range(len(box.scope) + 1))

    def framed(scope: Path) -> Path:
        while scope and sizes[scope] == 1:
            scope = scope[:-1]
        return scope

    return {key: replace(box, scope=framed(box.scope)) for key, box in boxes.items()}


def _input_box(key: str, given: NetInput) -> Box:
    what = [] if given.vocabulary is None else [f"of {given.vocabulary:,} tokens"]
    return Box(
        key, Kind.INPUT, Role.FORWARD, given.name, "", tuple(what), given.name, shape=given.shape
    )


def _layer_box(key: str, layer: NetLayer, is_output: bool) -> Box:
    parameters = sum(w.size for w in layer.weights)
    costs = [counted(parameters, "parameter")] if parameters else []
    if layer.multiply_adds:
        costs.append(f"{rounded(layer.multiply_adds)} multiply-adds")
    *scope, last = layer.name.split("/")
    own = re.sub(r"_\d+$", "", last)
    return Box(
        key,
        Kind.OPERATION,
        Role.FORWARD,
        words_of(layer),
        "" if own == layer.kind else last,
        (
            *_options(layer),
            *(["not trained"] if layer.frozen else []),
            *costs,
            *([f"→ {shape_text(layer.output_shape)}"] if is_output else []),
        ),
        f"{layer.name}\nline {layer.line}",
        tuple(scope),
        fetched=is_output,
        parameters=parameters,
        multiply_adds=layer.multiply_adds or 0,
        shape=layer.output_shape,
    )


def words_of(layer: NetLayer) -> str:
    """Return a layer's word and positional arguments, ``conv 6 5x5``, with their values."""
    values = [layer.arguments.get(p.key) for p in layer.layer.positional]
    return " ".join([layer.kind, *(_word(value) for value in values if value is not None)])


def _options(layer: NetLayer) -> list[str]:
    """Return in a line what of the options changes shape or values, if it is not the default."""
    usual = layer.layer.signature.defaults()
    parts = []
    for key in ("stride", "dilation", "groups", "padding", "multiplier", "return", "bidirectional"):
        value = layer.arguments.get(key)
        if value is None or value == usual.get(key) or value == "valid":
            continue
        if isinstance(value, tuple) and prod(value) == 1 and key != "padding":
            continue
        if value is True or (key == "padding" and isinstance(value, str)):
            parts.append(key if value is True else value)
        else:
            same = isinstance(value, tuple) and len(set(value)) == 1
            parts.append(
                f"{'pad' if key == 'padding' else key} {_word(value[:1] if same else value)}"
            )
    if layer.activation.name not in ("linear", layer.kind):
        parts.append(str(layer.activation))
    return [", ".join(parts)] if parts else []


def _word(value: object) -> str:
    """Return a value as the file has it."""
    if isinstance(value, tuple) and all(isinstance(v, int) for v in value):
        return format_sizes(value)
    return format_value(value)
