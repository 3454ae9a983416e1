"""The pages about layers, activations and initialisers, each layer with an example worked out."""

from __future__ import annotations

import sys
from dataclasses import replace

from dsl.checker.check import check
from dsl.layers import ACTIVATIONS, INITIALIZERS, LAYERS, Activation, Initializer
from dsl.layers.arguments import format_sizes
from dsl.layers.definition import Layer
from dsl.network import NetLayer
from dsl.reference.page import Page, Row, Worked, default_text, rows_of, usage_of
from dsl.tree import parse


def layer_pages() -> list[Page]:
    """Return a page for each layer that is not just an activation, by family."""
    return [
        Page(
            layer.name,
            "layer",
            usage_of(layer.signature),
            layer.doc,
            rows_of(layer.signature),
            family_of(layer),
            layer.example,
        )
        for layer in LAYERS.values()
        if layer.name not in ACTIVATIONS
    ]


def activation_pages() -> list[Page]:
    """Return a page for each activation; each is a layer of its own too."""
    return [
        Page(
            entry.name,
            "activation",
            _usage(entry),
            entry.doc,
            _rows(entry),
            example=f"dense 10 {LAYERS[entry.name].example}",
        )
        for entry in ACTIVATIONS.values()
    ]


def initializer_pages() -> list[Page]:
    """Return a page for each initialiser."""
    return [
        Page(entry.name, "initializer", f"init={_usage(entry)}", entry.doc, _rows(entry))
        for entry in INITIALIZERS.values()
    ]


def _usage(entry: Activation | Initializer) -> str:
    """Return how a word is written that may be called with parameters."""
    names = ", ".join(name.upper() for name, _, _ in entry.parameters)
    return f"{entry.name}({names})" if names else entry.name


def _rows(entry: Activation | Initializer) -> tuple[Row, ...]:
    return tuple(
        Row("argument", name, f"its {name}", kind.phrase, default_text(default))
        for name, kind, default in entry.parameters
    )


def family_of(layer: Layer) -> str:
    """Return with what a layer is listed: its module's subject, as that says in its first line."""
    module = sys.modules[type(layer).__module__]
    words, _, subject = (module.__doc__ or "").partition("\n")[0].rstrip(".").partition(": ")
    return subject if words.startswith("``") else words.lower()


def example_file(layer: Layer) -> str:
    """Return a whole file that ends in a layer's example.

    Parameters
    ----------
    layer : Layer
        One of the table; a layer that merges finds a second value `stem`.
    """
    before = "stem = relu\nrelu\n" if layer.merges else ""
    return f"input {layer.example_input}\n{before}{layer.example}\n"


def worked_out(page: Page) -> Page:
    """Return a page with its example as a whole file, and with what that comes to.

    Parameters
    ----------
    page : Page
        The page of a layer; others are returned as they are.
    """
    if page.kind != "layer":
        return page
    layer = LAYERS[page.word]
    text = example_file(layer)
    return replace(page, example=text.rstrip(), worked=_work_out(layer, text))


def _work_out(layer: Layer, text: str) -> Worked:
    net = check(parse(text, "example.net"))
    last: NetLayer = net.layers[-1]
    return Worked(
        " and ".join(format_sizes(shape or ()) for shape in last.input_shapes),
        format_sizes(last.output_shape or ()),
        sum(weight.size for weight in last.weights),
        last.multiply_adds or 0,
    )
