"""Pictures inside pages: what is kept of an SVG, and what is not."""

from base64 import b64decode
from xml.etree import ElementTree

import numpy as np
import pytest

from tensorgraph.pages import data_uri, image_uri, inline_svg

SVG = """<?xml version="1.0"?>
<!DOCTYPE svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"
 xmlns:xlink="http://www.w3.org/1999/xlink">
<!-- a comment -->
<title>graph</title>
<script>alert(1)</script>
<style>#n1 .a &gt; b { fill: #123456 }</style>
<defs><clipPath id="c"/></defs>
<g id="n1" onclick="alert(2)" clip-path="url(#c)"><title>n1</title>
<a xlink:href="https://example.com/" xlink:title="a &lt;b&gt; &quot;c&quot;">
<rect fill="#123456"/></a>
</g>
<use xlink:href="#n1"/><use href="javascript:alert(3)"/>
<text>&lt;script&gt;alert(4)&lt;/script&gt;</text>
</svg>"""


def test_nothing_in_a_picture_acts_or_loads():
    made = str(inline_svg(SVG))
    for gone in ("alert(1)", "onclick", "example.com", "javascript", "<?xml", "DOCTYPE", "xmlns"):
        assert gone not in made
    assert "&lt;script&gt;alert(4)&lt;/script&gt;" in made
    assert "<script" not in made


def test_ids_are_told_apart_and_colours_left_alone():
    root = ElementTree.fromstring(str(inline_svg(SVG, "A graph", "one-")))
    assert root.get("aria-label") == "A graph"
    assert root.get("role") == "img"
    group = root.find("g")
    assert group.get("id") == "one-n1"
    assert group.get("clip-path") == "url(#one-c)"
    assert root.find("use").get("href") == "#one-n1"
    assert root.find(".//rect").get("fill") == "#123456"
    assert root.find("style").text == "#one-n1 .a > b { fill: #123456 }"


def test_tooltips_stay_and_names_that_graphviz_makes_do_not():
    root = ElementTree.fromstring(str(inline_svg(SVG)))
    assert [title.text for title in root.iter("title")] == ['a <b> "c"']


def test_a_template_does_not_escape_it_again():
    assert inline_svg(SVG).__html__().startswith("<svg")


def test_addresses_that_hold_files():
    assert data_uri(b"ab", "text/plain") == "data:text/plain;base64,YWI="
    grey = image_uri(np.zeros((3, 5), np.uint8))
    assert grey == image_uri(np.zeros((3, 5, 1), np.uint8))
    content = b64decode(grey.partition(",")[2])
    assert content[16:24] == bytes([0, 0, 0, 5, 0, 0, 0, 3])  # width and height of a PNG


def test_no_svg_is_an_error():
    with pytest.raises(ElementTree.ParseError):
        inline_svg("<svg")
