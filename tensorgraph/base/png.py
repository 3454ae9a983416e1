"""Pictures as PNG files (ISO/IEC 15948), in the simplest form that every reader takes."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # grey, red-green-blue, with opacity


def encode_png(pixels: np.ndarray[Any, Any]) -> bytes:
    """Return the content of a PNG file.

    Parameters
    ----------
    pixels : array of uint8
        Height, width, and 1, 3 or 4 channels.
    """
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    # Each row begins with the number of its filter; 0 is none.
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    content = kind + data
    return struct.pack(">I", len(data)) + content + struct.pack(">I", zlib.crc32(content))
