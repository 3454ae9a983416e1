"""The backend on a card, and on a stand-in of CuPy where there is none: each test runs on both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import emulator
import pytest
import standin

from tensorgraph.backends.cuda.backend import CupyBackend


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the emulator compiles for all processes of the run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ.setdefault("TENSORGRAPH_EMULATOR_CACHE", str(Path(shared) / "emulator"))


def install(patch: pytest.MonkeyPatch) -> standin.Traffic:
    """Put the stand-in in the place of CuPy, if kernels can be run on it."""
    if (reason := emulator.missing_compiler()) is not None:
        pytest.skip(reason)
    return standin.install(patch)


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> standin.Traffic:
    """Put the stand-in in CuPy's place; return what counts what it copies."""
    return install(monkeypatch)


@pytest.fixture(params=["standin", pytest.param("card", marks=pytest.mark.gpu)])
def cuda(request: pytest.FixtureRequest) -> Iterator[CupyBackend]:
    """Return the backend."""
    if request.param == "standin":
        request.getfixturevalue("traffic")
    return CupyBackend()


@pytest.fixture(scope="module")
def module_patch() -> Iterator[pytest.MonkeyPatch]:
    """Return a patch that lasts as long as the tests of a file, on the stand-in and on a card."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module", params=["standin", pytest.param("card", marks=pytest.mark.gpu)])
def lasting_cuda(request: pytest.FixtureRequest) -> Iterator[CupyBackend]:
    """Return a backend for all tests of a file, as hypothesis wants it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "standin":
            install(patch)
        yield CupyBackend()
