"""What all layers share that move along time, over images or through volumes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import tensorgraph as tf
from dsl.layers.arguments import format_sizes
from dsl.layers.definition import Complaint, Repair, Use

_KINDS = {1: "sequence", 2: "image", 3: "volume"}
_FORMS = {
    1: "time x features",
    2: "height x width x channels",
    3: "depth x height x width x channels",
}
_AXES = {1: ("step",), 2: ("row", "column"), 3: ("plane", "row", "column")}
_CODES = {1: "TG220", 2: "TG202", 3: "TG221"}

EVERY_KIND = tuple(_KINDS)
"""How many axes between batch and features a sequence, an image and a volume have."""


def kind_of(axes: int) -> str:
    """Return what something with so many axes between batch and channels is called."""
    return _KINDS[axes]


def axes_name(axes: int) -> tuple[str, ...]:
    """Return what one place along each of so many axes is called."""
    return _AXES[axes]


def spatial_axes(use: Use) -> int:
    """Return how many axes the input of a layer has between batch and channels."""
    assert use.input is not None
    return len(use.input) - 1


def spread_sizes(sizes: Sequence[int], axes: int) -> tuple[int, ...]:
    """Return one size for each axis, where one may stand for all."""
    return tuple(sizes) * axes if len(sizes) == 1 else tuple(sizes)


def run_time_sizes(x: tf.Tensor) -> list[Any]:
    """Return the sizes between batch and channels: numbers, or tensors where they are not fixed."""
    known = x.shape.as_list()[1:-1]
    return [tf.shape(x)[i + 1] if size is None else size for i, size in enumerate(known)]


def require_axes(
    use: Use,
    name: str,
    kinds: Collection[int] = EVERY_KIND,
    others: Collection[str] = (),
    sizes: Collection[str] = (),
) -> bool:
    """Return whether the input is known to be of a kind that a layer takes.

    Complains where it is another, and where an argument has more or fewer sizes than the input
    has axes.

    Parameters
    ----------
    use : Use
        The arguments and shapes.
    name : str
        The layer's word.
    kinds : collection of int
        How many axes the input may have between batch and channels.
    others : collection of str
        The layers that do the same for inputs of 1, 2 and 3 axes.
    sizes : collection of str
        The keys of the arguments that hold sizes.
    """
    shape = use.input
    if shape is None:
        return False
    axes = len(shape) - 1
    if axes not in kinds:
        use.complain(_wrong_kind(name, shape, kinds, others))
        return False
    for key in sizes:
        given = use[key]
        if isinstance(given, tuple) and len(given) not in (1, axes):
            use.complain(_wrong_number(key, given, axes))
            return False
    return True


def require_channels(use: Use, name: str) -> bool:
    """Return whether the number of channels is known, on which weights depend."""
    assert use.input is not None
    if use.input[-1] is None:
        use.complain(unknown_features(name, use.input))
    return use.input[-1] is not None


def unknown_features(name: str, shape: Sequence[int | None]) -> Complaint:
    """Return the complaint about an input whose number of features is not fixed."""
    return Complaint(
        "TG205",
        f"the weights of `{name}` need an input of known size",
        f"receives {format_sizes(shape)}, where `?` is not fixed",
        notes=("the sizes come from `input`; only what is convolved may stay open",),
    )


def _wrong_kind(
    name: str, shape: Sequence[int | None], kinds: Collection[int], others: Collection[str]
) -> Complaint:
    wanted = [f"{'an' if kind == 2 else 'a'} {_KINDS[kind]}" for kind in sorted(kinds)]
    forms = [_FORMS[kind] for kind in sorted(kinds)]
    repairs = [
        Repair({}, f"`{other}` is for {_FORMS[axes]}", word=other)
        for axes, other in enumerate(others, 1)
        if axes == len(shape) - 1
    ]
    return Complaint(
        _CODES[next(iter(kinds))] if len(kinds) == 1 else "TG202",
        f"`{name}` needs {_either(wanted)}",
        f"expected {_either(forms)}, receives {format_sizes(shape)}",
        repairs=tuple(repairs),
    )


def _either(items: Sequence[str]) -> str:
    *others, last = items
    return f"{', '.join(others)} or {last}" if others else last


def _wrong_number(key: str, given: Sequence[int], axes: int) -> Complaint:
    one = format_sizes(spread_sizes(given[:1], axes))
    return Complaint(
        "TG228",
        f"`{format_sizes(given)}` has {len(given)} sizes, and the {_KINDS[axes]} {axes}",
        f"expected {_either([str(given[0]), one]) if axes > 1 else given[0]}",
        at=(key,),
        repairs=(Repair({key: str(given[0])}, f"`{given[0]}` is the same along every axis"),),
    )
