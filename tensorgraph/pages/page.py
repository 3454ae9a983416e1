"""`render_page`: template and values → the text of a page; `Page`: that text."""

from __future__ import annotations

import html
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorgraph.base.files import write_atomically
from tensorgraph.base.version import __version__

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Page:
    """A page; a notebook shows it in a frame of its own.

    Attributes
    ----------
    text : str
        What an HTML file holds.
    """

    text: str = field(repr=False)

    @property
    def content(self) -> bytes:
        """What the file holds. What no text can hold, as parts of some file names, is a ``?``."""
        return self.text.encode("utf-8", "replace")

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Write the page to a file, in one step.

        Raises
        ------
        OSError
            If the file cannot be written; what stood there before is unchanged.
        """
        write_atomically(filename, self.content)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Return what Jupyter shows."""
        frame = (
            f'<iframe srcdoc="{html.escape(self.text)}" title="page" width="100%" height="760"'
            ' sandbox="allow-scripts" style="border: 0"></iframe>'
        )
        return {"text/plain": repr(self), "text/html": frame}


def render_page(template: str, folder: str | os.PathLike[str], **context: Any) -> str:
    """Return a whole page.

    Every value is escaped where a template writes it. Besides the values, templates have

    - ``asset(name)``: the text of a file beside the templates, as it is: a script or a style sheet;
    - ``nonce``: what a ``<script>`` must carry to be run, so that no other one is;
    - ``version``: that of the package.

    Parameters
    ----------
    template : str
        The template's file name. It usually begins with ``{% extends "base.html" %}`` and fills
        the blocks ``title``, ``heading``, ``style``, ``content`` and ``script``.
    folder : str or path-like
        Where the template lies, and what it includes.
    **context : object
        The values that the template names. One that is missing is an error.

    Returns
    -------
    str
        The text of an HTML file.
    """
    # Imported here: the engine is imported much more often than pages are written.
    import jinja2
    import markupsafe

    loader = jinja2.FileSystemLoader([os.fspath(folder), os.fspath(TEMPLATES)])
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def asset(name: str) -> Any:
        return markupsafe.Markup(loader.get_source(environment, name)[0])

    environment.globals |= {
        "asset": asset,
        "nonce": secrets.token_hex(16),
        "version": __version__,
    }
    text: str = environment.get_template(template).render(context)
    return text
