"""Pages about networks: the templates, and the frame and parts that they share.

A template extends ``page.html``, which adds tabs and drawings that can be moved and enlarged to
the engine's own frame, and fills the blocks ``title``, ``heading`` and ``content``. ``parts.html``
has the macros. Whatever is put into a template is escaped, but for what `inline_svg` returns.
"""

from dsl.pages.frame import render_page
from tensorgraph.pages import data_uri, image_uri, inline_svg

__all__ = ["data_uri", "image_uri", "inline_svg", "render_page"]
