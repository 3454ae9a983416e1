"""Pages to look at: one HTML file each, that opens anywhere and needs nothing from the network.

Templates are Jinja2's and extend ``base.html``: the frame, with a style for light, dark and print.
Whatever is put into them is escaped, but for what `inline_svg` returns.
"""

from tensorgraph.pages.media import data_uri, image_uri, inline_svg
from tensorgraph.pages.page import Page, render_page

__all__ = ["Page", "data_uri", "image_uri", "inline_svg", "render_page"]
