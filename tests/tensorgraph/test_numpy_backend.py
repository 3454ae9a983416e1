"""The state of NumPy while kernels run."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.backends.numpy_backend import NumpyBackend


def test_numpy_is_silent_while_kernels_run_and_as_before_afterwards() -> None:
    backend, zero = NumpyBackend(), np.zeros(1)
    with np.errstate(divide="raise", over="call", call=print):
        before = np.geterr()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with backend.running():
                assert set(np.geterr().values()) == {"ignore"}
                with backend.running():
                    assert np.isinf(1.0 / zero).all()
                assert np.isnan(zero / zero).all()
        assert np.geterr() == before
        with pytest.raises(FloatingPointError):
            1.0 / zero


def test_it_is_as_before_after_an_error_too() -> None:
    before = np.geterr()
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.check_numerics(tf.placeholder_with_default(np.nan, []), "here")
        for _ in range(3):
            with pytest.raises(tf.errors.InvalidArgumentError):
                session.run(x)
    assert np.geterr() == before
