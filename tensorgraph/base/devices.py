"""Names of devices, as ``/job:worker/task:1/device:GPU:0``: checked, spelled one way, merged.

Devices are kept with the operations and exported with the graph. A session computes on one device:
which one is decided from its options and from all of these, in `runtime.placement`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# The names of backends, and the variable of the environment that may say which one.
BACKENDS = ("numpy", "cupy")
BACKEND_VARIABLE = "TENSORGRAPH_BACKEND"

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


def gpu_index(spec: str) -> int | None:
    """Return which GPU a device is, 0 where it may be any; None where it is none."""
    kind, _, index = _parse(spec).get("device", "").partition(":")
    if kind != "GPU":
        return None
    return 0 if index == "*" else int(index)


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
