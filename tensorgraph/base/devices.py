"""Names of devices, as ``/job:worker/task:1/device:GPU:0``: checked, spelled one way, merged.

Devices are kept with the operations and exported with the graph. Where an operation runs is
decided by the session's backend.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# The order of the parts in the one spelling. A part is absent where nothing is said of it.
_ORDER = ("job", "replica", "task", "device")
_PART = re.compile(r"(?i:(job):(?P<job>[A-Za-z]\w*))|(?i:(replica|task):(?P<number>\d+))")
_DEVICE = re.compile(r"(?:device:)?(?P<kind>cpu|gpu|tpu)(?::(?P<index>\d+|\*))?", re.IGNORECASE)


def canonical_device(spec: str) -> str:
    """Return the one spelling of a device's name: ``"gpu:1"`` becomes ``"/device:GPU:1"``.

    Raises
    ------
    ValueError
        If it is no name of a device.
    """
    return _format(_parse(spec))


def merge_devices(outer: str, inner: str) -> str:
    """Return the device of ``with device(outer): with device(inner)``: the inner parts win.

    Both are in the one spelling.
    """
    return _format({**_parse(outer), **_parse(inner)})


def _parse(spec: str) -> dict[str, str]:
    parts = {}
    for text in spec.split("/"):
        if not text:
            continue
        if match := _PART.fullmatch(text):
            key = (match[1] or match[3]).lower()
            parts[key] = match["job"] or str(int(match["number"]))
        elif match := _DEVICE.fullmatch(text):
            parts["device"] = f"{match['kind'].upper()}:{match['index'] or '*'}"
        else:
            raise ValueError(
                f"{spec!r} is no name of a device: {text!r} is not understood; write"
                " '/cpu:0', '/gpu:1' or '/job:NAME/replica:0/task:0/device:GPU:0'"
            )
    return parts


def _format(parts: Mapping[str, str]) -> str:
    return "".join(f"/{key}:{parts[key]}" for key in _ORDER if key in parts)
