"""Libraries that are not always installed: imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any


class MissingLibraryError(ImportError):
    """A library is not installed; the message says how to install it."""


def require(module: str, extra: str, what: str) -> Any:
    """Return a module of a library that an extra of the package installs.

    Parameters
    ----------
    module : str
        Its name.
    extra : str
        The extra.
    what : str
        What needs it, for the message.

    Raises
    ------
    MissingLibraryError
        If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingLibraryError(
            f"{what} needs a library that is not installed ({error}):"
            f" pip install 'tensorgraph-engine[{extra}]'"
        ) from error
