"""Copies of arrays whose axes were exchanged."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from kernel_checks import node

from tensorgraph.backends.cuda import transpose
from tensorgraph.backends.cuda.arrays import dense
from tensorgraph.graph.kernel import KernelContext

SHAPES = [(9, 40), (33, 65), (3, 8, 50), (2, 9, 3, 33), (1, 12, 1, 20), (2, 2, 2, 2, 40), (0, 9)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.bool_])
def test_all_orders_of_axes(lasting_cuda: Any, shape: tuple[int, ...], dtype: Any) -> None:
    x = np.random.default_rng(14).integers(0, 100, shape).astype(dtype)
    k = KernelContext(node("Identity", [x]), lasting_cuda)
    with lasting_cuda.running():
        given = lasting_cuda.from_host(x)
        for axes in itertools.islice(itertools.permutations(range(x.ndim)), 24):
            made = dense(k, given.transpose(axes))
            assert made.flags.c_contiguous
            np.testing.assert_array_equal(lasting_cuda.to_host(made), x.transpose(axes))


def test_more_parts_than_a_grid_has_layers(
    lasting_cuda: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transpose, "_MOST_LAYERS", 2)
    x = np.arange(5 * 9 * 10.0).reshape(5, 9, 10)
    k = KernelContext(node("Identity", [x]), lasting_cuda)
    with lasting_cuda.running():
        made = dense(k, lasting_cuda.from_host(x).transpose(0, 2, 1))
        np.testing.assert_array_equal(lasting_cuda.to_host(made), x.transpose(0, 2, 1))


@pytest.mark.parametrize(
    ("shape", "steps", "by_tiles"),
    [
        ((40, 9), (1, 40), True),
        ((40, 9), (9, 1), False),
        ((40, 9), (0, 1), False),
        ((4, 40, 9), (360, 1, 40), True),
        ((40, 4), (1, 40), False),
        ((40, 9), (2, 80), False),
    ],
)
def test_where_tiles_gain_something(shape: Any, steps: Any, by_tiles: bool) -> None:
    assert (transpose.exchange_of(shape, steps) is not None) == by_tiles
