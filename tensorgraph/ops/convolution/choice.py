"""Which way a convolution is computed: by a fixed rule, or, where the session measures, the clock.

The rule looks at the shapes alone and is right about most processors. A session that is told to
(`ConfigProto.autotune`) times all ways that can compute a case, once, and takes the fastest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution import columns, groups, planes, points, rows, winograd
from tensorgraph.ops.convolution.case import Case, Method
from tensorgraph.ops.convolution.layout import batch_inside

METHODS: dict[str, Method] = {
    "rows": rows,
    "columns": columns,
    "planes": planes,
    "points": points,
    "winograd": winograd,
}


def choose(
    case: Case, dtype: Any, strict: bool, by_input: bool = False, images: Any = None
) -> Method:
    """Return the method for a convolution.

    Parameters
    ----------
    case : Case
        Its shapes.
    dtype : dtype
        Its element type.
    strict : bool
        Whether the last digits matter more than time.
    by_input : bool, default False
        Its gradient by the images is wanted, and not one of the other products.
    images : array, optional
        The result, or the gradient by it: where images lie in planes, that decides.
    """
    if images is not None and planes.suits(case, images):
        return planes
    if points.suits(case):
        return points
    if columns.suits_by_input(case) if by_input else columns.suits(case):
        return columns
    if winograd.suits(case, dtype, strict):
        return winograd
    return rows


def backward(k: KernelContext, case: Case, x: Any, w: Any, dy: Any, dx: Any, dw: Any) -> None:
    """Compute both gradients of a convolution, together where that is less work.

    Parameters
    ----------
    k : KernelContext
        The node.
    case : Case
        The convolution's shapes.
    x, w, dy : array
        The images, the filter, and the gradient by the result.
    dx, dw : array
        Where to write.
    """
    ways = [choose(case, x.dtype, k.strict, way, dy) for way in (True, False)]
    if ways == [winograd, winograd]:
        winograd.both(k, case, x, w, dy, dx, dw)
        return
    # Each with memory of its own: what one fills, the other might find.
    compute(k.part("by_input", dx), case, "by_input", w, dy, dx)
    compute(k.part("by_filter", dw), case, "by_filter", x, dy, dw)


def compute(k: KernelContext, case: Case, product: str, first: Any, second: Any, out: Any) -> None:
    """Compute a convolution or one of its gradients.

    Parameters
    ----------
    k : KernelContext
        The node.
    case : Case
        Its shapes.
    product : str
        ``"forward"``, ``"by_input"`` or ``"by_filter"``.
    first, second : array
        What the function of that name in `Method` takes.
    out : array
        Where to write.
    """
    if case.groups > 1:
        groups.compute(compute, k, case, product, first, second, out)
        return
    images = out if product == "forward" else second
    method = choose(case, out.dtype, k.strict, product == "by_input", images)
    if k.tuner is not None:
        usual = _name(method)
        layout = "in planes" if method is planes else "batch inside" * batch_inside(images)
        how = (k.strict, k.undivided, layout, k.backend.workers)
        ways = _ways(case, out.dtype, k.strict, usual)

        def prepare(name: str) -> Callable[[], None]:
            # Not in the memory of the node: what one way fills, another might find.
            return functools.partial(
                getattr(ways[name], product), k.fresh(), case, first, second, out
            )

        chosen = k.tuner.choose(_label(case, product, out.dtype, *how), usual, ways, prepare)
        method = ways[chosen]
    getattr(method, product)(k, case, first, second, out)


@functools.lru_cache(1024)
def _ways(case: Case, dtype: Any, strict: bool, usual: str) -> dict[str, Method]:
    """Return by name the methods that can compute a case, the usual one and others."""
    able = {
        usual: True,
        "rows": True,
        "columns": len(case.spatial) == 2,
        "winograd": winograd.is_able(case, dtype, strict),
    }
    return {name: METHODS[name] for name, is_able in able.items() if is_able}


def _name(method: Method) -> str:
    return next(name for name, known in METHODS.items() if known is method)


@functools.lru_cache(1024)
def _label(
    case: Case,
    product: str,
    dtype: Any,
    strict: bool,
    undivided: bool,
    layout: str,
    workers: int,
) -> str:
    """Return all that the time depends on, for people to read, too."""
    windows = case.windows
    image, kernel, steps, distances = (
        "x".join(map(str, dims))
        for dims in (
            (case.batch, *case.spatial, case.channels),
            (*windows.size, case.channels, case.filters),
            windows.strides,
            windows.dilations,
        )
    )
    words = [product, image, "*", kernel, str(dtype), f"steps {steps}", f"distances {distances}"]
    words += [f"zeros {case.pads}", f"{workers} workers", *["strict"] * strict]
    words += [*["a block"] * undivided, layout]
    return " ".join(words).strip()
