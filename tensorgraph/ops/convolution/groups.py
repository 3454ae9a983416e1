"""Convolution in groups: each group of channels has filters of its own.

A group after the other is a convolution of parts of the channels, which are views. Groups of few
channels are joined first, into larger ones whose filters are zero where groups would mix: the BLAS
multiplies a matrix of 32 columns by zeros sooner than eight of 4 without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.convolution.case import Case
from tensorgraph.ops.convolution.layout import written_in_one_piece

# Groups are joined while they have fewer channels than this together.
JOINED_CHANNELS = 32

Compute = Callable[[KernelContext, Case, str, Any, Any, Any], None]


def compute(
    alone: Compute, k: KernelContext, case: Case, product: str, first: Any, second: Any, out: Any
) -> None:
    """Compute a convolution in groups, or one of its gradients.

    Parameters
    ----------
    alone : callable
        Computes one group, given what follows here.
    k : KernelContext
        The node.
    case : Case
        The shapes.
    product : str
        ``"forward"``, ``"by_input"`` or ``"by_filter"``.
    first, second : array
        What the function of that name in `Method` takes.
    out : array
        Where to write.
    """
    count = _joined(case)
    if count == 1:
        _one_by_one(alone, k, case, product, first, second, out)
        return
    larger = case._replace(
        channels=count * case.channels, filters=count * case.filters, groups=case.groups // count
    )
    shape = (*case.windows.size, larger.channels, case.filters * case.groups)
    # Where groups would mix, there are zeros, which are written once.
    joined = k.scratch(f"joined {product}", shape, out.dtype, 0)
    if product == "by_filter":
        _one_by_one(alone, k, larger, product, first, second, joined)
        with written_in_one_piece(k.scratch, out) as result:
            for part, whole in _places(case, count, result, joined):
                part[...] = whole
        return
    for part, whole in _places(case, count, second if product == "forward" else first, joined):
        whole[...] = part
    pair = (first, joined) if product == "forward" else (joined, second)
    _one_by_one(alone, k, larger, product, *pair, out)


def _joined(case: Case) -> int:
    """Return how many groups are joined to one."""
    most = min(case.groups, JOINED_CHANNELS // case.channels)
    return max((n for n in range(1, most + 1) if case.groups % n == 0), default=1)


def _places(case: Case, count: int, w: Any, joined: Any) -> Iterator[tuple[Any, Any]]:
    """Yield views of a filter and of where the same numbers are in that of joined groups."""
    groups = (case.groups // count, count, case.filters)
    parts = w.reshape(*case.windows.size, case.channels, *groups)
    wholes = joined.reshape(*case.windows.size, count, case.channels, *groups)
    for i in range(count):
        yield parts[..., i, :], wholes[..., i, :, :, i, :]


def _one_by_one(
    alone: Compute, k: KernelContext, case: Case, product: str, first: Any, second: Any, out: Any
) -> None:
    """Compute one group after the other, each from its own part of the channels."""
    for group in range(case.groups):
        of_images, of_results = (
            (..., slice(group * n, (group + 1) * n)) for n in (case.channels, case.filters)
        )
        # The filter holds the channels of one group, and the filters of all.
        parts = {
            "forward": (of_images, of_results, of_results),
            "by_input": (of_results, of_results, of_images),
            "by_filter": (of_images, of_results, of_results),
        }[product]
        arrays = [a[part] for a, part in zip((first, second, out), parts, strict=True)]
        alone(k.part(f"group {group}", None), case._replace(groups=1), product, *arrays)
