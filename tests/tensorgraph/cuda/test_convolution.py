"""Convolutions by matrix products, and depthwise ones, are what NumPy computes."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from convolutions import PRODUCTS, drawn, run_both
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgraph.backends.cuda import columns, cudnn, depthwise
from tensorgraph.backends.cuda.backend import CupyBackend


@pytest.fixture(scope="module")
def backend(lasting_cuda: CupyBackend, module_patch: pytest.MonkeyPatch) -> CupyBackend:
    """Return a backend without cuDNN."""
    module_patch.setitem(sys.modules, "cudnn", None)
    cudnn._FOUND.clear()
    return lasting_cuda


@pytest.mark.parametrize("product", PRODUCTS)
@given(data=st.data())
def test_products_compute_what_numpy_does(product: str, backend: CupyBackend, data: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # All rows at once, a few of them, one at a time.
        patch.setattr(columns, "ROWS_BYTES", data.draw(st.sampled_from([1 << 28, 700, 1])))
        run_both(backend, drawn(product, data.draw))


@pytest.mark.parametrize("places", [1, 4, 1000])
def test_a_depthwise_gradient_is_added_up_in_parts(
    places: int, backend: CupyBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depthwise, "PLACES_OF_PART", places)
    case = drawn("DepthwiseConv2dNativeBackpropFilter", st.just, size=(3, 2))
    run_both(backend, case._replace(result=(2, 4, 6, 12)))


@pytest.fixture(scope="module")
def card() -> CupyBackend:
    """Return the backend on a card, with cuDNN."""
    pytest.importorskip("cudnn", reason="needs cuDNN: pip install '.[gpu]'")
    return CupyBackend()


@pytest.mark.gpu
@pytest.mark.parametrize("product", [p for p in PRODUCTS if "Depthwise" not in p])
@settings(max_examples=8)
@given(data=st.data())
def test_cudnn_itself_computes_what_numpy_does(product: str, card: CupyBackend, data: Any) -> None:
    run_both(card, drawn(product, data.draw, least=1))
    assert cudnn._cudnn(card.xp) is not None
