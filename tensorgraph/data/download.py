"""Fetching the files of known sets: resumed, checked, and put in place in one step.

A file grows under a hidden name, ``.NAME.part``, so that a download that was broken off goes on
where it ended. Only when its size and its checksum are right does it get its own name. Two
processes that fetch the same set do so one after the other: the second finds all files there.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tensorgraph.base.errors import DataError
from tensorgraph.base.version import __version__
from tensorgraph.data.known import KNOWN, RemoteFile, places_of

Progress = Callable[[str, int, int], None]
"""Is told a file's name, how many of its bytes are there, and how many it has."""

_CHUNK = 1 << 18
_TIMEOUT = 30.0
# How often a connection may break before the next mirror is asked.
_ATTEMPTS = 3
_BREAKS = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


class _MirrorError(Exception):
    """A mirror cannot give a file; another one may."""


class _BrokenError(Exception):
    """A connection broke; the same mirror may go on."""


@dataclass(frozen=True)
class _Download:
    """A file on its way.

    Attributes
    ----------
    file : RemoteFile
        What it is to become.
    part : Path
        Where it grows.
    progress : callable
        Is told of every piece.
    """

    file: RemoteFile
    part: Path
    progress: Progress

    @property
    def there(self) -> int:
        """How many bytes have come so far."""
        return self.part.stat().st_size if self.part.exists() else 0

    def restart(self) -> None:
        """Throw away what has come so far."""
        self.part.unlink(missing_ok=True)


def fetch(
    name: str,
    *,
    folder: Path | None = None,
    mirrors: Sequence[str] | None = None,
    progress: Progress = lambda name, done, total: None,
) -> Path:
    """Return the folder of a known set, with its files; those that are missing are fetched.

    Parameters
    ----------
    name : str
        The set.
    folder : Path, optional
        Where to put the files; default is where `tensorgraph.data.load` looks for them.
    mirrors : sequence of str, optional
        Addresses to fetch from, tried in this order; default are those of the set.
    progress : callable, optional
        Is told how much of a file is there.

    Raises
    ------
    DataError
        If there is no such set, no mirror gives a file that is right, or the disk does not take it.
    """
    known = KNOWN.get(name)
    if known is None:
        raise DataError(f"{name!r} is no known data set; known are {', '.join(KNOWN)}")
    target = folder or places_of(name)[0]
    if not known.files:
        return target
    try:
        target.mkdir(parents=True, exist_ok=True)
        with _alone_in(target):
            for file in known.files:
                if not is_complete(target / file.name, file):
                    download = _Download(file, target / f".{file.name}.part", progress)
                    _fetch_file(download, target / file.name, mirrors or known.mirrors)
                progress(file.name, file.size, file.size)
    except OSError as error:
        raise DataError(f"{error.filename or target} cannot be written: {error.strerror}") from None
    return target


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process fetches into a folder.

    Where there is no such lock (Windows, some network drives), what two processes make of one file
    together is found by its checksum, and fetched again by the next call.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_complete(path: Path, file: RemoteFile) -> bool:
    """Return whether a file is there with the right size and checksum."""
    return path.is_file() and path.stat().st_size == file.size and _md5(path) == file.md5


def _fetch_file(download: _Download, target: Path, mirrors: Sequence[str]) -> None:
    reasons = []
    for mirror in mirrors:
        address = f"{mirror.rstrip('/')}/{download.file.name}"
        try:
            _fetch_from(address, download)
        except (_MirrorError, _BrokenError) as error:
            reasons.append(f"\n  {address}: {error}")
            continue
        os.replace(download.part, target)
        return
    kept = f" ({download.there:,} bytes are kept: call again to go on)" if download.there else ""
    raise DataError(
        f"{download.file.name} could not be fetched{kept}:{''.join(reasons) or ' no mirrors'}"
    )


def _fetch_from(address: str, download: _Download) -> None:
    """Fetch a file from one mirror, and check it."""
    for attempt in range(1, _ATTEMPTS + 1):
        before = download.there
        try:
            if before < download.file.size:
                _receive(address, download)
            break
        except _BrokenError:
            # What made some way is worth going on with, however often it breaks.
            if download.there <= before and attempt == _ATTEMPTS:
                raise
    if download.there < download.file.size:
        raise _BrokenError(f"broke off after {download.there:,} of {download.file.size:,} bytes")
    if _md5(download.part) != download.file.md5:
        download.restart()
        raise _MirrorError("gives other bytes than those that were published (checksum)")


def _receive(address: str, download: _Download) -> None:
    """Receive the rest of a file, or as much of it as comes."""
    start, size = download.there, download.file.size
    request = urllib.request.Request(address, headers={"User-Agent": f"tensorgraph/{__version__}"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            if start and response.status != 206:  # the server does not resume: from the beginning
                download.restart()
                start = 0
            _check_promise(response, size, start)
            with download.part.open("ab") as file:
                while chunk := response.read(_CHUNK):
                    start += len(chunk)
                    if start > size:
                        raise _MirrorError(f"gives more than the {size:,} bytes of the file")
                    file.write(chunk)
                    download.progress(download.file.name, start, size)
                file.flush()
                os.fsync(file.fileno())
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            download.restart()
        raise _MirrorError(f"{error.code} {error.reason}") from None
    except _BREAKS as error:
        raise _BrokenError(str(getattr(error, "reason", error)) or type(error).__name__) from None
    except _MirrorError:
        download.restart()
        raise
    if start < size:
        raise _BrokenError(f"broke off after {start:,} of {size:,} bytes")


def _check_promise(response: http.client.HTTPResponse, size: int, start: int) -> None:
    """Refuse what announces itself as another file, before it is received."""
    length = response.headers.get("Content-Length")
    if length is not None and length.isdigit() and int(length) + start != size:
        raise _MirrorError(f"promises {int(length) + start:,} bytes, where the file has {size:,}")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
