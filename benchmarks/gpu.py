"""Time training steps on a GPU here and in other libraries, in turn, in one run.

    python benchmarks/gpu.py                  # all that follows, in less than ten minutes
    python benchmarks/gpu.py mlp lab          # some of the networks
    python benchmarks/gpu.py --parts steps    # of steps, bandwidth, profile
    python benchmarks/gpu.py --json gpu.json  # keep the numbers, too
    python benchmarks/gpu.py --rehearse       # without a GPU: that the script runs, no more

Small networks beside PyTorch (eager; compiled, with graphs) and JAX; ResNet-50 and VGG-16, batch
64, beside PyTorch, channels last, its algorithms chosen by measuring; with tensor cores for float32
(TF32) and with mixed precision. Then the bandwidth of a chain of elementwise operations beside a
copy, and where the time of a step of ResNet-50 goes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from gpu_nets import LARGE, SMALL
from gpu_worker import MIXED
from report import HERE, BenchmarkError, run, table

PARTS = ("steps", "bandwidth", "profile")
OURS = "tensorgraph"
OF_SMALL = (OURS, "tensorgraph without graphs", "PyTorch", "PyTorch compiled", "JAX")
OF_LARGE = (OURS, "PyTorch")
GIB = 1 << 30


class Worker:
    """The process of a library."""

    def __init__(self, name: str, process: subprocess.Popen[str], log: Any) -> None:
        self.name, self._process, self._log = name, process, log

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            last = self._log.read().strip().splitlines()[-1:] or ["no word"]
            return {"missing": f"its process ended: {last[0]}", "failed": last[0]}
        content: dict[str, Any] = json.loads(line)
        return content

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return self.answer()


@contextmanager
def started(name: str) -> Iterator[Worker]:
    """Start the worker of a library, and end it."""
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "gpu_worker.py"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )
        try:
            yield Worker(name, process, log)
        finally:
            process.kill()
            process.communicate()


def time_nets(
    nets: Sequence[str], names: Sequence[str], options: argparse.Namespace
) -> dict[str, Any]:
    """Return, for each network and precision, what each library took.

    One network at a time: each library takes a fresh process, so that what it holds of the device's
    memory at most is that network's.
    """
    found: dict[str, Any] = {}
    for net in nets:
        for precision in ("tf32", MIXED) if net in LARGE else ("tf32",):
            with ExitStack() as stack:
                workers = []
                for name in names:
                    worker = stack.enter_context(started(name))
                    greeting = worker.answer()
                    if "missing" in greeting:
                        print(f"{name} is left out: {greeting['missing']}", file=sys.stderr)
                    else:
                        workers.append((worker, greeting["version"]))
                found[f"{net} {precision}"] = take_turns(net, precision, workers, options)
    return found


def take_turns(
    net: str, precision: str, workers: Sequence[tuple[Worker, str]], options: argparse.Namespace
) -> dict[str, Any]:
    """Return what the libraries took in all rounds."""
    entry: dict[str, Any] = {}
    request = {
        "net": net,
        "precision": precision,
        "batch": options.batch,
        "steps": options.steps or (20 if net in LARGE else 200),
        "limit": options.limit,
    }
    for _ in range(options.rounds):
        for worker, version in workers:
            if "failed" in entry.get(worker.name, {}):
                continue
            answer = worker.ask(**request)
            if "failed" in answer:
                print(f"{worker.name} {net} {precision}: {answer['failed']}", file=sys.stderr)
                entry[worker.name] = answer
                continue
            kept = entry.setdefault(worker.name, {"version": version, "ms": []})
            kept["ms"].append(1e3 * statistics.median(answer["seconds"]))
            kept["memory"], kept["first"] = answer["memory"], answer["first"]
            kept["losses"] = answer["results"][0], answer["results"][-1]
            print(f"{worker.name} {net} {precision}: {kept['ms'][-1]:.3f} ms", file=sys.stderr)
    return entry


def shown(entries: dict[str, Any], names: Sequence[str]) -> str:
    """Return the table of steps a second, with our ratio to the best peer, and memory."""
    rows = [["network", *(f"{name}, steps/s" for name in names), "best peer's time / ours"]]
    memory = [["GiB of the device", *names]]
    for key, entry in entries.items():
        middle = {n: statistics.median(e["ms"]) for n, e in entry.items() if e.get("ms")}
        peers = [ms for name, ms in middle.items() if not name.startswith(OURS)]
        ratio = f"{min(peers) / middle[OURS]:.2f}" if peers and OURS in middle else ""
        rates = [f"{1e3 / middle[n]:.1f}" if n in middle else "" for n in names]
        rows.append([key, *rates, ratio])
        held = [f"{entry[n]['memory'] / GIB:.2f}" if n in middle else "" for n in names]
        memory.append([key, *held])
    return f"{table(rows)}\n{table(memory)}"


def describe() -> str:
    """Return which card, driver and versions.

    Raises
    ------
    BenchmarkError
        If there is no GPU to compute with.
    """
    from tensorgraph.backends.cuda import module
    from tensorgraph.base.errors import OpError
    from tensorgraph.base.optional import MissingLibraryError

    try:
        xp = module.ready()
    except (OpError, MissingLibraryError) as error:
        raise BenchmarkError(f"there is no GPU to measure: {error}") from error
    runtime = xp.cuda.runtime
    properties = runtime.getDeviceProperties(0)
    return (
        f"{properties['name'].decode()}, compute capability {properties['major']}."
        f"{properties['minor']}, {properties['totalGlobalMem'] / GIB:.0f} GiB; driver for CUDA"
        f" {runtime.driverGetVersion()}, runtime {runtime.runtimeGetVersion()}; CuPy"
        f" {xp.__version__}; Python {platform.python_version()}"
    )


def body(options: argparse.Namespace) -> None:
    found: dict[str, Any] = {"conditions": "a rehearsal" if options.rehearse else describe()}
    print(found["conditions"])
    small = [net for net in options.nets if net in SMALL]
    large = [net for net in options.nets if net in LARGE]
    if "steps" in options.parts:
        for nets, names in ((small, OF_SMALL), (large, OF_LARGE)):
            if nets:
                chosen = ("rehearsal",) if options.rehearse else names
                found |= time_nets(nets, chosen, options)
                print(shown({k: v for k, v in found.items() if k.split()[0] in nets}, chosen))
    # Imported here: a library in this process would disturb those in others.
    from gpu_probes import bandwidth, profile

    backend = "numpy" if options.rehearse else "cupy"
    if "bandwidth" in options.parts:
        found["bandwidth"] = bandwidth(backend, 1 << 16 if options.rehearse else 1 << 28)
        print(found["bandwidth"])
    if "profile" in options.parts:
        net = large[0] if large else options.nets[0]
        found["profile"] = profile(net, options.batch, backend)
        print(f"{net}:\n{found['profile']}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    every = [*SMALL, *LARGE]
    parser.add_argument("nets", nargs="*", metavar="NET", help=f"of {', '.join(every)}")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--batch", type=int, default=64, help="examples in a step (64)")
    parser.add_argument("--rounds", type=int, default=3, help="(3)")
    parser.add_argument("--steps", type=int, help="of a round (200; of large networks 20)")
    parser.add_argument(
        "--limit", type=float, default=5, help="seconds that a round of one library may take (5)"
    )
    parser.add_argument("--json", type=Path, help="where to keep all numbers")
    parser.add_argument(
        "--rehearse", action="store_true", help="on the processor, this library alone"
    )
    options = parser.parse_args()
    options.nets = options.nets or every
    if unknown := set(options.nets) - set(every):
        parser.error(f"no such network: {', '.join(unknown)}")
    if options.rehearse and set(options.nets) == set(every):
        options.nets = ["mlp"]
    return run(body, options)


if __name__ == "__main__":
    sys.exit(main())
