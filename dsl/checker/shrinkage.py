"""How an image shrinks on its way to a layer, and what would keep it larger.

A window that does not fit is mostly the fault of the layers before it. The message about it
therefore shows the sizes on the way, and offers ``same`` where it was not given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dsl.checker.binding import Bound
from dsl.diagnostics import Edit, Fix
from dsl.layers.arguments import format_sizes
from dsl.network import NetLayer
from tensorgraph.base.shapes import Shape


@dataclass(frozen=True)
class Step:
    """A layer on the way, with its arguments as they were given."""

    layer: NetLayer
    bound: Bound

    @property
    def can_keep_size(self) -> bool:
        """Whether ``same`` could be added to it so that the image keeps its size."""
        has_kernel = bool(self.layer.weights)
        return has_kernel and self.layer.arguments.get("padding") == "valid"


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
    return (f"the image shrinks {chain} (line {last.layer.line}: {statement})",)


def keep_size(steps: Sequence[Step]) -> tuple[Fix, ...]:
    """Return the repair that adds ``same`` to every convolution on the way that lacks it."""
    widened = [step for step in steps if step.can_keep_size]
    if not widened:
        return ()
    shapes: list[Shape] = [steps[0].layer.input_shapes[0]]
    for step in steps:
        arguments = dict(step.layer.arguments)
        if step in widened:
            arguments["padding"] = "same"
        use = replace(step.layer.use, arguments=arguments, inputs=(shapes[-1],), complaints=[])
        shapes.append(step.layer.layer.infer(use))
    edits = tuple(edit for step in widened for edit in same_padding(step.bound))
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
    *others, last = [str(line) for line in lines]
    where = f"lines {', '.join(others)} and {last}" if others else f"line {last}"
    chain = _chain(shapes)
    path = f": {chain}" if " → " in chain else ""
    return Fix(f"`same` on {where} makes the whole file valid{path}", edits)


def _shrinks(layer: NetLayer) -> bool:
    before, after = layer.input_shapes[0], layer.output_shape
    return before is not None and after is not None and before[:2] != after[:2]


def _chain(shapes: Sequence[Shape]) -> str:
    """Return the sizes of images in order, each once: ``28 → 26 → 13``."""
    sizes: list[str] = []
    for shape in shapes:
        if shape is None or len(shape) != 3:
            continue
        height, width, _ = shape
        size = format_sizes([height] if height == width else [height, width])
        if not sizes or sizes[-1] != size:
            sizes.append(size)
    return " → ".join(sizes)
