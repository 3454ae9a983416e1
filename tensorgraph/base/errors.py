"""The exceptions that a user can meet.

Names and meanings are those of ``tf.errors``. Errors of graph construction are ``ValueError`` or
``TypeError`` as in TensorFlow 1; the classes here derive from both where a caller could expect
either.
"""

from __future__ import annotations


class OpError(Exception):
    """An operation failed while a session ran it.

    Parameters
    ----------
    message : str
        What happened, what was expected, and what to do about it.
    node : str, optional
        Name of the operation.
    source : str, optional
        Where the user made that operation, as ``file:line``.

    Attributes
    ----------
    message, node, source
        The parameters.
    """

    def __init__(self, message: str, node: str | None = None, source: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.node = node
        self.source = source

    def __str__(self) -> str:
        where = []
        if self.node is not None:
            where.append(f"node {self.node!r}")
        if self.source is not None:
            where.append(f"made at {self.source}")
        return f"{self.message}\n  [{', '.join(where)}]" if where else self.message


class InvalidArgumentError(OpError, ValueError):
    """A value has a shape, dtype or content that the operation cannot take."""


class FailedPreconditionError(OpError):
    """The state is not ready, as when a variable is read before it was initialised."""


class NotFoundError(OpError):
    """A file, a variable of a checkpoint or another named thing does not exist."""


class OutOfRangeError(OpError):
    """An iterator has come to its end."""


class ResourceExhaustedError(OpError):
    """Memory, on the host or on the device, did not suffice."""


class UnimplementedError(OpError):
    """The operation exists, but not for these dtypes or this backend."""


class InternalError(OpError):
    """A promise of the engine itself was broken: please report it."""


class DataError(ValueError):
    """A data file is missing, truncated or not of the kind that was expected.

    Parameters
    ----------
    message : str
        What is wrong, naming the file.
    """
