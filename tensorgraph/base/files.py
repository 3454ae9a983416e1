"""Writing files so that a crash leaves the old one or the new one, and never half of either."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file in one step, as seen by anyone who reads it, and safe against power loss.

    The content goes to a temporary file in the same folder, which takes the place of `path` once
    it is on the disk. A link is followed: the file it points to is replaced.

    Parameters
    ----------
    path : str or path-like
        The file. Its folder must exist.
    content : bytes
        All of what it is to hold.

    Raises
    ------
    OSError
        If it cannot be written (no such folder, no permission, disk full). The error names
        `path`; what stood there before is unchanged, and no temporary file is left.
    """
    target = Path(os.path.realpath(path))
    # Hidden, and with a random part, so that two processes never write to the same one.
    temporary = target.with_name(f".{target.name}.{os.urandom(4).hex()}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                # Without this the rename may reach the disk before the content does.
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(target.parent)
    except OSError as error:
        # The same error, told of the file that the caller asked for.
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename inside a folder survive a power loss, where the system can."""
    if os.name == "nt":  # Windows opens no folders, and orders its renames itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
