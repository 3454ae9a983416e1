"""``tf.app``: running a script's ``main``, with its flags."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from tensorgraph import flags

__all__ = ["flags", "run"]


def run(
    main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None
) -> NoReturn:
    """Read the flags, call `main` with what is left of the command line, and end the program.

    Parameters
    ----------
    main : callable, optional
        Takes the list of the program's name and the arguments that are no flags, and returns the
        exit code, None for success. Default is the script's own ``main``.
    argv : sequence of str, optional
        The command line; default is ``sys.argv``.
    """
    function = main or sys.modules["__main__"].main
    sys.exit(function(flags.FLAGS(argv)))
