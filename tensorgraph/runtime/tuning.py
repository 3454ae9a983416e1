"""Measuring which of several ways to compute something is the fastest here, and remembering it.

Which way is the fastest depends on the processor and its BLAS, as no fixed rule can know. So where
a session is told to (`ConfigProto.autotune`), the ways are timed once for each case, and the
choice is kept in a file: the next process makes the same one, and computes the same bits.
"""

from __future__ import annotations

import functools
import json
import math
import platform
import threading
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tensorgraph.base.files import write_atomically

# How long the ways of a case may take in turns, unless the fewest turns take longer.
SECONDS = 0.03
FEWEST_TURNS, MOST_TURNS = 5, 20
# Another way must be faster than the usual one by as much as clocks err.
WORTHWHILE = 0.9
# How many choices the file keeps; the oldest go first.
MOST_CHOICES = 4000
FORMAT = 1


def choices_file() -> Path:
    """Return where choices are kept. Without the file, all is measured anew."""
    return Path.home() / ".cache" / "tensorgraph" / "kernels.json"


class Tuner:
    """Chooses between ways to compute something by the clock, once for each case.

    Parameters
    ----------
    path : Path
        The file that keeps the choices, and those of other processors and versions of NumPy.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, str] | None = None

    def choose(
        self,
        case: str,
        usual: str,
        ways: Collection[str],
        prepare: Callable[[str], Callable[[], object]],
    ) -> str:
        """Return the name of the fastest way; see `tensorgraph.graph.kernel.Tuner`."""
        with self._lock:
            if self._known is None:
                self._known = self._read().get(machine(), {})
            chosen = self._known.get(case)
            if chosen is None or chosen not in ways:
                chosen = fastest(usual, {name: prepare(name) for name in ways})
                self._known[case] = chosen
                self._keep(case, chosen)
            return chosen

    def _read(self) -> dict[str, dict[str, str]]:
        """Return the choices by machine; none where there is no such file, or a damaged one."""
        try:
            content: Any = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            return {}
        machines = content.get("machines")
        if not isinstance(machines, dict):
            return {}
        return {
            name: {str(case): str(way) for case, way in choices.items()}
            for name, choices in machines.items()
            if isinstance(choices, dict)
        }

    def _keep(self, case: str, chosen: str) -> None:
        # Read again: other processes add to the file, too.
        machines = self._read()
        machines.setdefault(machine(), {})[case] = chosen
        surplus = sum(map(len, machines.values())) - MOST_CHOICES
        for choices in machines.values():
            for oldest in list(choices)[: max(0, surplus)]:
                del choices[oldest]
                surplus -= 1
        text = json.dumps({"format": FORMAT, "machines": machines}, indent=1)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, text.encode())
        except OSError as error:
            warnings.warn(
                f"cannot keep which way is the fastest in {self._path}"
                f" ({error.strerror or error}): the next process may choose differently, and its"
                " results may differ in their last digits",
                RuntimeWarning,
                stacklevel=2,
            )


@functools.cache
def tuner_at(path: Path) -> Tuner:
    """Return the tuner of a file, the same one for all sessions of the process."""
    return Tuner(path)


def fastest(usual: str, ways: Mapping[str, Callable[[], object]]) -> str:
    """Return the name of the fastest way: all are run in turns, and the least time of each counts.

    Parameters
    ----------
    usual : str
        The one to prefer unless another is clearly faster.
    ways : mapping of str to callable
        By name, how to run each of them.
    """
    if len(ways) == 1:
        return usual
    for run in ways.values():
        run()  # finds its memory
    least = dict.fromkeys(ways, math.inf)
    end = time.perf_counter() + SECONDS
    for turn in range(MOST_TURNS):
        if turn >= FEWEST_TURNS and time.perf_counter() > end:
            break
        for name, run in ways.items():
            start = time.perf_counter()
            run()
            least[name] = min(least[name], time.perf_counter() - start)
    best = min(least, key=least.__getitem__)
    return best if least[best] < WORTHWHILE * least[usual] else usual


@functools.cache
def machine() -> str:
    """Return what choices depend on besides the case: processor, NumPy, and how it multiplies."""
    # Imported here: only who measures needs it.
    from threadpoolctl import threadpool_info

    blas = sorted({str(d.get("architecture")) for d in threadpool_info() if "architecture" in d})
    return ", ".join([processor(), f"NumPy {np.__version__}", *blas])


def processor() -> str:
    """Return the processor's name, as far as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
