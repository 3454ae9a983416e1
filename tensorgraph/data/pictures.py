"""Decoding image files, in this process or in several others."""

from __future__ import annotations

import io
import multiprocessing
import signal
import weakref
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tensorgraph.base.errors import DataError

if TYPE_CHECKING:
    from types import ModuleType

Picture = npt.NDArray[np.uint8]
# Modes of one channel; everything else is brought to red, green and blue.
_GRAY = frozenset(["1", "L", "LA", "I;16", "I", "F"])
_CHUNK = 128


@dataclass(frozen=True)
class Form:
    """What images are brought to.

    Attributes
    ----------
    size : (int, int) or None
        Height and width; None leaves them as they are.
    channels : int or None
        1 for gray, 3 for colours; None for what the image has.
    """

    size: tuple[int, int] | None = None
    channels: int | None = None


@dataclass(frozen=True)
class Damaged:
    """What stands in the place of an image that cannot be decoded.

    Attributes
    ----------
    reason : str
        Why.
    """

    reason: str


def pillow() -> ModuleType:
    """Return the module that reads images.

    Raises
    ------
    DataError
        If it is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise DataError(
            "reading images needs Pillow: pip install 'tensorgraph-engine[image]'"
        ) from None
    return Image


def decode(source: Path | bytes, form: Form) -> Picture | Damaged:
    """Return an image as ``(height, width, channels)``, or why it is none.

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    form : Form
        What to bring it to.
    """
    module = pillow()
    try:
        with module.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            gray = image.mode in _GRAY if form.channels is None else form.channels == 1
            converted = image.convert("L" if gray else "RGB")
    except module.UnidentifiedImageError:
        return Damaged("no image that can be read")
    # Decoders fail in many ways (OSError, SyntaxError, ValueError, struct.error, …).
    except Exception as error:
        return Damaged(str(error) or type(error).__name__)
    if form.size is not None and converted.size != form.size[::-1]:
        converted = converted.resize(form.size[::-1], module.Resampling.BILINEAR)
    pixels: Picture = np.asarray(converted, np.uint8)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def _decode_chunk(sources: Sequence[Path | bytes], form: Form) -> list[Picture | Damaged]:
    return [decode(source, form) for source in sources]


class Decoder:
    """Decodes images, in so many processes.

    The processes are started when they are first needed, and end with the decoder, at the latest
    with the program.

    Parameters
    ----------
    workers : int
        How many processes; 0 decodes in this one. Processes start by importing the program's main
        module, which must therefore do its work under ``if __name__ == "__main__":``.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def decode_all(
        self, sources: Iterable[Path | bytes], form: Form, count: int | None = None
    ) -> Iterator[Picture | Damaged]:
        """Yield images in the order of their files.

        Parameters
        ----------
        sources : iterable of Path or bytes
            The files, or their contents.
        form : Form
            What to bring the images to.
        count : int, optional
            How many there are, where they are so few that the processes should share them evenly.

        Raises
        ------
        DataError
            If a process dies.
        """
        if not self._workers:
            for source in sources:
                yield decode(source, form)
            return
        pool = self._started()
        # Only so many are under way that memory stays bounded, however many there are.
        waiting: list[Any] = []
        try:
            size = _CHUNK if count is None else min(_CHUNK, -(-count // self._workers))
            for chunk in _chunks(sources, size):
                waiting.append(pool.submit(_decode_chunk, chunk, form))
                if len(waiting) > 2 * self._workers:
                    yield from waiting.pop(0).result()
            while waiting:
                yield from waiting.pop(0).result()
        except BrokenProcessPool:
            raise DataError(
                "a process that decodes images ended: there may be too little memory, or the"
                ' program lacks `if __name__ == "__main__":`; workers=0 decodes without processes'
            ) from None
        finally:
            for future in waiting:
                future.cancel()

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Forking a program with threads may lock up; a fresh process is safe.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=context, initializer=_leave_interrupts
            )
            weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=True)
        return self._pool

    def close(self) -> None:
        """End the processes, and wait until they have."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Decoder:
        """Return itself, to be closed at the end."""
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _leave_interrupts() -> None:
    """Let Ctrl-C, which reaches all processes of a terminal, be for the main one to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _chunks(sources: Iterable[Path | bytes], size: int) -> Iterator[list[Path | bytes]]:
    chunk: list[Path | bytes] = []
    for source in sources:
        chunk.append(source)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
