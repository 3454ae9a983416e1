"""Reductions of what elementwise operations come to, without writing that to memory first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tensorgraph.backends.cuda.elementwise import (
    HEAD,
    Recipe,
    Walk,
    function_text,
    loads_text,
    number_names,
    places_text,
    prepare,
    recipe_of_steps,
    steps_of,
)
from tensorgraph.backends.cuda.program import Launch, c_name, load, settle
from tensorgraph.backends.cuda.reduce import OPERATIONS, ROWS, WALKS, Computed, reduced_by
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.node import Operation

# Each way to go through the numbers: its parameters, its shared memory, and what it does.
_KERNELS = {
    "rows": ("int64 n, int64 length, int64 part, double count", 32, "n, length, part, count"),
    "columns": (
        "int64 outer, int64 length, int64 inner, int64 part, double count",
        256,
        "outer, length, inner, part, count",
    ),
}


def reduction_text(recipe: Recipe, walk: Walk, op_type: str) -> str:
    """Return the kernels that reduce what a recipe computes.

    Parameters
    ----------
    recipe : Recipe
        What is computed of each element.
    walk : Walk
        How the inputs lie; one element at a time.
    op_type : str
        The reduction.
    """
    inputs = [c_name(t) for t in recipe.types[:-1]]
    names = [f"p{i}" for i in range(len(inputs))] + number_names(walk)
    declared = [f"const {c} *p{i}" for i, c in enumerate(inputs)]
    declared += [f"int64 {name}" for name in number_names(walk)]
    values = ", ".join(f"a{i}" for i in range(len(inputs)))
    text = (
        f"{HEAD}{ROWS}typedef {OPERATIONS[op_type]} Op;\n{WALKS}"
        f"{function_text(recipe, 'elementwise')}"
        f"struct Values {{\n    {'; '.join(declared)};\n"
        f"    __device__ Tc operator()(int64 n) const {{\n"
        f"{places_text(walk)}{loads_text(walk, inputs)}"
        f"        return elementwise_of({values});\n    }}\n}};\n"
    )
    for name, (parameters, room, given) in _KERNELS.items():
        for suffix, out in (("", "T"), ("_begin", "Tc")):
            text += (
                f'extern "C" __global__ void {name}{suffix}({", ".join(declared)}, {out} *y,'
                f" {parameters}) {{\n    __shared__ Tc shared[{room}];\n"
                f"    of_{name}(Values{{{', '.join(names)}}}, y, {given}, shared);\n}}\n"
            )
    return settle(text, T=recipe.types[-1])


_LAUNCHES: dict[tuple[Any, Recipe, Walk, str, str], Launch] = {}
_OF_BODIES: WeakKeyDictionary[Any, Recipe] = WeakKeyDictionary()


def _recipe(op: Operation) -> Recipe:
    body = op.attrs["body"]
    if body not in _OF_BODIES:
        steps = [(step.op, step.inputs) for step in body.steps[:-1]]
        _OF_BODIES[body] = recipe_of_steps(op, steps)
    return _OF_BODIES[body]


def fused_reduction(k: KernelContext, *inputs: Array) -> Array:
    """Compute `FusedReduction`."""
    recipe, reduction = _recipe(k.op), k.op.attrs["body"].steps[-1].op
    shape = np.broadcast_shapes(*(x.shape for x in inputs))
    row = steps_of_row(shape)
    walk, _, numbers = prepare(
        shape,
        (*(steps_of(x, len(shape)) for x in inputs), row),
        tuple(t.itemsize for t in recipe.types),
        1,
    )

    def loaded(name: str) -> Launch:
        key = (k.backend.xp, recipe, walk, reduction.type, name)
        if key not in _LAUNCHES:
            text = reduction_text(recipe, walk, reduction.type)
            _LAUNCHES[key] = load(k.backend, text, name)
        return _LAUNCHES[key]

    x = Computed(shape, recipe.types[-1], loaded, (*inputs, *numbers))
    return reduced_by(reduction, k, x)


def steps_of_row(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the steps of an array of that shape whose elements lie in a row."""
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(0 if size == 1 else step)
        step *= size
    return tuple(reversed(steps))


KERNELS: Mapping[str, Callable[..., Any]] = {"FusedReduction": fused_reduction}
