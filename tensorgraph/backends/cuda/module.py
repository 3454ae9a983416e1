"""CuPy, imported when a session first asks for it; and what to do where it cannot work."""

from __future__ import annotations

from typing import Any

from tensorgraph.base.errors import UnavailableError
from tensorgraph.base.optional import require

EXTRA = "gpu"
_INSTALL = "pip install 'tensorgraph-engine[gpu]'"


def cupy() -> Any:
    """Return CuPy, which may have no device to work with.

    Raises
    ------
    MissingLibraryError
        If it is not installed.
    """
    return require("cupy", EXTRA, "backend 'cupy'")


def cupyx() -> Any:
    """Return what CuPy has beside NumPy's functions; see `cupy` for what it raises."""
    return require("cupyx", EXTRA, "backend 'cupy'")


def ready(device: int = 0) -> Any:
    """Return CuPy, after a look at whether it has what it needs to compute.

    Parameters
    ----------
    device : int, default 0
        Which GPU will be used.

    Raises
    ------
    MissingLibraryError
        If CuPy is not installed.
    UnavailableError
        If there is no driver, no such GPU, or no compiler of CUDA's toolkit.
    """
    xp = cupy()
    count = device_count(xp)
    if device >= count:
        have = "there is one, /gpu:0" if count == 1 else f"there are {count}, from /gpu:0 on"
        raise UnavailableError(f"there is no /gpu:{device} here: {have}; see `tg devices`")
    if (lack := missing_toolkit(xp)) is not None:
        raise UnavailableError(lack)
    return xp


def device_count(xp: Any) -> int:
    """Return how many GPUs there are, at least one.

    Raises
    ------
    UnavailableError
        If there is none that can be used; the message says why.
    """
    runtime = xp.cuda.runtime
    try:
        count = int(runtime.getDeviceCount())
    except runtime.CUDARuntimeError as error:
        raise UnavailableError(_explained(runtime, error)) from error
    if not count:
        raise UnavailableError(
            "no GPU is visible: CUDA_VISIBLE_DEVICES may hide them; `nvidia-smi` lists what the"
            " driver knows of"
        )
    return count


def _explained(runtime: Any, error: Exception) -> str:
    """Return what a user can do about an error of the first call to CUDA."""
    name = str(error).partition(":")[0]
    version = runtime.runtimeGetVersion()
    needed = f"{version // 1000}.{version % 1000 // 10}"
    known = {
        "cudaErrorInsufficientDriver": (
            "there is no NVIDIA driver here, or one too old for CUDA"
            f" {needed}: install a newer one from the distribution, or from"
            " https://www.nvidia.com/drivers"
        ),
        "cudaErrorNoDevice": (
            "the NVIDIA driver finds no GPU: CUDA_VISIBLE_DEVICES may hide it, or the container"
            " was started without one (docker run --gpus all)"
        ),
    }
    return f"{known.get(name, 'CUDA does not start')} ({error})"


def missing_toolkit(xp: Any) -> str | None:
    """Return what of CUDA's toolkit cannot be loaded, and how to get it; None if all is there."""
    try:
        xp.cuda.nvrtc.getVersion()
        # CuPy loads this one when its name is first looked up.
        _ = xp.cuda.cublas
    except (ImportError, OSError, RuntimeError) as error:
        first = str(error).partition("\n")[0]
        return f"CUDA's toolkit is not installed, or not all of it ({first}): {_INSTALL}"
    return None
