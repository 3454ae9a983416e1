"""The exceptions that a user can meet.

Names and meanings are those of ``tf.errors``. Errors of graph construction are ``ValueError`` or
``TypeError`` as in TensorFlow 1; the classes here derive from both where a caller could expect
either.
"""

from __future__ import annotations

from typing import ClassVar

# The codes of the kinds of error, TensorFlow's.
OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16


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
    error_code : int
        The code of its kind.
    """

    error_code: ClassVar[int] = UNKNOWN

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

    error_code = INVALID_ARGUMENT


class FailedPreconditionError(OpError):
    """The state is not ready, as when a variable is read before it was initialised."""

    error_code = FAILED_PRECONDITION


class NotFoundError(OpError):
    """A file, a variable of a checkpoint or another named thing does not exist."""

    error_code = NOT_FOUND


class OutOfRangeError(OpError):
    """An iterator has come to its end."""

    error_code = OUT_OF_RANGE


class ResourceExhaustedError(OpError):
    """Memory, on the host or on the device, did not suffice."""

    error_code = RESOURCE_EXHAUSTED


class UnimplementedError(OpError):
    """The operation exists, but not for these dtypes or this backend."""

    error_code = UNIMPLEMENTED


class InternalError(OpError):
    """A promise of the engine itself was broken: please report it."""

    error_code = INTERNAL


class CancelledError(OpError):
    """The operation was given up before it was done."""

    error_code = CANCELLED


class UnknownError(OpError):
    """Something failed that is of no other kind."""

    error_code = UNKNOWN


class DeadlineExceededError(OpError):
    """The operation was not done in the time it had."""

    error_code = DEADLINE_EXCEEDED


class AlreadyExistsError(OpError):
    """What was to be made exists already."""

    error_code = ALREADY_EXISTS


class PermissionDeniedError(OpError):
    """The caller may not do that."""

    error_code = PERMISSION_DENIED


class UnauthenticatedError(OpError):
    """The caller did not say who it is."""

    error_code = UNAUTHENTICATED


class AbortedError(OpError):
    """The operation was given up because another one interfered."""

    error_code = ABORTED


class UnavailableError(OpError):
    """A service does not answer at the moment."""

    error_code = UNAVAILABLE


class DataLossError(OpError):
    """What was stored is damaged or truncated and cannot be read back."""

    error_code = DATA_LOSS


def foreign_random_state() -> InvalidArgumentError:
    """Return the error of a random stream that is given the state of another kind of generator."""
    return InvalidArgumentError(
        "the random numbers were drawn by another backend, whose sequences this one cannot"
        " continue: go on with that backend, or without the random state"
    )


class DataError(ValueError):
    """A data file is missing, truncated or not of the kind that was expected.

    Parameters
    ----------
    message : str
        What is wrong, naming the file.
    """


_BY_CODE: dict[int, type[OpError]] = {kind.error_code: kind for kind in OpError.__subclasses__()}


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """Return the class of a code.

    Raises
    ------
    KeyError
        If there is no such code, or it is `OK`.
    """
    return _BY_CODE[error_code]


def error_code_from_exception_type(cls: type[OpError]) -> int:
    """Return the code of a class."""
    return cls.error_code
