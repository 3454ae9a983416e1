"""One number of a result worked out: which numbers it is made of, as one would on paper."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Elementwise
from tensorgraph.ops.windows import Windows, filter_windows
from tensorgraph.viz.walk.formulas import write, write_rule
from tensorgraph.viz.walk.numbers import number_text, shown_places

Array = np.ndarray[Any, Any]
Values = Mapping[Tensor, Array]
Index: TypeAlias = tuple[int, ...]

MOST_TERMS = 27
"""A sum of more terms is not written out."""

MOST_ZEROS = 3
"""More terms of 0 are only counted."""

# What works on each element by itself, or on one beside one that is repeated.
_BY_ELEMENT = frozenset(["BiasAdd", "ReluGrad", "AddN", "Identity"])


@dataclass(frozen=True)
class Worked:
    """One number worked out.

    Attributes
    ----------
    text : str
        How it comes about; "" where that is no short sum.
    cells : tuple of (Tensor, tuple of int)
        The numbers that it is made of, and itself: the place in each tensor.
    """

    text: str = ""
    cells: tuple[tuple[Tensor, Index], ...] = ()


def work_out(op: Operation, values: Values) -> Worked:
    """Return how the largest number of a result comes about.

    Parameters
    ----------
    op : Operation
        The operation.
    values : mapping of Tensor to ndarray
        The values of its inputs and outputs.
    """
    result = values.get(op.outputs[0])
    if result is None or not result.size or result.dtype.kind not in "biuf":
        return Worked()
    if any(t not in values for t in op.inputs):
        return Worked()
    arrays = [values[t] for t in op.inputs]
    place = _largest_place(result)
    if _is_by_element(op):
        cells = [[_met(a, place)] for a in arrays]
        numbers = [number_text(a[where[0]]) for a, where in zip(arrays, cells, strict=True)]
        text = write(op, numbers)
    elif op.type in _WORKED:
        text, cells = _WORKED[op.type](op, arrays, place)
    else:
        return Worked()
    equation = _equation(result, place, text)
    if not equation:
        return Worked()
    used = [(t, c) for t, where in zip(op.inputs, cells, strict=False) for c in where]
    return Worked(equation, (*used, (op.outputs[0], place)) if result.size > 1 else ())


def work_out_rule(
    given: Tensor,
    incoming: Mapping[Tensor, str],
    values: Values,
    is_forward: Callable[[Operation], bool],
) -> str:
    """Return how the largest number that a gradient rule gave comes about, "" where it is long.

    Parameters
    ----------
    given : Tensor
        What the rule gave.
    incoming : mapping of Tensor to str
        The gradients that it was given.
    values : mapping of Tensor to ndarray
        All values.
    is_forward : callable
        Returns whether an operation is one of the forward pass.
    """
    if any(t not in values for t in (given, *incoming)):  # lists of a loop
        return ""
    result = values[given]
    pending, rule = [given], set[Operation]()
    while pending:
        t = pending.pop()
        if t in incoming or is_forward(t.op) or t.op.type == "Const" or t.op in rule:
            continue
        if not _is_by_element(t.op):
            return ""
        rule.add(t.op)
        pending.extend(t.op.inputs)
    if not rule or not result.size:
        return ""
    place = _largest_place(result)

    def number(t: Tensor) -> str:
        if t.op.type != "Const" and not is_forward(t.op):
            return ""
        array = values[t] if t in values else t.op.attrs["value"]
        return number_text(array[_met(array, place)])

    numbers = {t: number_text(values[t][_met(values[t], place)]) for t in incoming}
    return _equation(result, place, write_rule(given, numbers, number))


def _is_by_element(op: Operation) -> bool:
    return isinstance(op.definition, Elementwise) or op.type in _BY_ELEMENT


def _largest_place(array: Array) -> Index:
    """Return where the largest of the numbers that are shown is, by its absolute value."""
    places = shown_places(array).reshape(-1)
    strength = np.abs(np.nan_to_num(array.reshape(-1)[places].astype(np.float64)))
    return tuple(int(i) for i in np.unravel_index(int(places[strength.argmax()]), array.shape))


def _met(array: Array, place: Index) -> Index:
    """Return which element of an array meets a place of the result that it was stretched to."""
    own = place[len(place) - array.ndim :]
    return tuple(0 if size == 1 else i for i, size in zip(own, array.shape, strict=True))


def _equation(result: Array, place: Index, text: str) -> str:
    value = number_text(result[place])
    if not text or text == value:
        return ""
    where = "" if result.size == 1 else f"at [{', '.join(map(str, place))}]: "
    return f"{where}{text} = {value}"


# Ops that make a number of several: the text, and the places in each input.

_Text = tuple[str, list[list[Index]]]


def _factor(value: Any) -> str:
    text = number_text(value)
    return f"({text})" if text.startswith("−") else text


def _products(a: Array, b: Array, left: list[Index], right: list[Index]) -> _Text:
    pairs = [(a[i], b[j]) for i, j in zip(left, right, strict=True)]
    terms = [f"{_factor(x)}·{_factor(y)}" for x, y in pairs if x != 0 and y != 0]
    zeros = len(pairs) - len(terms)
    if len(terms) <= 1 or zeros <= MOST_ZEROS:
        terms, zeros = [f"{_factor(x)}·{_factor(y)}" for x, y in pairs], 0
    text = " + ".join(terms)
    return f"{text} + {zeros} times 0" if zeros else text, [left, right]


def _matmul(op: Operation, arrays: Sequence[Array], place: Index) -> _Text:
    a, b = arrays
    left, right = op.attrs["transpose_a"], op.attrs["transpose_b"]
    inner = a.shape[0 if left else -1]
    if a.ndim != 2 or b.ndim != 2 or inner > MOST_TERMS:
        return "", []
    row, column = place
    return _products(
        a,
        b,
        [(i, row) if left else (row, i) for i in range(inner)],
        [(column, i) if right else (i, column) for i in range(inner)],
    )


def _window(windows: Windows, image: Array, place: Index) -> list[tuple[Index, Index]]:
    """Return what the window of a result lies on, border left out: place in it, place in the image.

    The channel is left out of both.
    """
    pads = windows.pads(*image.shape[1:-1])
    found = []
    for offset in np.ndindex(*windows.size):
        spot = tuple(
            i * stride + o * dilation - before
            for i, o, stride, dilation, (before, _) in zip(
                place[1:-1], offset, windows.strides, windows.dilations, pads, strict=True
            )
        )
        if all(0 <= s < size for s, size in zip(spot, image.shape[1:-1], strict=True)):
            found.append((offset, (place[0], *spot)))
    return found


def _convolution(op: Operation, arrays: Sequence[Array], place: Index) -> _Text:
    image, kernel = arrays
    channels = image.shape[-1]
    if channels != kernel.shape[-2] or kernel[..., 0].size > MOST_TERMS:
        return "", []
    spots = _window(filter_windows(op.attrs, kernel.shape), image, place)
    return _products(
        image,
        kernel,
        [(*spot, c) for _, spot in spots for c in range(channels)],
        [(*offset, c, place[-1]) for offset, _ in spots for c in range(channels)],
    )


def _of_several(word: str, array: Array, places: list[Index]) -> _Text:
    """Return ``max(1, 2, 3)``, or a sum where there is no word."""
    if not 0 < len(places) <= MOST_TERMS:
        return "", []
    texts = [number_text(array[p]) if word else _factor(array[p]) for p in places]
    return f"{word}({', '.join(texts)})" if word else " + ".join(texts), [places]


def _pool(word: str) -> Callable[[Operation, Sequence[Array], Index], _Text]:
    def worked(op: Operation, arrays: Sequence[Array], place: Index) -> _Text:
        (image,) = arrays
        size = op.attrs["ksize"]
        windows = Windows(size, op.attrs["strides"], (1,) * len(size), op.attrs["padding"])
        spots = _window(windows, image, place)
        return _of_several(word, image, [(*spot, place[-1]) for _, spot in spots])

    return worked


def _reduction(word: str) -> Callable[[Operation, Sequence[Array], Index], _Text]:
    def worked(op: Operation, arrays: Sequence[Array], place: Index) -> _Text:
        (array,), axes = arrays, op.attrs["axes"]
        reduced = {a % array.ndim for a in (range(array.ndim) if axes is None else axes)}
        kept = [i for axis, i in enumerate(place) if axis not in reduced or array.ndim > len(place)]
        rest = iter(kept)
        sizes = [
            range(size) if axis in reduced else (next(rest),)
            for axis, size in enumerate(array.shape)
        ]
        if math.prod(map(len, sizes)) > MOST_TERMS:
            return "", []
        return _of_several(word, array, list(itertools.product(*sizes)))

    return worked


_WORKED: Mapping[str, Callable[[Operation, Sequence[Array], Index], _Text]] = {
    "MatMul": _matmul,
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "MaxPool": _pool("max"),
    "AvgPool": _pool("mean"),
    "Sum": _reduction(""),
    "Mean": _reduction("mean"),
    "Max": _reduction("max"),
    "Min": _reduction("min"),
}
