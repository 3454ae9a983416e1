"""Time a training step in several libraries, in turn.

The libraries take turns within each round, and a ratio compares numbers of the same round: so
whatever else the machine does meets all of them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from dsl.bench.worker import OURS, Request

INSTALL = {"tensorflow": "tensorflow-cpu", "pytorch": "torch", "jax": "jax"}
"""What ``pip install`` calls the libraries."""

MODULES = {"tensorflow": "tensorflow", "pytorch": "torch", "jax": "jax"}
"""What ``import`` calls them."""


class RaceError(Exception):
    """A library's process has failed."""


@dataclass
class Racer:
    """A running worker, and what it measured.

    Attributes
    ----------
    name, version : str
        The library's.
    losses : list of float
        Those of the first steps.
    rounds : list of float
        The median seconds of a step, for each round.
    """

    name: str
    version: str = ""
    losses: list[float] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)

    @property
    def ms(self) -> float:
        """Milliseconds a step: the median of the rounds."""
        return statistics.median(self.rounds) * 1e3

    def ratios(self, other: Racer) -> list[float]:
        """Return the time over that of another one, of each round."""
        return [mine / its for mine, its in zip(self.rounds, other.rounds, strict=True)]

    def to_json(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return {**asdict(self), "ms": self.ms}


@dataclass(frozen=True)
class Result:
    """What a race came to.

    Attributes
    ----------
    racers : tuple of Racer
        Those that ran; tensorgraph first.
    left_out : mapping of str to str
        Why the others did not.
    """

    racers: tuple[Racer, ...]
    left_out: dict[str, str]


def race(
    request: Request,
    against: Sequence[str],
    steps: int,
    rounds: int,
    tell: Callable[[str], None] = lambda text: None,
) -> Result:
    """Return how long a training step takes here and in other libraries.

    Parameters
    ----------
    request : Request
        What is timed.
    against : sequence of str
        The other libraries.
    steps, rounds : int
        How many steps a round has, and how many rounds there are.
    tell : callable, optional
        Is told what goes on.

    Raises
    ------
    RaceError
        If a library's process fails.
    """
    racers: list[tuple[Racer, _Process]] = []
    left_out: dict[str, str] = {}
    with ExitStack() as stack:
        for name in (OURS, *against):
            if name in MODULES and find_spec(MODULES[name]) is None:
                left_out[name] = _missing(name, "no module of that name")
                continue
            tell(f"{name}: building and warming up")
            process = stack.enter_context(_started(name, request.threads))
            found = process.ask(asdict(request))
            if "version" in found:
                racers.append((Racer(name, found["version"], found["losses"]), process))
            else:
                left_out[name] = _reason(name, found)
        for number in range(rounds):
            tell(f"round {number + 1} of {rounds}")
            for racer, process in racers:
                seconds = process.ask({"steps": steps})["seconds"]
                racer.rounds.append(statistics.median(seconds))
    return Result(tuple(racer for racer, _ in racers), left_out)


def _reason(name: str, found: dict[str, str]) -> str:
    return found.get("unsupported") or _missing(name, found["missing"])


def _missing(name: str, why: str) -> str:
    return f"it is not installed ({why}): pip install {INSTALL[name]}"


class _Process:
    """A worker's process."""

    def __init__(self, name: str, process: subprocess.Popen[str], log: IO[str]) -> None:
        self._name, self._process, self._log = name, process, log

    def ask(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it has ended: the answer that is missing says so
            self._process.stdin.write(json.dumps(content) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._log.seek(0)
            last = "\n".join(self._log.read().splitlines()[-5:])
            raise RaceError(f"{self._name} ended with exit code {code}:\n{last}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def _started(name: str, threads: int) -> Iterator[_Process]:
    """Start the worker of a library, and end it afterwards."""
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    with tempfile.TemporaryFile("w+") as log:
        with _on_processors(threads):
            process = subprocess.Popen(
                [sys.executable, "-m", "dsl.bench.worker", name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ
                | dict.fromkeys(counts, str(threads))
                | {"PYTHONPATH": os.pathsep.join(paths)},
            )
        try:
            yield _Process(name, process, log)
        finally:
            process.kill()
            process.communicate()


@contextmanager
def _on_processors(count: int) -> Iterator[None]:
    """Have processes that are started meanwhile use so many processors, where that can be said."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(own)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)
