"""TensorFlow itself, in graph mode, for tests that run one program through both."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import Any

import pytest


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
