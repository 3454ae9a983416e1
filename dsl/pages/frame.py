"""`render_page`: a template of this package and its values → the text of a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorgraph import pages

_TEMPLATES = Path(__file__).with_name("templates")


def render_page(template: str, **context: Any) -> str:
    """Return a whole page, as `tensorgraph.pages.render_page` does.

    Parameters
    ----------
    template : str
        The name of a template of this package, such as ``"report.html"``.
    **context : object
        The values that it names; they are escaped. One that is missing is an error.
    """
    return pages.render_page(template, _TEMPLATES, **context)
