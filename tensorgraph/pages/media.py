"""Pictures as parts of a page."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection
from typing import Any
from xml.etree import ElementTree

import numpy as np

from tensorgraph.base.png import encode_png

_NAME = re.compile(r"#([\w-]+)")
_SVG = "{http://www.w3.org/2000/svg}"


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """Return a file as an address that holds it, for ``src=``.

    Parameters
    ----------
    content : bytes
        The file.
    kind : str, default "image/png"
        Its MIME type.
    """
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"


def image_uri(pixels: np.ndarray[Any, Any]) -> str:
    """Return pixels as the address of a PNG, for ``src=``.

    Parameters
    ----------
    pixels : array of uint8
        Height, width, and 1, 3 or 4 channels; or height and width alone.
    """
    return data_uri(encode_png(pixels if pixels.ndim == 3 else pixels[..., None]))


def inline_svg(svg: bytes | str, label: str | None = None, prefix: str = "") -> Any:
    """Return a picture as an element of a page, which templates do not escape.

    Scripts and links are left out, which a page does not run nor follow; so are the titles that
    Graphviz writes for itself. Its tooltips stay.

    Parameters
    ----------
    svg : bytes or str
        A picture that this project has drawn, with its strings escaped.
    label : str, optional
        What it shows, for those who do not see it.
    prefix : str, optional
        What its ids begin with, so that no two pictures of a page share one.
    """
    import markupsafe

    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if _word(child) in ("script", "title"):
                parent.remove(child)
    ids = {element.get("id") for element in root.iter()}
    for element in root.iter():
        _make_plain(element, prefix)
        if element.tag == "style":
            element.text = _prefixed(element.text or "", prefix, ids)
    if label is not None:
        root.attrib |= {"role": "img", "aria-label": label}
    text = ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)
    return markupsafe.Markup(text)


def _word(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(_SVG) if isinstance(element.tag, str) else ""


def _prefixed(style: str, prefix: str, ids: Collection[str | None]) -> str:
    """Return a style sheet that refers to the ids as they are now; colours look alike."""
    return _NAME.sub(lambda m: f"#{prefix}{m[1]}" if m[1] in ids else m[0], style)


def _make_plain(element: ElementTree.Element, prefix: str) -> None:
    """Write an element as HTML has it: without namespaces, and with nothing that acts."""
    element.tag = _word(element)
    attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    if element.tag == "a":
        element.tag = "g"
        tooltip = ElementTree.Element("title")
        tooltip.text = attributes.pop("title", None)
        if tooltip.text:
            element.insert(0, tooltip)
    element.attrib.clear()
    for name, value in attributes.items():
        if name.startswith("on") or (name == "href" and not value.startswith("#")):
            continue
        if name == "id":
            named = prefix + value
        elif name == "href":
            named = f"#{prefix}{value[1:]}"
        else:
            named = value.replace("url(#", f"url(#{prefix}")
        element.set(name, named)
