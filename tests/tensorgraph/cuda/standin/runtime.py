"""CUDA's runtime, the device, and kernels."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import emulator

from standin.memory import TOTAL, get_default_memory_pool
from standin.streams import CUDARuntimeError, effect, get_current_stream

PROPERTIES = {
    "name": b"Stand-in",
    "major": 9,
    "minor": 0,
    "multiProcessorCount": 132,
    "totalGlobalMem": TOTAL,
    "sharedMemPerBlock": 48 << 10,
    "maxThreadsPerBlock": 1024,
    "warpSize": 32,
}

RUNTIME = SimpleNamespace(
    CUDARuntimeError=CUDARuntimeError,
    getDeviceCount=lambda: 1,
    getDevice=lambda: 0,
    getDeviceProperties=lambda device: dict(PROPERTIES),
    driverGetVersion=lambda: 13000,
    runtimeGetVersion=lambda: 13020,
    streamCaptureModeGlobal=0,
    streamCaptureModeThreadLocal=1,
    streamCaptureModeRelaxed=2,
    deviceSynchronize=lambda: get_current_stream().synchronize(),
    is_hip=False,
)


# The emulator plays one device.
_EMULATING = threading.Lock()


class Device:
    """The only device."""

    def __init__(self, device: Any = None) -> None:
        self.id = int(device or 0)

    def __int__(self) -> int:
        return self.id

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *error: object) -> None:
        """Leave nothing: there is one device."""

    def use(self) -> None:
        """Do nothing: it is the current one."""

    def synchronize(self) -> None:
        get_current_stream().synchronize()

    @property
    def compute_capability(self) -> str:
        return "90"

    @property
    def mem_info(self) -> tuple[int, int]:
        return TOTAL - get_default_memory_pool().used_bytes(), TOTAL


class RawModule:
    """Kernels of a source, run by the emulator."""

    def __init__(
        self,
        *,
        code: str | None = None,
        path: str | None = None,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        translate_cucomplex: bool = False,
        enable_cooperative_groups: bool = False,
        name_expressions: Sequence[str] | None = None,
        jitify: bool = False,
    ) -> None:
        assert code is not None
        self._module = emulator.RawModule(
            code=code, options=options, name_expressions=name_expressions
        )

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(self._module.get_function(name))


class RawKernel:
    """A kernel that a stream may record."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self.max_dynamic_shared_size_bytes = 48 << 10

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], **kwargs: Any
    ) -> None:
        effect(lambda: self._run(grid, block, args, **kwargs))

    def _run(self, *args: Any, **kwargs: Any) -> None:
        with _EMULATING:
            self._kernel(*args, **kwargs)
