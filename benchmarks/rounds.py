"""Times libraries in turn: each in a process of its own (``worker.py``), all in one run.

The libraries take turns within each round, and a ratio compares numbers of the same round: so
whatever else the machine does meets all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

from report import HERE, BenchmarkError, conditions, kept, table
from worker import LIBRARIES

OURS = "tensorgraph"
STRICT = "tensorgraph strict"


class Case(NamedTuple):
    """What is timed; see ``worker.py``."""

    net: str
    mode: str = "train"
    batch: int = 64
    steps: int = 30
    # Seconds that a round of one library may take.
    limit: float = 60.0
    # Whether the losses of training must fall.
    learns: bool = True

    @property
    def key(self) -> str:
        """What it is called where results are kept."""
        return f"{self.net} {self.mode} {self.batch}"


@dataclass
class Library:
    """A running worker."""

    name: str
    process: subprocess.Popen[str]
    # What the worker writes on standard error, shown only where it fails.
    log: IO[str]
    version: str = ""

    def answer(self) -> dict[str, Any]:
        """Return the next line of the worker."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.log.seek(0)
            raise BenchmarkError(f"{self.log.read()}\n{self.name} ended with exit code {code}")
        content: dict[str, Any] = json.loads(line)
        return content

    def run(self, case: Case) -> dict[str, Any]:
        """Time the steps of one round."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: the answer that is missing says so
            self.process.stdin.write(json.dumps(case._asdict()) + "\n")
            self.process.stdin.flush()
        return self.answer()


@contextmanager
def started(name: str, threads: int) -> Iterator[Library | None]:
    """Start the worker of a library, end it afterwards. Yields None where it is not installed."""
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    # What NumPy's BLAS reads when it is loaded, and the threads of other libraries.
    limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = dict.fromkeys(limits, str(threads)) | {"PYTHONPATH": os.pathsep.join(paths)}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | environment,
        )
        try:
            library = Library(name, process, log)
            greeting = library.answer()
            if "missing" in greeting:
                print(f"{name} is left out: {greeting['missing']}", file=sys.stderr)
                yield None
            else:
                library.version = greeting["version"]
                yield library
        finally:
            process.kill()
            process.communicate()


def add_options(parser: argparse.ArgumentParser, libraries: Sequence[str]) -> None:
    """Add the options of all scripts that compare libraries."""
    parser.add_argument("--libraries", nargs="+", choices=LIBRARIES, default=list(libraries))
    parser.add_argument(
        "--rounds", type=int, default=3, help="(3; 0 with --write: make tables of what is kept)"
    )
    parser.add_argument("--threads", type=int, default=2, help="of each library (2)")
    parser.add_argument(
        "--busy",
        action="store_true",
        help="for a machine with other work: the least processor time of a round counts, not the"
        " median of the clock's (best with --threads 1)",
    )


def measure(
    script: str, cases: Sequence[Case], options: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Return what each library took for each case, in milliseconds, and how that was measured.

    With ``--write`` each case is kept as soon as it is measured, and all that is kept is returned.

    Parameters
    ----------
    script : str
        What it is kept under.
    cases : sequence of Case
        What to time, one after the other.
    options : Namespace
        Those of `add_options` and `add_write`.

    Raises
    ------
    BenchmarkError
        If no library is installed, one ends early, or one does not learn.
    """
    if options.rounds < 1:
        if not options.write:
            raise BenchmarkError("without rounds there is only what --write has kept")
        return kept(options.write, script, {})
    warn_if_busy()
    entries = {}
    with ExitStack() as stack:
        workers = [
            stack.enter_context(started(name, options.threads)) for name in options.libraries
        ]
        libraries = [worker for worker in workers if worker is not None]
        if not libraries:
            raise BenchmarkError("none of the libraries is installed")
        for case in cases:
            entries[case.key] = take_turns(case, libraries, options)
            if options.write:
                kept(options.write, script, {case.key: entries[case.key]})
    return kept(options.write, script, {}) if options.write else entries


def take_turns(
    case: Case, libraries: Sequence[Library], options: argparse.Namespace
) -> dict[str, Any]:
    """Time all rounds of a case; return what is kept of them."""
    key, count, word = "seconds", statistics.median, "the median step"
    if options.busy:
        key, count, word = "processor", min, "the least processor time of a step"
    times: dict[str, list[float]] = {library.name: [] for library in libraries}
    results: dict[str, list[float]] = {library.name: [] for library in libraries}
    for i in range(options.rounds):
        for library in libraries:
            found = library.run(case)
            times[library.name].append(round(1e3 * count(found[key]), 5))
            results[library.name] += found["results"]
        took = ", ".join(f"{name} {ms[-1]:.2f}" for name, ms in times.items())
        print(f"{case.key}: round {i + 1} of {options.rounds}: {took}", file=sys.stderr)
    if case.mode == "train" and case.learns:
        for name, losses in results.items():
            check_learning(name, case.net, losses)
    return {
        "ms": times,
        "versions": {library.name: library.version for library in libraries},
        "steps": case.steps,
        "conditions": f"{conditions(options.threads)}; {word} of a round",
    }


def check_learning(library: str, net: str, losses: Sequence[float]) -> None:
    """Raise where the loss did not fall by a tenth, which is much for so few steps."""
    # There are eight batches; of few steps, halves are compared.
    some = min(8, len(losses) // 2)
    first, last = statistics.fmean(losses[:some]), statistics.fmean(losses[-some:])
    if not last < 0.9 * first:
        raise BenchmarkError(
            f"{library} does not learn {net}: the loss went from {first:.3f} to {last:.3f}"
        )


def warn_if_busy() -> None:
    """Say so where the machine has other work: libraries suffer from it to different degrees."""
    if hasattr(os, "getloadavg") and (load := os.getloadavg()[0]) > 0.5:
        print(f"the machine is busy (load {load:.1f}): the numbers will mislead", file=sys.stderr)


def ratios(entry: Mapping[str, Any], mine: str = OURS) -> list[float]:
    """Return, of each round, our time over that of the fastest peer; nothing without a peer."""
    peers = [ms for name, ms in entry["ms"].items() if not name.startswith(OURS)]
    if not peers or mine not in entry["ms"]:
        return []
    best = map(min, zip(*peers, strict=True))
    return [ms / other for ms, other in zip(entry["ms"][mine], best, strict=True)]


def compared(
    entries: Mapping[str, Mapping[str, Any]], what: str, scale: float = 1.0, summary: bool = False
) -> str:
    """Return a Markdown table of times, with the ratio to the best peer.

    Parameters
    ----------
    entries : mapping
        From what a row is called to what `measure` returned for it.
    what : str
        What stands above the first column.
    scale : float, default 1
        What the milliseconds are multiplied by.
    summary : bool, default False
        Whether the geometric mean of the ratios and the worst follow.
    """
    present = {name for entry in entries.values() for name in entry["ms"]}
    names = [name for name in LIBRARIES if name in present]
    mine = [name for name in (OURS, STRICT) if any(ratios(e, name) for e in entries.values())]
    heads = [f"{name} {versions(entries, name)}" for name in names]
    compare = [
        "ratio to the best peer" + name.removeprefix(OURS).replace(" ", ", ") for name in mine
    ]
    rows = [[what, *heads, *compare]]
    for label, entry in entries.items():
        times = [shown(entry["ms"].get(name), scale) for name in names]
        rows.append([label, *times, *(spread(ratios(entry, name)) for name in mine)])
    if summary and mine:
        for label, join in (("geometric mean", statistics.geometric_mean), ("worst", max)):
            found = [
                join([statistics.median(r) for e in entries.values() if (r := ratios(e, name))])
                for name in mine
            ]
            rows.append([label, *[""] * len(names), *(f"{value:.2f}" for value in found)])
    return table(rows)


def versions(entries: Mapping[str, Mapping[str, Any]], name: str) -> str:
    found = {entry["versions"][name] for entry in entries.values() if name in entry["versions"]}
    return ", ".join(sorted(found))


def shown(times: Sequence[float] | None, scale: float) -> str:
    """Return the median time, with two digits at least; nothing where there is none."""
    if not times:
        return ""
    middle = scale * statistics.median(times)
    return f"{middle:.2f}" if middle >= 1 else f"{middle:#.2g}"


def spread(found: Sequence[float]) -> str:
    """Return the median of some ratios, and the least and the largest."""
    if not found:
        return ""
    return f"{statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f})"
