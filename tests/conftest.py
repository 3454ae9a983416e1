"""What every test can use: hypothesis profiles, the shared data sets, what markers mean.

Profiles: `quick` is the default, `deep` is for a machine with time. Choose one with
``pytest --hypothesis-profile deep`` or ``HYPOTHESIS_PROFILE=deep``.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

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


# What work must be worth before it is shared between workers, and how large blocks are.
THRESHOLDS = {
    "tensorgraph.ops.shares.SHARED_BYTES": 1,
    "tensorgraph.ops.shares.BLOCK_BYTES": 1 << 11,
    "tensorgraph.ops.training.LARGE_VARIABLE": 1,
    "tensorgraph.ops.products.SHARED_PRODUCT": 1,
    "tensorgraph.runtime.sharing.LARGE_BYTES": 1,
    "tensorgraph.passes.switches.LEAST_BYTES": 1,
    "tensorgraph.passes.regions.SMALL_REGION": 1,
    "tensorgraph.passes.regions.FEWEST_IMAGES": 1,
    "tensorgraph.runtime.regions.BLOCK_BYTES": 1 << 11,
}


@pytest.fixture(scope="session")
def share_everything() -> Callable[[pytest.MonkeyPatch], None]:
    """Return what makes workers share even the least work, in blocks of few bytes."""

    def share(patch: pytest.MonkeyPatch) -> None:
        for name, value in THRESHOLDS.items():
            patch.setattr(name, value)

    return share


class Visit(NamedTuple):
    """What a browser made of a page."""

    dom: str  # after all scripts have run
    console: list[str]
    requests: list[str]  # those that left the machine, or would have


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., Visit]:
    """Return a function that opens a page in Chromium, and runs one more script in it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Chromium")

    def visit(page: Path, script: str = "") -> Visit:
        html = page.read_text(encoding="utf-8")
        nonce = re.search(r'nonce="(\w+)"', html)
        assert nonce is not None
        mine = f'<script nonce="{nonce[1]}">{script}</script></body>'
        copy, log = tmp_path / "visited.html", tmp_path / "net.json"
        copy.write_text(html.replace("</body>", mine), encoding="utf-8")
        quiet = ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
        done = subprocess.run(
            [
                *(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", *quiet),
                *("--enable-logging=stderr", f"--log-net-log={log}", "--window-size=1280,900"),
                *(f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom", copy.as_uri()),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        # The log may end in the middle of an entry. What the browser itself asks for has no origin.
        started = re.findall(r'"initiator":"(.*?)".*?"url":"(https?:.*?)"', log.read_text("utf-8"))
        urls = [url for origin, url in started if origin != "not an origin"]
        return Visit(done.stdout, console, urls)

    return visit


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Look for a device before any test puts something else in CuPy's place."""
    if any(item.get_closest_marker("gpu") for item in items):
        _missing_device()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked `gpu` where there is no device, those marked `keras` unless asked for."""
    if item.get_closest_marker("gpu") is not None and (reason := _missing_device()):
        pytest.skip(reason)
    if item.get_closest_marker("keras") is not None and "keras" not in item.config.option.markexpr:
        pytest.skip("needs Keras and a minute: pytest -m keras")
