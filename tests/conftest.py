"""What every test can use: hypothesis profiles, the shared data sets, the `gpu` marker.

Profiles: `quick` is the default, `deep` is for a machine with time. Choose one with
``pytest --hypothesis-profile deep`` or ``HYPOTHESIS_PROFILE=deep``.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Machines that share their cores with others are slow at random: time is no criterion there.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile(
    "quick",
    _PATIENT,
    max_examples=40,
    # In CI the same examples every time, so that a failure is the change's own.
    derandomize="CI" in os.environ,
)
settings.register_profile("deep", _PATIENT, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of data sets that are not part of the project; skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the data sets of {SHARED_DATA}, which is no folder here")
    return SHARED_DATA


@functools.cache
def _missing_device() -> str | None:
    """Return why there is no CUDA device to test on, or None where there is one."""
    try:
        import cupy
    except ImportError:
        return "needs CuPy: pip install '.[gpu]'"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"needs a CUDA device: {error}"
    return None if count else "needs a CUDA device: none is visible"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked `gpu` where there is no device."""
    if item.get_closest_marker("gpu") is not None and (reason := _missing_device()):
        pytest.skip(reason)
