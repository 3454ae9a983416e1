"""The factors of dropout on the GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_checks import node

from tensorgraph.graph.kernel import KernelContext
from tensorgraph.runtime.state import SessionState


def masks(backend: Any, rate: Any, count: int, constant: bool = True) -> list[np.ndarray[Any, Any]]:
    """Return what two runs give."""
    inputs = [np.array((count,), np.int32), rate]
    op = node("DropoutMask", inputs, (0, 1) if constant else (0,), seeds=(1, 2))
    with backend.running():
        arrays = [backend.from_host(x) for x in inputs]
        context = KernelContext(op, backend, SessionState(backend), [None])
        return [backend.to_host(backend.kernels[op.type](context, *arrays)) for _ in range(2)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_share_and_size(cuda: Any, dtype: Any, rate: float) -> None:
    given = np.array(rate, dtype)
    first, second = masks(cuda, given, 4003)
    assert first.dtype == dtype
    kept = dtype(1 / (1 - float(given)))
    assert set(np.unique(first)) <= {dtype(0), kept}
    # Within five standard deviations.
    assert abs((first == 0).mean() - rate) <= 5 * np.sqrt(rate * (1 - rate) / 4003)
    assert rate == 0 or (first != second).any()
    np.testing.assert_array_equal(first, masks(cuda, given, 4003)[0])


def test_nothing_is_correlated_along_the_array(cuda: Any) -> None:
    first, _ = masks(cuda, np.array(0.5, np.float32), 4096)
    spectrum = np.abs(np.fft.rfft(first - first.mean()))[1:]
    assert spectrum.max() < 6 * np.sqrt(4096)


def test_no_share(cuda: Any) -> None:
    with pytest.raises(ValueError, match="share dropped"):
        masks(cuda, np.array(1.0, np.float32), 4)
    assert np.isnan(masks(cuda, np.array(1.0, np.float32), 4, constant=False)[0]).all()
