"""``tf.logging``: messages to the log of the name ``tensorgraph``, a thin layer over `logging`."""

from __future__ import annotations

import logging
from logging import DEBUG, ERROR, FATAL, INFO, WARN
from typing import Any

__all__ = [
    "DEBUG",
    "ERROR",
    "FATAL",
    "INFO",
    "WARN",
    "debug",
    "error",
    "fatal",
    "get_verbosity",
    "info",
    "log",
    "set_verbosity",
    "warn",
    "warning",
]

_logger = logging.getLogger("tensorgraph")

debug = _logger.debug
info = _logger.info
warning = warn = _logger.warning
error = _logger.error
fatal = _logger.critical


def log(level: int, msg: str, *args: Any) -> None:
    """Log a message at a level."""
    _logger.log(level, msg, *args)


def set_verbosity(v: int) -> None:
    """Show messages from this level on: DEBUG, INFO, WARN, ERROR or FATAL."""
    _logger.setLevel(v)
    # Python shows warnings and worse by itself; for less, someone must write them.
    if v < WARN and not _logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
        _logger.addHandler(handler)


def get_verbosity() -> int:
    """Return the level from which on messages are shown."""
    return _logger.getEffectiveLevel()
