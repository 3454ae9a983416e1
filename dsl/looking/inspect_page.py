"""The page of `tg inspect`: a network's reasons, over the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsl.looking.drawing import enlarged, outlined, overlay, paint_signs, zoom_of
from dsl.looking.feature_maps import MAX_LAYERS, LayerMaps, draw_layers, shown_layers
from dsl.looking.inspection import Inspection
from dsl.looking.probe import Probe
from dsl.pages import image_uri, render_page
from dsl.pages.pixels import Pixels, paint_image

MAX_IMAGES = 12
"""So many images fit on a page."""
_MOST_OUTCOMES = 5
_SIDE = 220  # how wide the longer side of an image is shown


@dataclass(frozen=True)
class Figure:
    """A picture with a title and words below.

    Attributes
    ----------
    title, text : str
        What it is, and what it shows.
    uri : str
        The address that holds it.
    width : int
        How wide it is shown.
    """

    title: str
    text: str
    uri: str
    width: int


@dataclass(frozen=True)
class Outcome:
    """What the network says of a class."""

    name: str
    value: str
    share: float
    explained: bool


def make_page(probe: Probe, inspections: Sequence[Inspection], run: str, note: str = "") -> str:
    """Return the page.

    Parameters
    ----------
    probe : Probe
        The network.
    inspections : sequence of Inspection
        One an image.
    run : str
        The run folder.
    note : str, optional
        What else must be said.
    """
    views = [
        {
            "name": one.name,
            "answer": _answer(probe, one),
            "outcomes": _outcomes(probe, one),
            "figures": _figures(probe, one),
            "reason": one.reason,
            "layers": [
                (maps, image_uri(maps.pixels))
                for maps in draw_layers(probe, one.image, len(inspections))
            ],
        }
        for one in inspections
    ]
    return render_page(
        "inspect.html",
        net=probe.net.name,
        run=run,
        note=note,
        views=views,
        many=len(shown_layers(probe.net.layers)) == MAX_LAYERS,
        describe=_describe,
    )


def _answer(probe: Probe, one: Inspection) -> str:
    best = int(one.outcomes.argmax())
    said = f"{probe.net.name} says {probe.names[best]} ({_number(probe, one.outcomes[best])})"
    if best == one.of:
        return f"{said}. The pictures show why."
    explained = f"{probe.names[one.of]} ({_number(probe, one.outcomes[one.of])})"
    return f"{said}. The pictures show what speaks for {explained}."


def _outcomes(probe: Probe, one: Inspection) -> list[Outcome]:
    """Return the strongest outcomes, and the explained one."""
    order = list(np.argsort(-one.outcomes, kind="stable")[:_MOST_OUTCOMES])
    if one.of not in order:
        order[-1] = one.of
    top = max(float(np.abs(one.outcomes).max()), 1.0 if probe.gives_shares else 1e-30)
    return [
        Outcome(
            probe.names[i],
            _number(probe, one.outcomes[i]),
            round(100 * max(0.0, float(one.outcomes[i])) / top, 1),
            i == one.of,
        )
        for i in order
    ]


def _number(probe: Probe, value: float) -> str:
    if not probe.gives_shares:
        return f"{value:.4g}"
    return _share(value) if value >= 5e-5 or value == 0 else "< 0.01 %"


def _figures(probe: Probe, one: Inspection) -> list[Figure]:
    name = probe.names[one.of]
    strength = np.abs(one.gradient).max(axis=-1)
    shares = one.integrated.shares.sum(axis=-1)
    gain, error = one.integrated.gain, one.integrated.error
    figures = [
        _figure("Image", "as the network gets it, before preprocessing", paint_image(one.image)),
        _figure(
            "Saliency",
            f"|gradient| of the score of {name}: where a small change matters most",
            paint_signs(strength),
        ),
        _figure(
            "Integrated gradients",
            f"what each pixel adds to the score of {name}, from black on. In all"
            f" {gain + error:.4g}; the score gains {gain:.4g}: completeness error"
            f" {_relative(error, gain)} with {one.steps} steps",
            paint_signs(shares),
        ),
    ]
    if one.activation is not None:
        rows, columns = one.activation.values.shape
        method = one.activation.method
        signs = "blue against it" if method == "CAM" else "nothing else is shown"
        figures.append(
            _figure(
                method,
                f"where {one.activation.layer} ({rows}x{columns}) sees {name}: orange speaks for"
                f" it, {signs}",
                overlay(one.image, one.activation.values),
            )
        )
    figures.append(
        _figure(
            "Occlusion",
            f"by how much the score of {name} falls where a grey square of"
            f" {one.square}x{one.square} covers the image: at most {one.hidden.max():.3g};"
            " where it is blue, the score grows",
            overlay(one.image, one.hidden),
        )
    )
    if one.field is not None:
        (top, bottom), (left, right) = one.field.box
        height, width, _ = one.image.shape
        beyond = min(top, left) < 0 or bottom >= height or right >= width
        zeros = "; beyond the image it sees zeros" if beyond else ""
        figures.append(
            _figure(
                "Receptive field",
                f"{one.field.unit} sees the {bottom - top + 1}x{right - left + 1} pixels that are"
                f" framed{zeros}. The stronger the orange, the more it reacts to the pixel",
                outlined(one.image, one.field.box, one.field.influence),
            )
        )
    return figures


def _figure(title: str, text: str, pixels: Pixels) -> Figure:
    height, width = pixels.shape[:2]
    shown = round(_SIDE * width / max(height, width))
    if max(height, width) < _SIDE / 2:
        pixels = enlarged(pixels, zoom_of(pixels.shape))
    return Figure(title, text, image_uri(pixels), shown)


def _relative(error: float, gain: float) -> str:
    return _share(abs(error / gain)) if gain else f"{abs(error):.2g}"


def _share(value: float) -> str:
    return f"{value:.2%}".replace("%", " %")


def _describe(maps: LayerMaps) -> str:
    """Return the words below the picture of a layer."""
    what = "channels" if maps.is_image else "values"
    count = f"{maps.shown} of {maps.of} {what}" if maps.shown < maps.of else f"{maps.of} {what}"
    if maps.silent:
        return f"{count}, all 0"
    return f"{count}, from {maps.low:.3g} to {maps.high:.3g}"
