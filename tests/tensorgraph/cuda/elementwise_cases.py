"""Each operation that says what it computes in CUDA, on each of its element types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import tensorgraph as tf
from tensorgraph.backends.cuda.elementwise import Recipe, recipe_of
from tensorgraph.graph.opdef import lookup, registered

EXPRESSED = [t for t, d in registered().items() if d.cuda or t == "AddN"]
TYPES = [tf.float32, tf.float64, tf.float16, tf.int32, tf.int64, tf.int8, tf.uint8, tf.bool]


class Case(NamedTuple):
    """An operation on some element types."""

    op: tf.Operation
    recipe: Recipe

    @property
    def name(self) -> str:
        types = "_".join(str(t) for t in self.recipe.types)
        return f"{self.op.type}_{types}"


def build(op_type: str, types: tuple[Any, ...], **attrs: Any) -> tf.Operation:
    with tf.Graph().as_default() as graph:
        inputs = [tf.placeholder(t, (None,)) for t in types]
        return graph.apply(op_type, *inputs, **attrs)


def cases() -> Iterator[Case]:
    for op_type in EXPRESSED:
        definition = lookup(op_type)
        count = 3 if definition.variadic else len(definition.inputs)
        args = definition.args(count)
        for dtype in TYPES:
            own = tuple(dtype if len(a.dtypes) > 2 else a.dtypes[0] for a in args)
            if not all(t in a.dtypes for t, a in zip(own, args, strict=True)):
                continue
            if len(args[-1].dtypes) == 1 and dtype is not tf.bool:
                continue
            targets = TYPES if op_type == "Cast" else [None]
            for target in targets:
                op = build(op_type, own, **({} if target is None else {"dtype": target}))
                yield Case(op, recipe_of(op))


CASES = list(cases())
