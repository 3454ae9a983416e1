"""The gradient of every op of the registry, beside central differences, to second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.graph.opdef import OpDef, Sample, registered
from tensorgraph.testing import check_gradients
from tensorgraph.testing.strategies import samples

Array = npt.NDArray[Any]
Use = tuple[Sample, tuple[Array, ...]]

DIFFERENTIABLE = [
    t
    for t, d in registered().items()
    if d.differentiable and d.inputs and type(d).sample is not OpDef.sample
]

# The sweeps visit every op, so a part of the usual number of examples goes a long way.
SOME = settings(max_examples=max(1, settings().max_examples // 2))
FEW = settings(max_examples=max(1, settings().max_examples // 4))

# Float inputs that cannot be moved by themselves. The switches of max-pooling are where an image
# equals its own maximum; if the one moves without the other, there are no switches any more.
STANDING = dict.fromkeys(
    ("MaxPoolGrad", "MaxPoolGradGrad", "MaxPool3DGrad", "MaxPool3DGradGrad"), (0, 1)
)


class Built:
    """An op on placeholders in a graph of its own."""

    def __init__(self, op_type: str, use: Use, forget: Callable[[Any], Any] = lambda s: s) -> None:
        sample, arrays = use
        self.graph = tf.Graph()
        self.inputs: list[tf.Tensor] = []
        self.feeds: dict[tf.Tensor, Array] = {}
        with self.graph.as_default():
            for given_input, array in zip(sample.inputs, arrays, strict=True):
                if given_input.constant:
                    self.inputs.append(tf.constant(array))
                else:
                    self.inputs.append(tf.placeholder(array.dtype, forget(array.shape)))
                    self.feeds[self.inputs[-1]] = array
            self.op = self.graph.apply(op_type, *self.inputs, **sample.attrs)
        standing = STANDING.get(op_type, ())
        self.ys = [t for t in self.op.outputs if t.dtype.is_floating]
        self.xs = [
            t for i, t in enumerate(self.inputs) if t.dtype.is_floating and i not in standing
        ]

    def gradients(self, wanted: list[tf.Tensor]) -> list[Any]:
        """Return the values of the gradients of the sum of squares, None where there is none."""
        with self.graph.as_default():
            found = tf.gradients([y * y for y in self.ys], wanted)
            with tf.Session() as session:
                values = iter(session.run([g for g in found if g is not None], self.feeds))
        return [None if g is None else np.asarray(next(values)) for g in found]


@pytest.mark.parametrize("op_type", DIFFERENTIABLE)
@SOME
@given(data=st.data())
def test_gradient(op_type: str, data: st.DataObject) -> None:
    built = Built(op_type, data.draw(samples(op_type)))
    if not built.ys:
        return
    for c in check_gradients(built.ys, built.xs, built.feeds, order=2):
        assert c.kinks == 0, "the op's domain must keep samples away from its kinks"


@pytest.mark.parametrize("op_type", DIFFERENTIABLE)
@FEW
@given(data=st.data())
def test_gradient_has_type_and_shape_of_the_input(op_type: str, data: st.DataObject) -> None:
    sample, arrays = data.draw(samples(op_type, tf.float32))
    built = Built(op_type, (sample, arrays))
    found = built.gradients(built.inputs)
    for t, array, g in zip(built.inputs, arrays, found, strict=True):
        if t.dtype.is_floating and built.ys:
            assert (g.dtype, g.shape) == (array.dtype, array.shape)
        else:
            assert g is None, "what is no float, or leads to none, has no gradient"


@pytest.mark.parametrize("op_type", DIFFERENTIABLE)
@FEW
@given(data=st.data())
def test_gradient_does_not_hang_on_known_shapes(op_type: str, data: st.DataObject) -> None:
    use = data.draw(samples(op_type))
    known = Built(op_type, use)
    wanted = known.gradients(known.xs)
    for forget in (lambda s: (None, *s[1:]) if s else s, lambda s: (None,) * len(s)):
        unknown = Built(op_type, use, forget)
        for g, w in zip(unknown.gradients(unknown.xs), wanted, strict=True):
            assert (g is None) == (w is None)
            if g is not None:
                np.testing.assert_allclose(g, w, rtol=1e-10, atol=1e-12)
