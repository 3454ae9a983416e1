"""Time the ways to compute a convolution against rows of patches, in turn, on shapes of networks.

    python benchmarks/convolution.py                  # all shapes
    python benchmarks/convolution.py lab --runs 30    # those whose name begins so, longer
    python benchmarks/convolution.py --write          # and put the table into docs/performance.md
    python benchmarks/convolution.py --torch          # beside PyTorch's own, where it is installed

Patches as rows of a matrix are what every convolution can be computed by. The ratio says how
many times faster the way is that is chosen for the shape. Both take turns, and the least time of
each counts: other work on the machine only ever adds.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
# So that the benchmark runs from a checkout, too.
sys.path.insert(0, str(HERE.parent))


class Shape(NamedTuple):
    """Images of a batch, and the filter on them."""

    batch: int
    size: int
    channels: int
    filters: int
    window: int
    padding: str = "SAME"
    step: int = 1

    def __str__(self) -> str:
        step = f" / {self.step}" if self.step > 1 else ""
        return (
            f"{self.batch}x{self.size}x{self.size}x{self.channels} → {self.filters},"
            f" {self.window}x{self.window} {self.padding.lower()}{step}"
        )


SHAPES = {
    "lenet 1": Shape(64, 28, 1, 6, 5),
    "lenet 2": Shape(64, 14, 6, 16, 5, "VALID"),
    "lab 1": Shape(64, 28, 1, 32, 3, "VALID"),
    "lab 2": Shape(64, 26, 32, 64, 3, "VALID"),
    "deep 2": Shape(64, 14, 32, 64, 5),
    "cifar 1": Shape(64, 32, 3, 16, 3),
    "resnet 16": Shape(64, 32, 16, 16, 3),
    "resnet 32": Shape(64, 16, 32, 32, 3),
    "resnet 64": Shape(64, 8, 64, 64, 3),
    "resnet step 2": Shape(64, 32, 16, 32, 3, "SAME", 2),
    "point": Shape(64, 16, 64, 128, 1),
    "resnet50 first": Shape(8, 96, 3, 64, 7, "SAME", 2),
    "resnet50 3x3": Shape(8, 24, 64, 64, 3),
    "resnet50 step 2": Shape(8, 24, 128, 128, 3, "SAME", 2),
    "resnet50 6x6": Shape(8, 6, 256, 256, 3),
    "resnet50 point": Shape(8, 24, 64, 256, 1),
    "resnet50 deep": Shape(8, 3, 512, 2048, 1),
}
PRODUCTS = ("forward", "by input", "by filter")


def products(shape: Shape) -> dict[str, list[Callable[[], None]]]:
    """Return for each product how to run it by rows of patches, and in the way that is chosen."""
    import numpy as np

    import tensorgraph as tf
    from tensorgraph.backends.numpy_backend import NumpyBackend
    from tensorgraph.graph.kernel import KernelContext
    from tensorgraph.ops.convolution import rows
    from tensorgraph.ops.convolution.case import make_case
    from tensorgraph.ops.convolution.choice import choose
    from tensorgraph.runtime.state import SessionState

    rng, backend = np.random.default_rng(0), NumpyBackend()
    image = (shape.batch, shape.size, shape.size, shape.channels)
    kernel = (shape.window, shape.window, shape.channels, shape.filters)
    steps = (shape.step, shape.step)
    attrs = {"strides": steps, "dilations": (1, 1), "padding": shape.padding}
    case = make_case(attrs, image, kernel)
    x, w, dy = (
        rng.standard_normal(dims, dtype=np.float32)
        for dims in (image, kernel, (shape.batch, *case.places, shape.filters))
    )
    result: dict[str, list[Callable[[], None]]] = {name: [] for name in PRODUCTS}
    with tf.Graph().as_default():
        node = tf.no_op()
    chosen, back = (choose(case, np.float32, False, by_input) for by_input in (False, True))
    for forward, by_input, by_filter in ((rows, rows, rows), (chosen, back, chosen)):
        for name, call, inputs, like in (
            ("forward", forward.forward, (x, w), dy),
            ("by input", by_input.by_input, (w, dy), x),
            ("by filter", by_filter.by_filter, (x, dy), w),
        ):
            k = KernelContext(node, backend, SessionState(backend))
            out = np.empty_like(like)

            def run(call: Any = call, k: Any = k, inputs: Any = inputs, out: Any = out) -> None:
                call(k, case, *inputs, out)

            result[name].append(run)
    return result


def torch_products(shape: Shape) -> dict[str, list[Callable[[], None]]]:
    """Return for each product how to run it by PyTorch, in each of its two layouts."""
    import torch

    torch.set_grad_enabled(False)
    # On both sides alike, and as much work: PyTorch knows no other.
    around = (shape.window - 1) // 2 if shape.padding == "SAME" else 0
    options: list[Any] = [[shape.step] * 2, [around] * 2, [1, 1], False, [0, 0], 1]
    result: dict[str, list[Callable[[], None]]] = {name: [] for name in PRODUCTS}
    for layout in (torch.channels_last, torch.contiguous_format):
        x, w = (
            torch.randn(*dims).to(memory_format=layout)
            for dims in (
                (shape.batch, shape.channels, shape.size, shape.size),
                (shape.filters, shape.channels, shape.window, shape.window),
            )
        )
        dy = torch.randn_like(torch.ops.aten.convolution(x, w, None, *options))

        def forward(x: Any = x, w: Any = w) -> None:
            torch.ops.aten.convolution(x, w, None, *options)

        def backward(mask: list[bool], x: Any = x, w: Any = w, dy: Any = dy) -> None:
            torch.ops.aten.convolution_backward(dy, x, w, None, *options, mask)

        result["forward"].append(forward)
        result["by input"].append(functools.partial(backward, [True, False, False]))
        result["by filter"].append(functools.partial(backward, [False, True, False]))
    return result


def least(calls: list[Callable[[], None]], runs: int) -> list[float]:
    """Return the least milliseconds of each call, all of them in turn."""
    best = [math.inf] * len(calls)
    for _ in range(runs + 1):
        for i, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[i] = min(best[i], 1e3 * (time.perf_counter() - start))
    return best


def measure(names: list[str], runs: int, torch: bool) -> list[list[str]]:
    """Return the rows of the table, PyTorch's times among them if wanted."""
    from tensorgraph.backends.numpy_backend import NumpyBackend

    lines = [["", "images → filters", *(f"{name}, ms" for name in PRODUCTS)]]
    with NumpyBackend().running():
        for name in names:
            line = [name, str(SHAPES[name])]
            others = torch_products(SHAPES[name]) if torch else {key: [] for key in PRODUCTS}
            for product, calls in products(SHAPES[name]).items():
                plain, chosen, *theirs = least(calls + others[product], runs)
                beside = f", PyTorch {min(theirs):.2f}" if theirs else ""
                line.append(f"{chosen:.2f} ({plain / chosen:.1f}x){beside}")
            lines.append(line)
            print(" | ".join(line), flush=True)
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--runs", type=int, default=15, help="(15)")
    parser.add_argument("--threads", type=int, default=2, help="(2)")
    parser.add_argument("--torch", action="store_true", help="measure PyTorch beside")
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        metavar="PAGE",
        const=HERE.parent / "docs" / "performance.md",
        help="put the table into a page, between its two marks (docs/performance.md)",
    )
    arguments = parser.parse_args()
    names = [n for n in SHAPES if n.startswith(tuple(arguments.shapes) or "")]
    if not names:
        parser.error(f"no such shape: {', '.join(arguments.shapes)}")
    # Before NumPy counts the processors.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(arguments.threads)
    lines = measure(names, arguments.runs, arguments.torch)
    if arguments.write:
        from report import cpu, table, write_into

        text = (
            f"{table(lines)}\n{datetime.date.today()}, {cpu()}, threads: {arguments.threads},"
            f" Python {platform.python_version()}. The least of {arguments.runs} runs; in"
            " parentheses, how many times faster than by rows of patches.\n"
        )
        write_into(arguments.write, "convolution.py", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
