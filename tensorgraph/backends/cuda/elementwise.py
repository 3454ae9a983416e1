"""One CUDA function for an elementwise operation, or for a group of them that was fused.

The operations say what they compute (`OpDef.cuda`); here is how a kernel walks over the elements.
How it does depends on how the arrays lie, not on their sizes: axes along which all of them go on in
equal steps count as one, and for what is left there are few kinds of kernels. Each is compiled
when it is first needed.

Where all that is read and written lies in a row, a thread takes 16 bytes at a time.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from tensorgraph.backends.cuda.functions import FUNCTIONS
from tensorgraph.backends.cuda.program import (
    BLOCK,
    Launch,
    blocks_for,
    c_name,
    compute_name,
    load,
)
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.node import Operation

FUSED = "FusedElementwise"
# The widest load that a thread can do.
VECTOR_BYTES = 16
# Up to so many elements, places are computed in 32 bits.
MOST_SHORT = 1 << 31


class Walk(NamedTuple):
    """How a kernel goes through its arrays: all that its text depends on beside the operations.

    Attributes
    ----------
    axes : int
        How many axes are left after those that go together were made one.
    width : int
        How many neighbours along the last axis a thread takes at once.
    short : bool
        Places fit into 32 bits.
    kinds : str
        A letter for each array, the result last: ``f`` lies in a row just as the result is walked
        through, ``s`` is one number, ``v`` and ``r`` have steps of their own and along the last
        axis are one after the other, or one number, ``g`` have any steps.
    """

    axes: int
    width: int
    short: bool
    kinds: str


class Prepared(NamedTuple):
    """A walk with what is sent to the kernel beside the arrays."""

    walk: Walk
    items: int
    numbers: tuple[int, ...]


@functools.lru_cache(4096)
def prepare(
    shape: tuple[int, ...],
    strides: tuple[tuple[int, ...], ...],
    sizes: tuple[int, ...],
    aligned: int,
) -> Prepared:
    """Return how to walk through arrays.

    Parameters
    ----------
    shape : tuple of int
        The result's shape.
    strides : tuple of tuple of int
        The steps of each array in elements, 0 along axes that it is repeated along; the result's
        are the last.
    sizes : tuple of int
        The bytes of an element of each.
    aligned : int
        A power of two that all addresses are multiples of.
    """
    dims, steps = joined_axes(shape, strides)
    width = _width(dims, steps, sizes, aligned)
    count = math.prod(dims)
    row = steps_in_a_row(dims)
    kinds = "".join(_kind(s, row, width) for s in steps)
    numbers = [*dims[:-1], dims[-1] // width] if set(kinds) - {"f", "s"} else []
    for kind, own in zip(kinds, steps, strict=True):
        if kind in "vrg":
            numbers += own[:-1] if kind != "g" else own
    axes = len(dims) if numbers else 1
    furthest = max(sum(abs(s) * d for s, d in zip(own, dims, strict=True)) for own in steps)
    short = max(count, furthest) < MOST_SHORT
    return Prepared(Walk(axes, width, short, kinds), count // width, tuple(numbers))


def joined(
    dims: Sequence[int], steps: Sequence[Sequence[int]]
) -> tuple[list[int], list[list[int]]]:
    """Return sizes of axes, and steps of several arrays, with axes joined that can be one."""
    sizes: list[int] = []
    along_all: list[list[int]] = [[] for _ in steps]
    for size, *along in zip(dims, *steps, strict=True):
        if size == 1:
            continue
        if sizes and all(j[-1] == size * s for j, s in zip(along_all, along, strict=True)):
            sizes[-1] *= size
            for j, s in zip(along_all, along, strict=True):
                j[-1] = s
        else:
            sizes.append(size)
            for j, s in zip(along_all, along, strict=True):
                j.append(s)
    return sizes, along_all


def joined_axes(
    shape: Sequence[int], strides: Sequence[Sequence[int]]
) -> tuple[list[int], list[list[int]]]:
    """Return sizes and steps with as few axes as there can be, at least one."""
    dims, steps = joined(shape, strides)
    return (dims, steps) if dims else ([1], [[1] for _ in strides])


def steps_in_a_row(dims: Sequence[int]) -> list[int]:
    """Return the steps of an array of some shape whose elements lie in a row."""
    return [math.prod(dims[i + 1 :]) for i in range(len(dims))]


def _width(
    dims: Sequence[int], steps: Sequence[Sequence[int]], sizes: Sequence[int], aligned: int
) -> int:
    """Return how many neighbours can be read and written at once."""
    width = VECTOR_BYTES // max(sizes)
    while width > 1:
        fits = dims[-1] % width == 0 and all(own[-1] in (0, 1) for own in steps)
        fits = fits and all(s % width == 0 for own in steps if own[-1] for s in own[:-1])
        if fits and all(width * size <= aligned for size in sizes):
            return width
        width //= 2
    return 1


def _kind(own: Sequence[int], row: Sequence[int], width: int) -> str:
    if list(own) == list(row):
        return "f"
    if not any(own):
        return "s"
    if width == 1 and own[-1] not in (0, 1):
        return "g"
    return "v" if own[-1] else "r"


class Recipe(NamedTuple):
    """What a kernel computes of each element.

    Attributes
    ----------
    types : tuple of dtype
        Of the inputs, and of the result.
    lines : str
        Text that declares ``vN``, the result, from ``v0`` and so on, the inputs.
    result : int
        N.
    """

    types: tuple[np.dtype[Any], ...]
    lines: str
    result: int


def recipe_of(op: Operation) -> Recipe:
    """Return what an elementwise operation, or a fused group, computes.

    Raises
    ------
    LookupError
        If a member says nothing of CUDA.
    """
    if op.type == FUSED:
        return recipe_of_steps(op, [(step.op, step.inputs) for step in op.attrs["body"].steps])
    return recipe_of_steps(op, [(op, range(len(op.inputs)))])


def recipe_of_steps(op: Operation, steps: Sequence[tuple[Operation, Sequence[int]]]) -> Recipe:
    """Return what some operations, one after the other, make of the inputs of another one.

    Parameters
    ----------
    op : Operation
        Whose inputs are taken.
    steps : sequence of (Operation, sequence of int)
        Each with what it takes: the inputs count first, then the results of those before it.

    Raises
    ------
    LookupError
        If one says nothing of CUDA.
    """
    count = len(op.inputs)
    lines = [_line(step, places, count + n) for n, (step, places) in enumerate(steps)]
    result = steps[-1][0].outputs[0]
    types = (*(t.dtype.np_dtype for t in op.inputs), result.dtype.np_dtype)
    return Recipe(types, "".join(lines), count + len(steps) - 1)


def _line(op: Operation, places: Sequence[int], target: int) -> str:
    """Return the text of one operation: its inputs by their names in a scope of their own."""
    expression = op.definition.cuda_of(op)
    if not expression:
        raise LookupError(f"op type {op.type!r} has no expression for CUDA")
    result = compute_name(op.outputs[0].dtype.np_dtype)
    names = argument_names(op)
    given = "".join(
        f"const {compute_name(t.dtype.np_dtype)} {name} = v{place}; "
        for t, name, place in zip(op.inputs, names, places, strict=True)
    )
    return (
        f"    {result} v{target};\n"
        f"    {{ typedef {result} R; {given}v{target} = R({expression}); }}\n"
    )


def argument_names(op: Operation) -> list[str]:
    """Return what the inputs are called in the operation's expression."""
    definition = op.definition
    if definition.variadic:
        return [f"x{n}" for n in range(len(op.inputs))]
    return [arg.name for arg in definition.inputs]


def function_text(recipe: Recipe, name: str) -> str:
    """Return the function ``{name}_of`` that computes one element."""
    *inputs, result = (compute_name(t) for t in recipe.types)
    parameters = ", ".join(f"{c} v{i}" for i, c in enumerate(inputs))
    return (
        f"__device__ inline {result} {name}_of({parameters}) {{\n{recipe.lines}"
        f"    return v{recipe.result};\n}}\n"
    )


def text_of(recipe: Recipe, walk: Walk, name: str = "elementwise") -> str:
    """Return the kernel for a recipe and a way to walk."""
    *inputs, result = (c_name(t) for t in recipe.types)
    pointers = "".join(f"const {c} *p{i}, " for i, c in enumerate(inputs))
    sent = "".join(f", int64 {n}" for n in number_names(walk))
    return (
        f"{function_text(recipe, name)}"
        f'extern "C" __global__ void {name}({pointers}{result} *q, int64 items{sent}) {{\n'
        f"    FOR_ITEMS(n, items) {{\n"
        f"{places_text(walk)}{loads_text(walk, inputs)}{_store(walk, inputs, result, name)}"
        f"    }}\n}}\n"
    )


def number_names(walk: Walk) -> list[str]:
    """Return the names of what `prepare` says is sent: sizes, then the steps of each array."""
    if not set(walk.kinds) - {"f", "s"}:
        return []
    names = [f"d{axis}" for axis in range(walk.axes)]
    for i, kind in enumerate(walk.kinds):
        if kind in "vrg":
            names += [f"s{i}_{axis}" for axis in range(walk.axes - (kind != "g"))]
    return names


def places_text(walk: Walk) -> str:
    """Return the text that finds where in each array the item `n` is."""
    if not set(walk.kinds) - {"f", "s"}:
        return ""
    index = "uint32" if walk.short else "uint64"
    lines = [f"        {index} rest = n;\n"]
    for axis in range(walk.axes - 1, 0, -1):
        lines.append(f"        const {index} i{axis} = rest % ({index})d{axis}; ")
        lines.append(f"rest /= ({index})d{axis};\n")
    lines.append(f"        const {index} i0 = rest;\n")
    for i, kind in enumerate(walk.kinds):
        if kind in "vrg":
            last = walk.axes - 1
            terms = [f"i{axis} * s{i}_{axis}" for axis in range(last + (kind == "g"))]
            if kind == "v":
                terms.append(f"(int64)i{last} * {walk.width}")
            lines.append(f"        const int64 o{i} = {' + '.join(terms) or '0'};\n")
    return "".join(lines)


def loads_text(walk: Walk, inputs: Sequence[str]) -> str:
    """Return the text that reads the item `n` of inputs of some types."""
    lines = []
    for i, (kind, c) in enumerate(zip(walk.kinds, inputs, strict=False)):
        place = {"f": f"n * {walk.width}", "s": "0"}.get(kind, f"o{i}")
        if walk.width > 1 and kind in "fv":
            lines.append(
                f"        const auto a{i} = *(const Pack<{c}, {walk.width}> *)(p{i} + {place});\n"
            )
        else:
            lines.append(f"        const {c} a{i} = p{i}[{place}];\n")
    return "".join(lines)


def _store(walk: Walk, inputs: Sequence[str], result: str, name: str) -> str:
    kind = walk.kinds[-1]
    place = f"n * {walk.width}" if kind == "f" else "0" if kind == "s" else f"o{len(inputs)}"
    if walk.width == 1:
        values = ", ".join(f"a{i}" for i in range(len(inputs)))
        return f"        q[{place}] = {name}_of({values});\n"
    values = ", ".join(
        f"a{i}.at[j]" if walk.kinds[i] in "fv" else f"a{i}" for i in range(len(inputs))
    )
    return (
        f"        Pack<{result}, {walk.width}> b;\n"
        f"        for (int j = 0; j < {walk.width}; j++) b.at[j] = {name}_of({values});\n"
        f"        *(Pack<{result}, {walk.width}> *)(q + {place}) = b;\n"
    )


# What stands above every generated kernel: 16 bytes as one, and the functions.
HEAD = "template <class T, int N> struct __align__(sizeof(T) * N) Pack { T at[N]; };\n" + FUNCTIONS


def elementwise(k: KernelContext, *inputs: Array) -> Array:
    """Compute what an operation is for some arrays, into ``k.out`` where it is given."""
    shape = np.broadcast_shapes(*(x.shape for x in inputs))
    out = k.out
    if out is None:
        out = k.xp.empty(shape, k.op.outputs[0].dtype.np_dtype)
    if not out.size:
        return out
    arrays = [*inputs, out]
    aligned = functools.reduce(lambda bits, x: bits | x.data.ptr, arrays, VECTOR_BYTES)
    walk, items, numbers = prepare(
        shape,
        tuple(steps_of(x, len(shape)) for x in arrays),
        tuple(x.dtype.itemsize for x in arrays),
        aligned & -aligned,
    )
    key = (k.backend.xp, _recipe(k.op), walk)
    launch = _LAUNCHES.get(key)
    if launch is None:
        launch = load(k.backend, HEAD + text_of(key[1], walk), "elementwise")
        _LAUNCHES[key] = launch
    launch(blocks_for(items), (BLOCK,), (*arrays, items, *numbers))
    return out


def steps_of(x: Array, rank: int) -> tuple[int, ...]:
    """Return the steps of an array in elements along the result's axes, 0 where it is repeated."""
    steps = [0] * (rank - x.ndim)
    for size, stride in zip(x.shape, x.strides, strict=True):
        steps.append(0 if size == 1 else stride // x.dtype.itemsize)
    return tuple(steps)


# To make the text of a kernel takes longer than to start it.
_LAUNCHES: dict[tuple[Any, Recipe, Walk], Launch] = {}
_OF_TYPES: dict[tuple[Any, ...], Recipe] = {}
_OF_BODIES: WeakKeyDictionary[Any, Recipe] = WeakKeyDictionary()


def _recipe(op: Operation) -> Recipe:
    """Return what `recipe_of` does, kept for operations of the same type on the same types."""
    kept: Any = _OF_TYPES
    key: Any = (op.type, *(t.dtype for t in op.inputs), op.outputs[0].dtype)
    if op.type == FUSED:
        kept, key = _OF_BODIES, op.attrs["body"]
    found: Recipe | None = kept.get(key)
    if found is None:
        found = kept[key] = recipe_of(op)
    return found


# Operations that are one function of the array module are left to it, where they stand alone.
KERNELS: Mapping[str, Callable[..., Any]] = dict.fromkeys(
    (
        FUSED,
        *("AddN", "BiasAdd", "Cast", "DivNoNan", "FloorDiv", "FloorMod", "RealDiv", "Reciprocal"),
        *("Relu", "Relu6", "Relu6Grad", "ReluGrad", "Rsqrt", "Select", "Sigmoid", "Softplus"),
        *("SquaredDifference", "TruncateDiv", "TruncateMod", "Xdivy", "Xlogy"),
        *("Digamma", "Erf", "Erfc", "Lgamma", "Polygamma"),
    ),
    elementwise,
)
