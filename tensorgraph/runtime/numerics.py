"""The first node to produce NaN or infinity: what `ConfigProto.check_numerics` looks for.

Each kernel of a plan is wrapped in one that looks at its result. A plan that is not asked for it
has the kernels themselves, so that it pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tensorgraph.base.backend import Array
from tensorgraph.base.errors import InvalidArgumentError
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.node import Operation, Tensor

Kernel = Callable[..., Any]


def watched(kernel: Kernel) -> Kernel:
    """Return a kernel that raises where a result has a NaN or infinity that no input has.

    What is computed from a NaN or an infinity is not reported again; so a constant may be infinite
    on purpose.
    """

    def checked(k: KernelContext, *inputs: Any) -> Any:
        result = kernel(k, *inputs)
        given = [value for value in inputs if _is_floats(value)]
        for value in result if isinstance(result, tuple | list) else [result]:
            array = _new_value(value)
            words = _news(k.xp, array, given)
            if words:
                raise InvalidArgumentError(
                    f"{k.op.type} gave {' and '.join(words)} in {_count(k.xp, array)} of shape"
                    f" {array.shape}{_ranges(k, inputs)}",
                    k.op.name,
                    k.op.source,
                )
        return result

    return checked


def watched_read(kernel: Kernel, variable: Operation) -> Kernel:
    """Return a kernel that reads a variable, and raises where it holds a NaN or infinity.

    It may have been loaded with one, or have got it in a session that does not look.
    """

    def checked(k: KernelContext, cell: Any) -> Any:
        array = kernel(k, cell)
        words = _news(k.xp, array, [])
        if words:
            raise InvalidArgumentError(
                f"the variable holds {' and '.join(words)} in {_count(k.xp, array)} of shape"
                f" {array.shape}",
                variable.name,
                variable.source,
            )
        return array

    return checked


def check_feeds(xp: Any, feeds: Mapping[Tensor, Array]) -> None:
    """Check the values that are fed.

    Raises
    ------
    InvalidArgumentError
        If one of them has a NaN or an infinity.
    """
    for t, array in feeds.items():
        words = _news(xp, array, [])
        if words:
            raise InvalidArgumentError(
                f"the value fed to {t.name!r} has {' and '.join(words)} in {_count(xp, array)} of"
                f" shape {array.shape}",
                t.op.name,
                t.op.source,
            )


def _is_floats(value: Any) -> bool:
    return getattr(getattr(value, "dtype", None), "kind", "") == "f"


def _new_value(result: Any) -> Any:
    """Return a result; of a variable that was changed, its new value."""
    if hasattr(result, "is_initialized"):
        return result.read() if result.is_initialized() else None
    return result


def _news(xp: Any, array: Any, given: list[Array]) -> list[str]:
    """Return which of NaN and Inf an array has, but for what comes of those given."""
    if not _is_floats(array) or xp.isfinite(array).all():
        return []
    words = []
    if xp.isnan(array).any() and not any(xp.isnan(a).any() for a in given):
        words.append("NaN")
    if xp.isinf(array).any() and all(xp.isfinite(a).all() for a in given):
        words.append("Inf")
    return words


def _count(xp: Any, array: Array) -> str:
    return f"{int((~xp.isfinite(array)).sum())} of {array.size} elements"


def _ranges(k: KernelContext, inputs: tuple[Any, ...]) -> str:
    """Return in words between what numbers the inputs lie."""
    named = [
        f"{t.name}{_range(k.xp, value)}" for t, value in zip(k.op.inputs, inputs, strict=False)
    ]
    return f"; its inputs: {', '.join(named)}" if named else ""


def _range(xp: Any, value: Any) -> str:
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind not in ("f", "i", "u") or not value.size:
        return ""
    low, high = value.min(), value.max()
    return " (with NaN)" if xp.isnan(low) else f" in [{low:.6g}, {high:.6g}]"
