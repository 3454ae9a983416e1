"""Sums of products over named axes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from tensorgraph.base import dtypes
from tensorgraph.base.shapes import Dim
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    Arg,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    register,
)
from tensorgraph.graph.static import static_ints
from tensorgraph.ops.array import broadcast_to, shape, transpose

_EQUATION = re.compile(r"[A-Za-z]*(,[A-Za-z]*)*->[A-Za-z]*")
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_EXAMPLES = ("ab,bc->ac", "ab,b->a", "a,b->ab", "abc,acd->abd", "ab->ba", "ab->", "a,a,ab->b")


def _terms(equation: str) -> tuple[list[str], str]:
    """Return the letters of the inputs, and of the output."""
    inputs, _, output = equation.partition("->")
    return inputs.split(","), output


@register
class Einsum(OpDef):
    """The sum of products that ``equation`` spells, as in ``ij,jk->ik``."""

    type = "Einsum"
    inputs = (Arg("x", dtypes.NUMERIC),)
    variadic = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        terms, output = _terms(op.attrs["equation"])
        if len(terms) != len(op.inputs):
            raise ValueError(f"{op.attrs['equation']!r} is for {len(terms)} tensors")
        sizes: dict[str, Dim] = {}
        for term, t in zip(terms, op.inputs, strict=True):
            if t.dims is None:
                continue
            if len(t.dims) != len(term):
                raise ValueError(f"{term!r} does not suit a tensor of shape {t.shape}")
            for letter, d in zip(term, t.dims, strict=True):
                known = sizes.get(letter)
                if None not in (known, d) and known != d:
                    raise ValueError(f"axis {letter!r} cannot have both sizes {known} and {d}")
                sizes[letter] = d if known is None else known
        return (Spec(op.inputs[0].dtype, tuple(sizes.get(letter) for letter in output)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        result = k.xp.einsum(k.op.attrs["equation"], *inputs, optimize=True)
        return k.xp.array(result, inputs[0].dtype)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        terms, output = _terms(op.attrs["equation"])

        def rule(i: int) -> Tensor:
            rest = [(terms[j], t) for j, t in enumerate(op.inputs) if j != i]
            there = set(output).union(*(term for term, _ in rest))
            # Letters of this input alone were summed away: the gradient does not depend on them.
            kept = "".join(letter for letter in terms[i] if letter in there)
            equation = f"{','.join([output, *(term for term, _ in rest)])}->{kept}"
            result = apply("Einsum", grads[0], *(t for _, t in rest), equation=equation)
            missing = tuple(p for p, letter in enumerate(terms[i]) if letter not in there)
            if missing:
                result = apply("ExpandDims", result, axes=missing)
                result = broadcast_to(result, shape(op.inputs[i]))
                result.set_shape(op.inputs[i].dims)
            return result

        return [partial(rule, i) for i in range(len(op.inputs))]

    def flops(self, op: Operation) -> int:
        terms, _ = _terms(op.attrs["equation"])
        sizes: dict[str, int] = {}
        for term, t in zip(terms, op.inputs, strict=True):
            sizes.update({a: d or 1 for a, d in zip(term, t.dims or (), strict=False)})
        total = len(terms)
        for size in sizes.values():
            total *= size
        return total

    def sample(self, draw: Draw) -> Sample:
        equation = draw.choice(_EXAMPLES)
        sizes = {letter: draw.size() for letter in "abcd"}
        terms, _ = _terms(equation)
        inputs = (Input(tuple(sizes[letter] for letter in term)) for term in terms)
        return Sample(tuple(inputs), {"equation": equation})


# The names users type


def einsum(equation: str, *inputs: Any, name: str | None = None) -> Tensor:
    """Return a sum of products, spelt by letters for the axes.

    Parameters
    ----------
    equation : str
        As ``"ij,jk->ik"``: letters for the axes of each input, then for those of the result.
        Letters that the result does not have are summed over. Without an arrow the result has
        those that occur once, in alphabetical order.
    *inputs : Tensor
        The factors.
    name : str, default "einsum"
        Its scope.

    Raises
    ------
    ValueError
        If the equation does not parse, names an axis twice in one input, or does not suit the
        shapes.

    Examples
    --------
    >>> tf.einsum("bij,bjk->bik", a, b)
    """
    tensors = [convert_to_tensor(x) for x in inputs]
    text = equation.replace(" ", "")
    if "->" not in text:
        letters = text.replace(",", "")
        text += "->" + "".join(sorted(a for a in set(letters) if letters.count(a) == 1))
    if not _EQUATION.fullmatch(text):
        raise ValueError(f"{equation!r} is no equation of letters, as 'ij,jk->ik'")
    terms, output = _terms(text)
    for term in (*terms, output):
        if len(set(term)) != len(term):
            raise ValueError(f"{term!r} in {equation!r} names an axis twice")
    if not set(output) <= set("".join(terms)):
        raise ValueError(f"the result of {equation!r} has an axis that no input has")
    if not tensors:
        raise ValueError("einsum needs a tensor")
    with tensors[0].graph.name_scope(name or "einsum"):
        return apply("Einsum", *tensors, equation=text)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """Return the product of two tensors, summed over pairs of axes.

    Parameters
    ----------
    a, b : Tensor
        The factors; their ranks must be known.
    axes : int, or pair of (int or sequence of int)
        How many of the last axes of `a` meet the first of `b`, or which axes of each.
    name : str, default "Tensordot"
        Its scope.

    Returns
    -------
    Tensor
        With the other axes of `a`, then those of `b`.

    Raises
    ------
    ValueError
        If the axes do not exist or fit, or a rank is unknown.
    """
    x = convert_to_tensor(a)
    y = convert_to_tensor(b, x.dtype)
    if x.dims is None or y.dims is None:
        raise ValueError("tensordot needs tensors of known rank")
    ranks = len(x.dims), len(y.dims)
    if isinstance(axes, int):
        if not 0 <= axes <= min(ranks):
            raise ValueError(f"{axes} axes to sum over do not suit tensors of rank {ranks}")
        pairs = [(ranks[0] - axes + i, i) for i in range(axes)]
    else:
        first, second = (static_ints(part, "the axes of tensordot") for part in axes)
        if len(first) != len(second):
            raise ValueError(f"as many axes of each tensor are needed, not {axes}")
        pairs = [(i % ranks[0], j % ranks[1]) for i, j in zip(first, second, strict=True)]
    left = list(_LETTERS[: ranks[0]])
    right = list(_LETTERS[ranks[0] : sum(ranks)])
    for i, j in pairs:
        right[j] = left[i]
    gone = {left[i] for i, _ in pairs}
    output = [letter for letter in (*left, *right) if letter not in gone]
    equation = f"{''.join(left)},{''.join(right)}->{''.join(output)}"
    with x.graph.name_scope(name or "Tensordot") as scope:
        return apply("Einsum", x, y, name=scope, equation=equation)


def matrix_transpose(a: Any, name: str = "matrix_transpose") -> Tensor:
    """Return matrices, or stacks of them, with rows and columns swapped.

    Raises
    ------
    ValueError
        If the rank is below 2, or unknown.
    """
    x = convert_to_tensor(a)
    if x.dims is None or len(x.dims) < 2:
        raise ValueError(f"matrix_transpose needs matrices of known rank, not {x.shape}")
    order = list(range(len(x.dims)))
    with x.graph.name_scope(name):
        return transpose(x, [*order[:-2], order[-1], order[-2]])
