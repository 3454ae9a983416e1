"""How an image shrinks on its way to a layer, and what would keep it larger.

A window that does not fit is mostly the fault of the layers before it. The message about it
therefore shows the sizes on the way, and offers ``same`` where it was not given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dsl.checker.binding import Bound
from dsl.checker.draft import Step
from dsl.diagnostics import Edit, Fix
from dsl.layers.arguments import format_sizes
from dsl.layers.spatial import EVERY_KIND, kind_of
from dsl.network import NetLayer
from tensorgraph.base.shapes import Shape

_RANKS = frozenset(axes + 1 for axes in EVERY_KIND)
"""How many sizes sequences, images and volumes have, channels included."""


def describe(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the note on how the image shrinks, none where it does not.

    Parameters
    ----------
    steps : sequence of Step
        The layers before the one that does not fit, the first one first.
    """
    shapes = [steps[0].layer.input_shapes[0]] if steps else []
    shapes += [step.layer.output_shape for step in steps]
    chain = _chain(shapes)
    last = next((s for s in reversed(steps) if _shrinks(s.layer)), None)
    if " → " not in chain or last is None:
        return ()
    statement = " ".join(last.layer.span.text.split())
    kind = kind_of(len(last.layer.output_shape or ()) - 1)
    return (f"the {kind} shrinks {chain} (line {last.layer.line}: {statement})",)


def keep_size(steps: Sequence[Step]) -> tuple[Fix, ...]:
    """Return the repair that adds ``same`` to every convolution on the way that lacks it."""
    widened = [step for step in steps if _can_keep_size(step.layer)]
    if not widened:
        return ()
    shapes: list[Shape] = [steps[0].layer.input_shapes[0]]
    for step in steps:
        arguments = dict(step.layer.arguments)
        if step in widened:
            arguments["padding"] = "same"
        use = replace(step.layer.use, arguments=arguments, inputs=(shapes[-1],), complaints=[])
        shapes.append(step.layer.layer.infer(use))
    bounds = [step.bound for step in widened if step.bound is not None]
    # A layer of a block that is called several times is changed once.
    edits = tuple(dict.fromkeys(edit for bound in bounds for edit in same_padding(bound)))
    return (_fix([step.layer.line for step in widened], shapes, edits),)


def same_padding(bound: Bound) -> tuple[Edit, ...]:
    """Return the change that gives a layer the flag ``same``."""
    if "padding" in bound.spans:
        return (Edit(bound.spans["padding"], "same"),)
    return (Edit(bound.positional_end.after(), " same"),)


def same_here(line: int, bound: Bound) -> Fix:
    """Return the repair that adds ``same`` to a single layer."""
    return _fix([line], [], same_padding(bound))


def _fix(lines: Sequence[int], shapes: Sequence[Shape], edits: tuple[Edit, ...]) -> Fix:
    *others, last = [str(line) for line in dict.fromkeys(lines)]
    where = f"lines {', '.join(others)} and {last}" if others else f"line {last}"
    chain = _chain(shapes)
    path = f": {chain}" if " → " in chain else ""
    return Fix(f"`same` on {where} makes the whole file valid{path}", edits)


def _can_keep_size(layer: NetLayer) -> bool:
    """Return whether ``same`` could be added to a layer so that the image keeps its size."""
    return bool(layer.weights) and layer.arguments.get("padding") == "valid"


def _shrinks(layer: NetLayer) -> bool:
    before, after = layer.input_shapes[0], layer.output_shape
    if before is None or after is None:
        return False
    return len(before) == len(after) and len(after) in _RANKS and before[:-1] != after[:-1]


def _chain(shapes: Sequence[Shape]) -> str:
    """Return the sizes of sequences, images or volumes, each once: ``28 → 26 → 13``."""
    sizes: list[str] = []
    for shape in shapes:
        if shape is None or len(shape) not in _RANKS:
            continue
        image = shape[:-1]
        size = format_sizes(image[:1] if len(set(image)) == 1 else image)
        if not sizes or sizes[-1] != size:
            sizes.append(size)
    return " → ".join(sizes)
