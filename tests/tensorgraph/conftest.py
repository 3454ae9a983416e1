"""TensorFlow itself, in graph mode, for tests that run one program through both; what passes do."""

from __future__ import annotations

import importlib
import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.passes import pipeline


@pytest.fixture(scope="session")
def tf1() -> Any:
    """Return `tensorflow.compat.v1`; skip where it is not installed."""
    pytest.importorskip("tensorflow", reason="needs TensorFlow: pip install tensorflow-cpu")
    # The `tf.layers` of today's TensorFlow stand on Keras 2, a package of its own: tf_keras.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module("tensorflow.compat.v1")
        module.disable_v2_behavior()
    module.logging.set_verbosity(module.logging.ERROR)
    return module


class Effect(NamedTuple):
    """What passes did to a program.

    Attributes
    ----------
    before, after : Counter of str
        How many operations of each kind there were, and are.
    plain, values : list of array
        What runs give without any passes, and with these; of variables, their values at the end.
    """

    before: Counter[str]
    after: Counter[str]
    plain: list[Any]
    values: list[Any]

    def assert_same(self, rtol: float = 1e-10, atol: float = 1e-12) -> None:
        """Check that the values are the same."""
        for one, other in zip(self.plain, self.values, strict=True):
            np.testing.assert_allclose(other, one, rtol, atol)


@pytest.fixture
def effect_of() -> Callable[..., Effect]:
    """Return a function that runs fetches of the default graph with and without some passes."""

    def compare(fetches: Any, feeds: Any = None, passes: Sequence[str] = pipeline.NAMES) -> Effect:
        kinds, values = [], []
        for names in ((), passes):
            with tf.Session(config=tf.ConfigProto(passes=names)) as session:
                _set_variables(session)
                program = session.program(fetches, feeds, optimized=False)
                program = pipeline.optimize(program, NumpyBackend(), names, verify=True)
                kinds.append(Counter(op.type for op in program.graph.get_operations()))
                # The second run finds what the first one changed, and left in the buffers.
                results = [session.run(fetches, feeds) for _ in range(2)][-1]
                results = results if isinstance(results, list) else [results]
                results = [r for r in results if r is not None]
                values.append(results + session.run(tf.global_variables()))
        return Effect(*kinds, *values)

    return compare


def _set_variables(session: tf.Session) -> None:
    """Give all variables the same values in each session, none of them negative or zero."""
    for n, v in enumerate(tf.global_variables()):
        drawn = np.random.default_rng(n).uniform(0.5, 1.5, v.shape.as_list())
        v.load(drawn.astype(v.dtype.base_dtype.np_dtype), session)
