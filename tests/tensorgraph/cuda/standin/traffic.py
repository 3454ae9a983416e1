"""What crosses between host and device: counted, and refused while a stream is captured."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field

ENGINE = "tensorgraph"


@dataclass
class Traffic:
    """Counts, and who was it."""

    to_device: int = 0
    to_host: int = 0
    log: list[str] = field(default_factory=list)

    def clear(self) -> None:
        self.to_device = self.to_host = 0
        self.log.clear()

    def up(self, nbytes: int) -> None:
        """Something goes to the device."""
        self.to_device += 1
        self.log.append(f"{nbytes} bytes to the device: {_who()}")

    def down(self, nbytes: int) -> None:
        """Something comes to the host, which waits for it."""
        self.to_host += 1
        self.log.append(f"{nbytes} bytes to the host: {_who()}")


def _who() -> str:
    """Return the line of the engine that caused it."""
    found = "outside of the engine"
    for frame in reversed(traceback.extract_stack(limit=30)):
        if f"/{ENGINE}/" in frame.filename and "/tests/" not in frame.filename:
            place = frame.filename.rpartition(f"/{ENGINE}/")[2]
            found = f"{place}:{frame.lineno}: {frame.line}"
            if not place.startswith("backends/"):
                break
    return found


TRAFFIC = Traffic()
