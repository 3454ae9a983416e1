"""Which GPUs there are."""

from __future__ import annotations

from typing import Any, NamedTuple

from tensorgraph.backends.cuda import module
from tensorgraph.base.errors import UnavailableError
from tensorgraph.base.optional import MissingLibraryError


class Gpu(NamedTuple):
    """A GPU.

    Attributes
    ----------
    number : int
        It is ``/gpu:number``.
    name : str
        What its maker calls it.
    memory, free : int
        Bytes it has, and bytes that nobody uses at the moment.
    capability : str
        The version of its architecture, as ``"9.0"``.
    processors : int
        How many multiprocessors it has.
    """

    number: int
    name: str
    memory: int
    free: int
    capability: str
    processors: int


class Gpus(NamedTuple):
    """All of them, and the libraries that use them.

    Attributes
    ----------
    devices : tuple of Gpu
        The GPUs.
    libraries : str
        Versions of CuPy, of CUDA and of what the driver is made for; empty where CuPy is missing.
    missing : str
        Why there is nothing to compute with and what to do; empty where there is something.
    """

    devices: tuple[Gpu, ...] = ()
    libraries: str = ""
    missing: str = ""


def gpus() -> Gpus:
    """Return what there is; it never raises."""
    try:
        xp = module.cupy()
    except MissingLibraryError as error:
        return Gpus(missing=str(error))
    libraries = _libraries(xp)
    try:
        found = tuple(gpu(xp, index) for index in range(module.device_count(xp)))
    except UnavailableError as error:
        return Gpus(libraries=libraries, missing=error.message)
    return Gpus(found, libraries, module.missing_toolkit(xp) or "")


def gpu(xp: Any, index: int) -> Gpu:
    """Return what is known of one GPU."""
    properties = xp.cuda.runtime.getDeviceProperties(index)
    free, total = xp.cuda.Device(index).mem_info
    return Gpu(
        index,
        properties["name"].decode(),
        total,
        free,
        f"{properties['major']}.{properties['minor']}",
        properties["multiProcessorCount"],
    )


def _libraries(xp: Any) -> str:
    runtime = xp.cuda.runtime
    driver = _version(runtime.driverGetVersion())
    return (
        f"CuPy {xp.__version__}, CUDA {_version(runtime.runtimeGetVersion())},"
        f" driver for CUDA {driver}"
    )


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}" if number else "none"
