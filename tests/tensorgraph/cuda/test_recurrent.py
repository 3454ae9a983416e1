"""LSTM and GRU on the GPU, a step at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_checks import check, node, numpy_results

SIZES = [(1, 1, 1, 1), (5, 3, 4, 6), (2, 7, 9, 33), (3, 0, 2, 2)]
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}


def draw(dtype: Any, *shapes: tuple[int, ...]) -> list[Any]:
    random = np.random.default_rng(13)
    return [(random.normal(size=s) / 2).astype(dtype) for s in shapes]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("steps", "batch", "size", "units"), SIZES)
@pytest.mark.parametrize("given", [(0,), (0, 1, 2, 3), (2,), (1, 3)])
def test_lstm(
    lasting_cuda: Any, dtype: Any, steps: int, batch: int, size: int, units: int, given: Any
) -> None:
    along, last = (steps, batch, units), (batch, units)
    x, c, h, w, b = draw(
        dtype, (steps, batch, size), last, last, (size + units, 4 * units), (4 * units,)
    )
    op = node("BlockLSTM", [x, c, h, w, b], forget_bias=0.7)
    check(lasting_cuda, op, [x, c, h, w, b], *[TOLERANCE[dtype]] * 2)
    _, memories, _, _, *needed = numpy_results(op, [x, c, h, w, b])
    grads = draw(dtype, along, along, last, last)
    inputs = [c, h, w, b, memories, *needed, *(grads[i] for i in given)]
    op = node("BlockLSTMGrad", inputs, given=given)
    check(lasting_cuda, op, inputs, *[TOLERANCE[dtype]] * 2)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("steps", "batch", "size", "units"), SIZES)
@pytest.mark.parametrize("given", [(0,), (0, 1), (1,)])
def test_gru(
    lasting_cuda: Any, dtype: Any, steps: int, batch: int, size: int, units: int, given: Any
) -> None:
    along, last = (steps, batch, units), (batch, units)
    shapes = ((size + units, 2 * units), (size + units, units), (2 * units,), (units,))
    inputs = draw(dtype, (steps, batch, size), last, *shapes)
    op = node("BlockGRU", inputs)
    check(lasting_cuda, op, inputs, *[TOLERANCE[dtype]] * 2)
    h, _, gates = numpy_results(op, inputs)
    grads = draw(dtype, along, last)
    inputs = [*inputs, h, gates, *(grads[i] for i in given)]
    op = node("BlockGRUGrad", inputs, given=given)
    check(lasting_cuda, op, inputs, *[TOLERANCE[dtype]] * 2)
