"""Small networks trained on the processor and on the backend: the same curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_nets import NETS, steps

import tensorgraph as tf
from tensorgraph.backends.cuda.backend import CupyBackend

STEPS = 6


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("recorded", [False, True])
def test_the_same_curve(cuda: CupyBackend, net: Any, recorded: bool) -> None:
    del cuda
    wanted = list(steps(net, tf.ConfigProto(backend="numpy"), STEPS))
    config = tf.ConfigProto(backend="cupy", cuda_graphs=recorded)
    got = list(steps(net, config, STEPS))
    assert wanted[-1] < wanted[0]
    np.testing.assert_allclose(got, wanted, rtol=2e-4)
